"""Numbers of things agree with their nouns."""

from __future__ import annotations

import pytest

from emogen.counting import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 records"), (1, "1 record"), (2, "2 records"), (51_200, "51,200 records")]
)
def test_number_and_noun(number: int, said: str) -> None:
    """One of a thing is singular, none and many are plural; thousands are set apart."""
    assert counted(number, "record") == said


def test_a_plural_of_its_own() -> None:
    """A noun may have another plural than one with an s."""
    assert [counted(number, "person", "people") for number in (1, 3)] == ["1 person", "3 people"]
