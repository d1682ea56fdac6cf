"""Labels as the data sets mean them."""

from __future__ import annotations

from pathlib import Path

import pytest

from emovit_train.evaluation.datasets import open_dataset
from emovit_train.evaluation.datasets.check import read_items
from emovit_train.evaluation.datasets.test_lists import fingerprint, our_split
from emovit_train.evaluation.datasets.webemo import _HIERARCHY, WEBEMO_25, WEBEmo
from tests.emovit_train.evaluation.datasets import dataset_layouts as layouts


def labels_of(root: Path, name: str, task: str | None = None) -> dict[str, str | None]:
    items, _ = read_items(open_dataset(root, name, task))
    return {item.id: item.label for item in items}


def test_levels_of_webemo(tmp_path: Path) -> None:
    """Number 24 is zest, joy, positive; surprise is positive; envy is anger; the spelling is mended."""
    root = layouts.webemo(tmp_path)
    assert labels_of(root, "webemo")["test/zest/test25_24"] == "zest"
    assert labels_of(root, "webemo")["test/cheerfulness/test25_1"] == "cheerfulness"
    seven = labels_of(root, "webemo", "7")
    assert seven["test/zest/test25_24"] == "joy"
    assert seven["test/envy/test25_7"] == "anger"
    assert seven["test/confusion/test25_2"] == "confusion"
    two = labels_of(root, "webemo", "2")
    assert two["test/surprise/test25_22"] == "positive"
    assert two["test/confusion/test25_2"] == "negative"
    for level, labels in WEBEmo.tasks.items():
        assert len(labels) == int(level)
    assert list(_HIERARCHY) == list(WEBEMO_25)
    assert {joy for joy, _ in _HIERARCHY.values()} == set(WEBEmo.tasks["7"])


def test_emotion6_asks_for_the_keyword_or_for_what_most_felt(tmp_path: Path) -> None:
    """joy/7 was found by the word joy, and its viewers tied between joy and neutral."""
    root = layouts.emotion6(tmp_path)
    assert labels_of(root, "emotion6")["joy/7"] == "joy"
    assert labels_of(root, "emotion6", "7")["joy/7"] is None
    items, problems = read_items(open_dataset(root, "emotion6", "7"))
    assert items[-1].distribution == {
        "anger": 0, "disgust": 0, "fear": 0, "joy": 0.4, "sadness": 0.2, "surprise": 0, "neutral": 0.4
    }  # fmt: skip
    assert [problem.what for problem in problems] == ["a tie of joy and neutral: no single label is right"]


def test_ties_of_abstract_have_a_distribution_and_no_label(tmp_path: Path) -> None:
    """Two votes for amusement and two for anger."""
    items, _ = read_items(open_dataset(layouts.abstract(tmp_path)))
    assert [item.label for item in items[:2]] == ["amusement", "anger"]
    assert items[8].label is None
    assert items[8].distribution is not None
    assert items[8].distribution["anger"] == 0.5


def test_numbers_of_iaps(tmp_path: Path) -> None:
    """2345.1 and 2345 are two pictures; 1050.0 is 1050; the label is the highest mean."""
    assert labels_of(layouts.iapsa(tmp_path), "iapsa") == {
        "2345.1": "amusement", "2345": "contentment", "1050": "fear", "3000": "disgust"
    }  # fmt: skip


def test_dead_links_of_fi(tmp_path: Path) -> None:
    """The picture that is there three times is left out each time; a double is kept once."""
    items, problems = read_items(open_dataset(layouts.fi(tmp_path)))
    assert not [item.id for item in items if "dead" in item.id]
    assert [item.id for item in items if "twice" in item.id] == ["anger/twice_0"]
    assert sum("stands for a dead link" in problem.what for problem in problems) == 3


def test_sadness_of_artphoto(tmp_path: Path) -> None:
    """Its files are called sad."""
    assert labels_of(layouts.artphoto(tmp_path), "artphoto")["sad_0007"] == "sadness"


def test_humour_of_oxford(tmp_path: Path) -> None:
    """The funniest caption comes first: 1,204 is more than 30."""
    items, _ = read_items(open_dataset(layouts.oxford_hic(tmp_path)))
    assert items[0].captions == ("Well, hello", "second best")
    assert items[0].label is None


@pytest.mark.parametrize("name", ["emotion6", "artphoto", "abstract"])
def test_our_test_lists_hold_a_fifth_and_never_change(name: str) -> None:
    """A fifth of any ids, within three standard errors; the very same ids for ever."""
    ids = [str(number) for number in range(2000)]
    test = [identity for identity in ids if our_split(name, identity) == "test"]
    assert abs(len(test) - 400) < 3 * (2000 * 0.2 * 0.8) ** 0.5
    assert fingerprint(test) == fingerprint(reversed(test)) != fingerprint(test[1:])
    known = {"emotion6": "ca86eebd8b21", "artphoto": "254a3e88c692", "abstract": "92187c95aeff"}
    assert fingerprint(test) == known[name]
