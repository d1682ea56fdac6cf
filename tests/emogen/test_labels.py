from __future__ import annotations

import pytest

from emogen.errors import InputError, UnknownNameError
from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS, label_set


def test_a_known_name_gives_its_labels() -> None:
    """The paper's eight labels come in the order of its categorical question."""
    assert label_set(DEFAULT_LABEL_SET) == (
        "amusement",
        "anger",
        "awe",
        "contentment",
        "disgust",
        "excitement",
        "fear",
        "sadness",
    )


def test_a_list_keeps_its_order() -> None:
    """Own labels are options in the order in which they were given, however they were given."""
    assert label_set("joy, anger,fear") == ("joy", "anger", "fear")
    assert label_set(["joy", "anger", "fear"]) == ("joy", "anger", "fear")


def test_every_set_passes_its_own_rules() -> None:
    """A built-in set has at least two labels, each once."""
    assert all(label_set(list(labels)) == labels for labels in LABEL_SETS.values())


def test_a_single_word_is_a_misspelt_name() -> None:
    """A word without a comma is answered with the nearest label set."""
    with pytest.raises(UnknownNameError, match="Did you mean 'mikels-8'"):
        label_set("mikels8")


@pytest.mark.parametrize("labels", ["joy,", "joy,,fear", [], ["joy"], "joy,fear,joy"])
def test_an_unusable_list_is_refused(labels: str | list[str]) -> None:
    """Too few, empty and repeated labels are errors with a remedy."""
    with pytest.raises(InputError) as raised:
        label_set(labels)
    assert raised.value.remedy
