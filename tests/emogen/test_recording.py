from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from source_layouts import IMAGES, PIXEL, emoset, parquet_folder

from emogen.dataset import Dataset
from emogen.errors import InputError
from emogen.recording import Complete, Report, problems_file, refuse_place, write_records
from emogen.schemas import ImageRecord
from emogen.selection import Selection
from emogen.sources import OnProblem, Problem, open_source, read_records


def note(folder: Path, *lines: dict[str, object]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "metadata.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
    )
    return folder


def write(folder: Path, out: Path, complete: Complete | None = None, **selection: object) -> Report:
    dataset = Dataset(open_source(folder), Selection(**selection))  # type: ignore[arg-type]
    return write_records(dataset, out, complete=complete)


def test_written_records_can_be_read(tmp_path: Path) -> None:
    """The file holds the records whole, and its image paths lead from it to the images."""
    folder = note(
        tmp_path / "photographs",
        {"file_name": "./sub/a.png", "caption": "Möwe", "emotion": "awe", "split": "test"},
        {"file_name": "b.png"},
    )
    (folder / "b.png").touch()
    out = tmp_path / "new" / "records.jsonl"
    report = write(folder, out)
    first, second = read_records(out)
    assert (first.image, second.image) == ("../photographs/sub/a.png", "../photographs/b.png")
    assert (first.caption, first.emotion, first.split) == ("Möwe", "awe", "test")
    assert report.counts == {("test", "awe"): 1, (None, None): 1}
    assert report.missing_images == 1
    assert (report.first_missing or "").endswith("photographs/sub/a.png")


def test_completed_records(tmp_path: Path) -> None:
    """Records are completed on their way into the file; what cannot be is a problem, and no image is looked for."""
    folder = note(tmp_path / "photographs", {"file_name": "white.png"}, {"file_name": "missing.png"})
    out = tmp_path / "records.jsonl"

    def complete(
        records: Iterator[ImageRecord], images: Path, on_problem: OnProblem
    ) -> Iterator[ImageRecord]:
        assert images == folder
        for record in records:
            if record.image == "missing.png":
                on_problem(Problem(record.image, "no such image"))
            else:
                yield record.model_copy(update={"caption": "A page."})

    report = write(folder, out, complete)
    (record,) = read_records(out)
    assert (record.image, record.caption) == ("photographs/white.png", "A page.")
    assert (report.written, report.problems.left_out, report.missing_images) == (1, 1, 0)
    (problem,) = map(json.loads, problems_file(out).read_text().splitlines())
    assert problem == {"where": "missing.png", "what": "no such image", "left_out": True}


def test_images_inside(tmp_path: Path) -> None:
    """Images that the data set holds itself lie in a folder beside the file, only those of its records."""
    out = tmp_path / "out" / "tiny.jsonl"
    report = write(parquet_folder(tmp_path / "data"), out, splits=frozenset({"train"}), limit=2)
    records = list(read_records(out))
    assert [record.image for record in records] == [
        f"tiny-images/train/{name}.gif" for _, _, name in IMAGES[:2]
    ]
    assert {path.read_bytes() for path in (out.parent / "tiny-images").rglob("*.gif")} == {PIXEL}
    assert len(list((out.parent / "tiny-images").rglob("*.gif"))) == 2
    assert report.missing_images == 0


def test_same_bytes(tmp_path: Path) -> None:
    """The same data give the same bytes."""
    folder = emoset(tmp_path / "EmoSet")
    for name in ("a.jsonl", "b.jsonl"):
        write(folder, tmp_path / name)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_a_records_file_of_a_records_file(tmp_path: Path) -> None:
    """What was written can be selected from, and what is taken stays as it was."""
    folder = emoset(tmp_path / "EmoSet")
    write(folder, tmp_path / "all.jsonl")
    write(tmp_path / "all.jsonl", tmp_path / "again.jsonl")
    assert (tmp_path / "all.jsonl").read_bytes() == (tmp_path / "again.jsonl").read_bytes()


def test_problems_of_an_earlier_file(tmp_path: Path) -> None:
    """A list of problems is there exactly when the file beside it was written with some."""
    folder = emoset(tmp_path / "EmoSet", annotations={"awe_00000": {"emotion": "fear"}})
    out = tmp_path / "records.jsonl"
    assert write(folder, out).problems.left_out == 1
    assert problems_file(out).exists()
    emoset(folder)
    assert write(folder, out).problems.left_out == 0
    assert not problems_file(out).exists()


def test_earlier_file_survives(tmp_path: Path) -> None:
    """Neither a broken input nor a selection of nothing destroys the earlier file."""
    out = tmp_path / "records.jsonl"
    out.write_text("earlier")
    folder = emoset(tmp_path / "EmoSet")

    class Breaks(Dataset):
        def records(self, on_problem: OnProblem) -> Iterator[ImageRecord]:
            yield next(super().records(on_problem))
            raise InputError("broken line")

    with pytest.raises(InputError, match="broken line"):
        write_records(Breaks(open_source(folder)), out)
    assert write(folder, out, splits=frozenset({"val"})).written == 0
    assert out.read_text() == "earlier"
    assert list(tmp_path.glob(".*")) == []


def test_where_the_file_may_be(tmp_path: Path) -> None:
    """The images lie below the file's folder, if only by a link; where they are inside, anywhere will do."""
    dataset = Dataset(open_source(emoset(tmp_path / "data" / "EmoSet")))
    refuse_place(dataset, tmp_path / "records.jsonl")
    elsewhere = tmp_path / "work"
    with pytest.raises(InputError, match=r"ln -s \S+/data/EmoSet \S+/work"):
        refuse_place(dataset, elsewhere / "records.jsonl")
    elsewhere.mkdir()
    (elsewhere / "EmoSet").symlink_to(tmp_path / "data" / "EmoSet")
    linked = Dataset(open_source(elsewhere / "EmoSet"))
    refuse_place(linked, elsewhere / "records.jsonl")
    refuse_place(
        Dataset(open_source(parquet_folder(tmp_path / "data" / "tiny"))), elsewhere / "records.jsonl"
    )
    with pytest.raises(InputError, match=r"Name it records\.jsonl"):
        refuse_place(dataset, tmp_path / "metadata.jsonl")
