"""Splits: one for an image, with all its records and every copy of its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.errors import InputError
from emogen.exporters.export import ExportReport, export
from emogen.exporters.options import ExportOptions, fractions
from emogen.exporters.splits import split_of_hash
from emogen.schemas import ImageRecord, Provenance, Sample, Turn

PROVENANCE = Provenance(backend="none", model="", prompt_sha256="", template_sha256="")
THIRDS = (1 / 3, 1 / 3, 1 / 3)


def sample(record_id: str, image: str, split: Any = None, instruction: str = "reasoning") -> Sample:
    return Sample(
        record=ImageRecord(id=record_id, image=image, split=split),
        instruction=instruction,
        turns=(Turn(question="Why?", answer="So.", kind="reasoning"),),
        provenance=PROVENANCE,
    )


def parts(samples: list[Sample], out: Path, **options: Any) -> tuple[dict[str, set[str]], ExportReport]:
    """Export, and return the record ids of each split."""
    report = export(samples, "llava", out, ExportOptions(overwrite=True, **options))
    files = {path.stem: orjson.loads(path.read_bytes()) for path in out.glob("*.json")}
    return {split: {row["id"].split("/")[0] for row in rows} for split, rows in files.items()}, report


@given(
    drawn=st.lists(
        st.tuples(
            st.sampled_from(["a.jpg", "./a.jpg", ".//a.jpg", "copy.jpg", "b.jpg", "b2.jpg"]),
            st.sampled_from([None, "train", "val", "test"]),
        ),
        min_size=1,
        max_size=8,
    ),
    split_by=st.sampled_from([None, THIRDS, (0.9, 0.05, 0.05), (0.0, 1.0, 0.0)]),
    seed=st.integers(0, 5),
)
def test_no_image_is_in_two_splits(
    drawn: list[tuple[str, Any]], split_by: Any, seed: int, new_folder: Callable[[], Path]
) -> None:
    """However records name an image, and however many copies its file has, all of it is in one split."""
    root = new_folder()
    content = {"a.jpg": b"BM A", "copy.jpg": b"BM A", "b.jpg": b"BM B", "b2.jpg": b"BM B2"}
    for name, data in content.items():
        (root / name).write_bytes(data)
    samples = [sample(f"r{n}", image, split) for n, (image, split) in enumerate(drawn)]
    samples.append(sample("last", "b.jpg"))
    found, report = parts(
        samples, root / "out", images="link", image_root=root, split_by=split_by, split_seed=seed
    )
    said = {each.record.id: each.record.split for each in samples}
    picture = {each.record.id: content[Path(each.record.image).name] for each in samples}
    shown = [{picture[record] for record in records} for records in found.values()]
    assert sum(map(len, shown)) == len(set().union(*shown))
    assert sum(map(len, found.values())) == len(samples) == report.written
    for split, records in found.items():
        for record in records:
            own = {said[other] for other in said if picture[other] == picture[record]} - {None}
            if own:
                assert split == max(own, key=["train", "val", "test"].index)
            elif split_by is None:
                assert split == "train"


def test_the_share_of_each_split_is_about_what_was_asked_for(tmp_path: Path) -> None:
    """Two thousand images fall into the shares given, another seed divides them in another way."""
    samples = [sample(f"r{number}", f"{number}.jpg") for number in range(2000)]
    found, _ = parts(samples, tmp_path / "out", split_by=(0.8, 0.15, 0.05))
    assert {split: len(records) / 20 for split, records in found.items()} == pytest.approx(
        {"train": 80, "val": 15, "test": 5}, abs=2.5
    )
    other, _ = parts(samples, tmp_path / "out", split_by=(0.8, 0.15, 0.05), split_seed=1)
    assert found != other


def test_an_image_keeps_its_split_whatever_else_is_exported(tmp_path: Path) -> None:
    """More samples, other types and other names of the file move no image into another split."""
    for number in range(30):
        (tmp_path / f"{number}.jpg").write_bytes(b"%d" % number)
        (tmp_path / f"again {number}.jpg").write_bytes(b"%d" % number)
    some = [sample(f"r{number}", f"{number}.jpg") for number in range(15)]
    more = [sample(f"r{number}", f"again {number}.jpg", instruction="conversation") for number in range(30)]
    options: dict[str, Any] = {"image_root": tmp_path, "split_by": THIRDS}
    few, _ = parts(some, tmp_path / "few", **options)
    all_of_them, _ = parts(more, tmp_path / "all", **options)
    for split, records in few.items():
        assert records <= all_of_them[split]


def test_the_records_own_splits_go_first(tmp_path: Path) -> None:
    """A record's own split holds under --split-by; an image held out by another record goes along."""
    samples = [
        sample("a", "a.jpg", "test"),
        sample("b", "a.jpg"),
        sample("c", "a.jpg", "train"),
        sample("d", "d.jpg"),
    ]
    found, report = parts(samples, tmp_path / "out", split_by=(1.0, 0.0, 0.0))
    assert found == {"test": {"a", "b", "c"}, "train": {"d"}}
    assert report.moved == 1


def test_one_split_leaves_out_what_another_record_holds_out(tmp_path: Path) -> None:
    """A training export without any shares given leaks no image of the test records, copies of files among them."""
    (tmp_path / "a.jpg").write_bytes(b"same")
    (tmp_path / "b.jpg").write_bytes(b"same")
    (tmp_path / "c.jpg").write_bytes(b"else")
    samples = [
        sample("a", "a.jpg", "test"),
        sample("b", "b.jpg"),
        sample("c", "c.jpg"),
        sample("d", "./a.jpg"),
    ]
    out = tmp_path / "train.json"
    report = export(samples, "llava", out, ExportOptions(split="train", image_root=tmp_path))
    assert [row["id"] for row in orjson.loads(out.read_bytes())] == ["c/reasoning"]
    assert (report.other_splits, report.moved) == (3, 2)


def test_a_split_without_samples_is_said_to_be_empty(tmp_path: Path) -> None:
    """Asking for a split that no sample is in is an error that names the way out."""
    with pytest.raises(InputError, match=r"no sample is in the split 'val'.*--split all"):
        export([sample("a", "a.jpg")], "llava", tmp_path / "out.json", ExportOptions(split="val"))


@pytest.mark.parametrize(
    ("text", "shares"),
    [("0.9,0.05,0.05", (0.9, 0.05, 0.05)), ("0.8,0.2", (0.8, 0.2, 0.0)), (" 0, 0 ,1", (0.0, 0.0, 1.0))],
)
def test_shares_are_read(text: str, shares: tuple[float, ...]) -> None:
    """Two or three numbers are the shares of train, val and test."""
    assert fractions(text) == shares


@pytest.mark.parametrize(
    "text", ["", "1", "0.5,0.4", "0.5,0.6", "1.5,-0.5", "nan,1", "a,b", "0.4,0.3,0.2,0.1"]
)
def test_other_shares_are_refused(text: str) -> None:
    """What does not divide everything is an error with an example."""
    with pytest.raises(InputError, match=r"--split-by 0\.9,0\.05,0\.05"):
        fractions(text)


@given(name=st.text("ab", max_size=4), seed=st.integers(0, 9))
def test_a_share_of_nothing_gets_nothing(name: str, seed: int) -> None:
    """A split with the share 0 stays empty, and a split with the share 1 takes everything."""
    assert split_of_hash(name, (0.0, 1.0, 0.0), seed) == "val"
    assert split_of_hash(name, (0.5, 0.0, 0.5), seed) != "val"
