"""What is chosen to be trained on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from emogen.errors import InputError, UnknownNameError
from emovit_train.data import Row
from emovit_train.mixture import choose_portion, choose_types, parse_portion, parse_types


def row(number: int, instruction: str, emotion: str = "joy") -> Row:
    return Row(
        image=Path(f"photos/{number}.png"),
        question="What?",
        answer=f"{instruction} {number}",
        kind=instruction,
        record_id=str(number),
        emotion=emotion,
        instruction=instruction,
    )


ROWS = [
    *(row(number, "categorical") for number in range(40)),
    *(row(number, "conversation") for number in range(30)),
    *(row(number, "reasoning") for number in range(10)),
]


def counts(text: str) -> dict[str, int]:
    return dict(Counter(each.instruction for each in choose_types(ROWS, parse_types(text), seed=0)))


def test_named_types_are_kept_whole() -> None:
    """Without weights, all rows of the types come, in their order, and no others."""
    assert counts("categorical, reasoning") == {"categorical": 40, "reasoning": 10}
    assert choose_types(ROWS, parse_types("categorical,conversation,reasoning"), seed=0) == ROWS


def test_weights_are_proportions() -> None:
    """The scarcest type sets the numbers: no row comes twice, and equal weights are equal numbers."""
    assert counts("categorical=1,conversation=1,reasoning=1") == {
        "categorical": 10,
        "conversation": 10,
        "reasoning": 10,
    }
    assert counts("categorical=2,conversation=1") == {"categorical": 40, "conversation": 20}


def test_what_is_chosen_follows_the_seed() -> None:
    """The same seed chooses the same rows, whatever their order; another one others."""
    types = parse_types("categorical=1,reasoning=1")
    first = choose_types(ROWS, types, seed=0)
    assert {each.answer for each in choose_types(ROWS[::-1], types, seed=0)} == {
        each.answer for each in first
    }
    assert choose_types(ROWS, types, seed=1) != first


@pytest.mark.parametrize("text", ["", "categorical=0,reasoning=1", "categorical=1,reasoning", "reasoning=x"])
def test_unreadable_mixture_is_refused(text: str) -> None:
    """An empty list, a weight that is none, and weights for some only are errors with an example."""
    with pytest.raises(InputError, match="types: "):
        parse_types(text)


def test_unknown_types_are_named() -> None:
    """A wrong type lists those of the data; a file without types says so."""
    with pytest.raises(UnknownNameError, match="Did you mean 'reasoning'"):
        choose_types(ROWS, parse_types("resoning"), seed=0)
    untold = [Row(Path("a.png"), "Q", "A", "exported", "a")]
    with pytest.raises(InputError, match="do not tell their instruction type"):
        choose_types(untold, parse_types("reasoning"), seed=0)


def test_portions_are_nested() -> None:
    """5% lie inside 10%, and 10% inside 50%; all rows of an image come together."""
    rows = [row(number, kind) for number in range(200) for kind in ("categorical", "reasoning")]
    images = {
        text: {each.image for each in choose_portion(rows, parse_portion(text), seed=3)}
        for text in ("5%", "10%", "0.5", "100%")
    }
    assert [len(kept) for kept in images.values()] == [10, 20, 100, 200]
    assert images["5%"] < images["10%"] < images["0.5"] < images["100%"]
    assert len(choose_portion(rows, 0.05, seed=3)) == 20
    assert {each.image for each in choose_portion(rows, 0.05, seed=4)} != images["5%"]


def test_a_portion_holds_every_emotion() -> None:
    """A rare emotion is in a small portion, too."""
    rows = [row(number, "categorical", "awe" if number < 3 else "joy") for number in range(100)]
    kept = Counter(each.emotion for each in choose_portion(rows, 0.1, seed=0))
    assert kept == {"awe": 1, "joy": 10}


def test_a_portion_does_not_depend_on_where_the_data_lies() -> None:
    """The same data in another place gives the same portion."""
    here = [row(number, "categorical") for number in range(50)]
    there = [
        Row(Path("/data/elsewhere") / each.image, "What?", "A", "c", each.record_id, emotion="joy")
        for each in here
    ]
    names = [{each.image.name for each in choose_portion(rows, 0.2, seed=0)} for rows in (here, there)]
    assert names[0] == names[1]


@pytest.mark.parametrize("text", ["0%", "120%", "ten", "nan"])
def test_unreadable_portion_is_refused(text: str) -> None:
    """A portion is above nothing and at most all."""
    with pytest.raises(InputError, match="no portion"):
        parse_portion(text)
