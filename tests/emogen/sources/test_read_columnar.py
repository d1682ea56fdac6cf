from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from source_layouts import IMAGES, MIKELS, PIXEL, arrow_folder, hub_table, parquet_folder

from emogen.errors import InputError, MissingExtraError
from emogen.labels import LABEL_SETS
from emogen.schemas import Attributes, ImageRecord
from emogen.sources import ImagesInside, Problem, detect, open_source, raise_problem, read_records
from emogen.sources.shards import split_of


def write(path: Path, columns: dict[str, Sequence[Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path)
    return path


def extract(path: Path, out: Path) -> tuple[list[ImageRecord], list[Problem]]:
    source = open_source(path)
    assert isinstance(source, ImagesInside)
    problems: list[Problem] = []
    return list(source.extract(out, lambda record: True, problems.append)), problems


def test_whole_row(tmp_path: Path) -> None:
    """A table with image paths is read as a CSV is; what is null, NaN or empty is absent."""
    path = write(
        tmp_path / "a.parquet",
        {
            "image_path": ["x/a.jpg", "b.jpg"],
            "emotion": ["awe", None],
            "caption": ["A dog.", ""],
            "brightness": [0.5, float("nan")],
            "object": [["Hat", "boxing "], []],
            "split": ["validation", None],
        },
    )
    first, second = read_records(path)
    assert (first.id, first.emotion, first.caption, first.split) == ("x/a", "awe", "A dog.", "val")
    assert first.attributes == Attributes(brightness=0.5, object=("Hat", "boxing"))
    assert second == ImageRecord(id="b", image="b.jpg")


@pytest.mark.parametrize("make", [parquet_folder, arrow_folder])
def test_labels_go_by_name(tmp_path: Path, make: Any) -> None:
    """The same label is another number in another copy; the copy's own names decide."""
    reordered = list(reversed(MIKELS))
    records = list(read_records(make(tmp_path, names=reordered)))
    assert {record.id: record.emotion for record in records} == {name: emotion for emotion, _, name in IMAGES}
    assert {record.labels for record in records} == {LABEL_SETS["mikels-8"]}


def test_numbers_without_names_are_refused(tmp_path: Path) -> None:
    """Without names nobody knows what a number means: no row is used, and the remedy is told."""
    path = write(tmp_path / "a.parquet", {"image": ["a.jpg"], "label": [3]})
    with pytest.raises(InputError, match=r"the label 3 is a number.*"):
        list(read_records(path))


def test_label_set_of_the_copy(tmp_path: Path) -> None:
    """A copy with other labels brings its own label set."""
    names = ["Surprise", "awe", "fear", "sadness"]
    records = list(read_records(parquet_folder(tmp_path, names=names)))
    assert {record.labels for record in records} == {tuple(names)}


def test_folder_with_dataset_of_one_split(tmp_path: Path) -> None:
    """One split's folder of what save_to_disk wrote, and one file of it, can be read alone."""
    folder = arrow_folder(tmp_path / "data") / "test"
    assert detect(folder) == "arrow"
    expected = [("sadness_00003", "test")]
    assert [(record.id, record.split) for record in read_records(folder)] == expected
    (file,) = folder.glob("*.arrow")
    assert [record.id for record in read_records(file)] == ["sadness_00003"]


def test_arrow_file_with_a_footer(tmp_path: Path) -> None:
    """An Arrow file (Feather 2) is read as the streams of `datasets` are."""
    table = hub_table("train")
    path = tmp_path / "train.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    assert [record.id for record in read_records(path)] == ["awe_00000", "fear_00001", "awe_00002"]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00018", "train"),
        ("validation", "val"),
        ("emo_set-test-00001", "test"),
        ("data", None),
        ("train_test", None),
        ("contrained", None),
    ],
)
def test_split_in_a_name(name: str, split: str | None) -> None:
    """A file's name tells its split where it holds the word for exactly one."""
    assert split_of(name) == split


def test_split_in_a_folders_name(tmp_path: Path) -> None:
    """A folder of each split is as good as a file of each."""
    write(tmp_path / "test" / "0000.parquet", {"image": ["a.jpg"]})
    assert [record.split for record in read_records(tmp_path)] == ["test"]


def test_images_that_are_called_alike(tmp_path: Path) -> None:
    """No image overwrites another, and no record loses its own."""
    image = [{"bytes": PIXEL, "path": "same.gif"}, {"bytes": PIXEL + b"2", "path": "same.gif"}]
    path = write(tmp_path / "train.parquet", {"image": image})
    records, problems = extract(path, tmp_path / "out")
    assert problems == []
    contents = [(tmp_path / "out" / record.image).read_bytes() for record in records]
    assert contents == [PIXEL, PIXEL + b"2"]
    assert len({record.id for record in records}) == 2


