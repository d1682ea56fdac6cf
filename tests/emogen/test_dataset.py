from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from source_layouts import IMAGES, emoset, parquet_folder, records_file

from emogen.dataset import Dataset
from emogen.selection import Selection
from emogen.sources import Problem, open_source
from emogen.sources.captions import Captions


def ids(dataset: Dataset) -> list[str]:
    return [record.id for record in dataset.records(lambda problem: None)]


def test_reading_twice(tmp_path: Path) -> None:
    """A data set gives the same records each time, whatever is selected."""
    for selection in (
        Selection(),
        Selection(share=Fraction(1, 2)),
        Selection(rows=(0, 1)),
        Selection(limit=2),
    ):
        dataset = Dataset(open_source(emoset(tmp_path)), selection)
        assert ids(dataset) == ids(dataset)
        assert ids(dataset)


@pytest.mark.parametrize(
    ("selection", "count"),
    [(Selection(), 4), (Selection(limit=2), 2), (Selection(limit=9), 4), (Selection(share=Fraction(1)), 4)],
)
def test_count(tmp_path: Path, selection: Selection, count: int) -> None:
    """How many records there will be is known for a records file and for a balanced selection."""
    dataset = Dataset(open_source(records_file(tmp_path)), selection)
    assert dataset.count() == len(ids(dataset)) == count


def test_count_that_only_reading_tells(tmp_path: Path) -> None:
    """A split of a records file has as many records as only reading it tells."""
    selection = Selection(splits=frozenset({"test"}))
    assert Dataset(open_source(records_file(tmp_path)), selection).count() is None


def test_problems_are_told_once(tmp_path: Path) -> None:
    """Where the source is read twice, its problems are told in the reading that is used."""
    folder = emoset(tmp_path, annotations={"awe_00000": {"emotion": "fear"}})
    problems: list[Problem] = []
    dataset = Dataset(open_source(folder), Selection(share=Fraction(1)))
    assert len(list(dataset.records(problems.append))) == 3
    assert len(problems) == 1


def test_differences_from_what_is_published(tmp_path: Path) -> None:
    """After a whole reading, selected or not, the source's own counts are compared, and only then."""
    dataset = Dataset(open_source(emoset(tmp_path)), Selection(splits=frozenset({"test"})))
    assert dataset.differences() is None
    ids(dataset)
    assert "train awe: 2 of 12,022" in (dataset.differences() or [])
    first = Dataset(open_source(emoset(tmp_path)), Selection(limit=1))
    ids(first)
    assert first.differences() is None
    unpublished = Dataset(open_source(records_file(tmp_path / "r")))
    ids(unpublished)
    assert unpublished.differences() is None


def test_captions_and_images_inside(tmp_path: Path) -> None:
    """Captions are joined whether or not images are written out."""
    path = tmp_path / "captions.json"
    path.write_text('{"awe_00000": "A bird."}')
    dataset = Dataset(open_source(parquet_folder(tmp_path / "data")), Selection(limit=1), Captions(path))
    (read,) = dataset.records(lambda problem: None)
    (extracted,) = dataset.extract(tmp_path / "out", lambda problem: None)
    assert read.id == extracted.id == IMAGES[0][2]
    assert read.caption == extracted.caption == "A bird."
    assert read.origin["caption"] == "captions"
