"""What every source promises, whoever adds it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest
from source_layouts import IMAGES, LAYOUTS, PIXEL

from emogen.errors import EmovitError, InputError
from emogen.sources import SOURCES, ImagesInside, Problem, detect, open_source, raise_problem, read_records

every_source = pytest.mark.parametrize("name", SOURCES.names())
# Sources of other packages come with tests of their own layout.
every_layout = pytest.mark.parametrize("name", LAYOUTS)


@every_source
def test_one_line_says_what_it_is(name: str) -> None:
    """The first line of each class's docstring tells a reader which layout it is."""
    assert 20 < len(SOURCES.summaries()[name]) < 120


def test_every_source_of_ours_has_a_layout_to_test() -> None:
    """No source is added without the small data set that this file reads."""
    ours = {name for name, target in SOURCES.targets().items() if target.startswith("emogen.")}
    # What the Hub gives are Parquet and Arrow files: tests/emogen/sources/test_read_hub.py downloads some.
    assert ours == {*LAYOUTS, "hub"}


@every_layout
def test_it_is_recognised(name: str, tmp_path: Path) -> None:
    """What is there is enough to tell the layout."""
    assert detect(LAYOUTS[name](tmp_path / "data")) == name


@every_layout
def test_it_reads_what_is_there(name: str, tmp_path: Path) -> None:
    """Labels and splits are read by name, images are named from the image root, ids differ."""
    source = open_source(LAYOUTS[name](tmp_path / "data"))
    assert source.name == name
    problems: list[Problem] = []
    records = list(source.records(problems.append))
    found = [(record.emotion, record.split, PurePosixPath(record.image).stem) for record in records]
    assert sorted(found) == sorted(IMAGES)
    assert problems == []
    assert len({record.id for record in records}) == len(IMAGES)
    assert source.image_root.is_dir()
    assert not any(record.image.startswith(("/", "..")) for record in records)


@every_layout
def test_it_can_be_read_again(name: str, tmp_path: Path) -> None:
    """A second reading gives the same records in the same order."""
    source = open_source(LAYOUTS[name](tmp_path / "data"))
    assert list(source.records(raise_problem)) == list(source.records(raise_problem))


@every_layout
def test_it_counts_no_less_than_it_yields(name: str, tmp_path: Path) -> None:
    """A source that counts its rows beforehand makes no more records than that."""
    count = open_source(LAYOUTS[name](tmp_path / "data")).count()
    assert count is None or count == len(IMAGES)


@every_layout
def test_a_label_set_of_the_users_wins(name: str, tmp_path: Path) -> None:
    """`labels` takes the place of what the source says, in every record."""
    labels = ("sadness", "fear", "awe", "bliss")
    records = list(read_records(LAYOUTS[name](tmp_path / "data"), labels))
    assert {record.labels for record in records} == {labels}


@every_source
def test_it_refuses_a_missing_path(name: str, tmp_path: Path) -> None:
    """A path that is not there is an error that names it."""
    with pytest.raises(EmovitError, match="missing"):
        next(read_records(tmp_path / "missing", source=name))


@every_layout
def test_images_inside_become_files(name: str, tmp_path: Path) -> None:
    """A source that holds images writes those of the wanted records, and only those, where the records say."""
    source = open_source(LAYOUTS[name](tmp_path / "data"))
    if not (isinstance(source, ImagesInside) and source.has_images_inside()):
        return
    out = tmp_path / "out"
    records = list(source.extract(out, lambda record: record.split == "train", raise_problem))
    assert [record.id for record in records] == [name for _, split, name in IMAGES if split == "train"]
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {record.image for record in records}
    assert {(out / file).read_bytes() for file in files} == {PIXEL}


@every_source
def test_it_refuses_an_empty_folder(name: str, tmp_path: Path) -> None:
    """A folder with nothing of the layout in it is an error, never zero records."""
    with pytest.raises(InputError, match=re.escape(str(tmp_path))):
        next(read_records(tmp_path, source=name))
