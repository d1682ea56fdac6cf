"""What every evaluation data set promises, whoever adds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emogen.errors import EmovitError, InputError, UnknownNameError
from emovit_train.evaluation.datasets import DATASETS, detect_dataset, open_dataset
from emovit_train.evaluation.datasets.check import check_dataset, read_items
from tests.emovit_train.evaluation.datasets.dataset_layouts import LAYOUTS

every = pytest.mark.parametrize("name", DATASETS.names())
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def test_every_data_set_has_a_layout_to_test() -> None:
    """No data set is added without the small copy that this file reads."""
    ours = {name for name, target in DATASETS.targets().items() if target.startswith("emovit_train.")}
    assert ours == {name for name, *_ in LAYOUTS.values()}


@every
def test_it_says_what_it_is(name: str) -> None:
    """One line of summary; where it is to be had and on what terms; labels that differ; known counts that add up."""
    kind = DATASETS.get(name)
    assert 20 < len(DATASETS.summaries()[name]) < 120
    assert "Where: " in (kind.__doc__ or "")
    assert name == "labelled" or "Licence: " in (kind.__doc__ or "")
    assert kind.name == name
    for labels in kind.tasks.values():
        assert len(set(labels)) == len(labels)
    if kind.known.by_label:
        assert sum(kind.known.by_label.values()) == kind.known.images
        assert set(kind.known.by_label) == set(next(iter(kind.tasks.values())))


@every_layout
def test_it_reads_the_layout(layout: str, tmp_path: Path) -> None:
    """It is recognised, every item's image is there, ids differ, labels are labels, and problems are told."""
    name, write, items, left_out = LAYOUTS[layout]
    root = write(tmp_path / "copy")
    recognised = layout not in ("fi in splits", "iapsa in folders")
    assert not recognised or detect_dataset(root) == name
    for task in DATASETS.get(name).tasks if name != "labelled" else ["mikels-8"]:
        dataset = open_dataset(root, name, task)
        found, problems = read_items(dataset)
        assert len(found) == items
        assert sum(problem.left_out for problem in problems) == left_out
        assert len({item.id for item in found}) == items
        assert all((dataset.image_root / item.image).is_file() for item in found)
        assert all(item.label is None or item.label in item.labels for item in found)
        assert all(item.distribution is None or set(item.distribution) == set(item.labels) for item in found)
        assert [item.id for item in dataset.items(problems.append)] == [item.id for item in found]


@every_layout
def test_a_missing_image_is_told_and_the_rest_keeps_its_split(layout: str, tmp_path: Path) -> None:
    """One image less is one item less, named as wrong where something names it; no other image changes its split."""
    name, write, *_ = LAYOUTS[layout]
    dataset = open_dataset(write(tmp_path / "copy"), name)
    before, _ = read_items(dataset)
    gone = dataset.image_root / before[0].image
    gone.unlink()
    after, problems = read_items(dataset)
    assert [(item.id, item.split) for item in after] == [(item.id, item.split) for item in before[1:]]
    listed = ("abstract", "emoset", "emotion6", "emotionroi", "iapsa", "oxford-hic")
    named = layout.endswith("table") or (name in listed and not layout.endswith("in folders"))
    assert any(problem.left_out and problem.what for problem in problems) or not named


@every
def test_an_empty_folder_is_refused(name: str, tmp_path: Path) -> None:
    """A folder with nothing of the layout in it is an error that names the place, never zero items."""
    with pytest.raises(EmovitError, match=re.escape(str(tmp_path))):
        read_items(open_dataset(tmp_path, name))


def test_a_small_copy_fails_the_check(tmp_path: Path) -> None:
    """Every published count that a copy does not reach is told, with both numbers."""
    copy = check_dataset(open_dataset(LAYOUTS["emotionroi"][1](tmp_path / "copy")))
    assert "18 images instead of 1,980" in copy.wrong
    assert "6 test images instead of 594" in copy.wrong
    assert "fear: 3 images instead of 330" in copy.wrong
    assert any("Emotion6 and EmotionROI are the same" in remark for remark in copy.remarks)


def test_unknown_names(tmp_path: Path) -> None:
    """A wrong data set or task is answered with the nearest."""
    with pytest.raises(UnknownNameError, match="Did you mean 'emotion6'"):
        open_dataset(tmp_path, "emotion-6")
    with pytest.raises(UnknownNameError, match="task of webemo"):
        open_dataset(tmp_path, "webemo", "24")
    with pytest.raises(InputError, match="no such file or folder"):
        open_dataset(tmp_path / "gone")