@pytest.mark.parametrize(
    "called",
    ["../../up.gif", "/etc/passwd", "..", "", None, ".hidden.gif", "a\0b.gif", "x" * 400, "C:\\a\\b.gif"],
)
def test_hostile_names(tmp_path: Path, called: str | None) -> None:
    """Whatever a data set calls an image, it is written below the folder that was named."""
    path = write(tmp_path / "in" / "a.parquet", {"image": [{"bytes": PIXEL, "path": called}]})
    out = tmp_path / "deep" / "out"
    before = {*tmp_path.rglob("*")}
    ((record,), problems) = extract(path, out)
    written = [path for path in {*tmp_path.rglob("*")} - before if path.is_file()]
    assert problems == []
    assert written == [out / record.image]
    assert "/" not in record.image


@pytest.mark.parametrize("called", ["../up.jpg", "/etc/passwd", "..\\up.jpg"])
def test_hostile_paths(tmp_path: Path, called: str) -> None:
    """A path of an image file that leads out of the data set is refused, and told."""
    path = write(tmp_path / "a.parquet", {"image": ["good.jpg", called]})
    problems: list[Problem] = []
    assert [record.image for record in open_source(path).records(problems.append)] == ["good.jpg"]
    assert "leads out of" in problems[0].what


def test_suffix_of_an_image_without_name(tmp_path: Path) -> None:
    """The suffix of a written image is that of its format."""
    path = write(tmp_path / "a.parquet", {"image": [PIXEL, b"\x89PNG rest"], "id": ["one", "two"]})
    records, _ = extract(path, tmp_path / "out")
    assert [(record.id, record.image) for record in records] == [("one", "one.gif"), ("two", "two.png")]


def test_rows_without_an_image(tmp_path: Path) -> None:
    """A row without an image, or with something else, is told; the others are written."""
    images = [{"bytes": PIXEL, "path": "a.gif"}, None, {"bytes": b"text", "path": "c.gif"}]
    path = write(tmp_path / "a.parquet", {"image": images, "id": ["a", "b", "c"]})
    records, problems = extract(path, tmp_path / "out")
    assert [record.id for record in records] == ["a"]
    assert ["row 2" in problems[0].where, "row 3" in problems[1].where] == [True, True]


def test_only_a_group_of_rows_is_in_memory(tmp_path: Path) -> None:
    """However long a file with images inside is, no more of it is in memory than one of its groups of rows."""
    image = {"bytes": PIXEL * 1_000, "path": None}
    table = pa.table({"image": [image] * 200, "id": [str(number) for number in range(200)]})
    parquet.write_table(
        table, tmp_path / "a.parquet", row_group_size=10, compression="none", use_dictionary=False
    )
    del table
    source = open_source(tmp_path / "a.parquet")
    assert isinstance(source, ImagesInside)
    before, most = pa.total_allocated_bytes(), 0
    for _ in source.extract(tmp_path / "out", lambda record: True, raise_problem):
        most = max(most, pa.total_allocated_bytes() - before)
    assert 0 < most < 4 * 10 * len(image["bytes"])


def test_a_full_disk_ends_the_work(tmp_path: Path) -> None:
    """Where images cannot be written, no time is spent on the rest."""
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="cannot be written"):
        extract(parquet_folder(tmp_path / "data"), tmp_path / "out")


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"ARROW1\0\0", b"\xff" * 500])
def test_damaged_file(tmp_path: Path, suffix: str, content: bytes) -> None:
    """A file that is not what its name says is refused with its name."""
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.{suffix}: cannot be read as {suffix}"):
        list(read_records(path))


@pytest.mark.parametrize("make", [parquet_folder, arrow_folder])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_off_file(tmp_path: Path, make: Any, share: float) -> None:
    """A half-downloaded file is an error, not fewer records."""
    folder = make(tmp_path)
    file = next(
        path
        for path in sorted(folder.rglob("*train*/*.arrow" if make is arrow_folder else "*train*.parquet"))
    )
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="cannot be read"):
        list(read_records(folder))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"caption": ["A dog."]}, "no column for the image among caption"),
        ({"image": [["a.jpg", "b.jpg"]]}, "several images a row"),
    ],
)
def test_refused_file(tmp_path: Path, columns: dict[str, Sequence[Any]], expected: str) -> None:
    """A table that cannot hold records is refused with its name."""
    with pytest.raises(InputError, match=expected):
        list(read_records(write(tmp_path / "a.parquet", columns)))


def test_description_that_leads_out(tmp_path: Path) -> None:
    """The files that a data set's description names lie in its own folder."""
    folder = arrow_folder(tmp_path / "data")
    (folder / "dataset_dict.json").write_text('{"splits": ["../elsewhere"]}')
    with pytest.raises(InputError, match="leads out of"):
        list(read_records(folder))


def test_a_package_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the message names the line that installs it."""
    path = write(tmp_path / "a.parquet", {"image": ["a.jpg"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"emovit-toolkit\[tables\]"):
        list(read_records(path))
