from __future__ import annotations

import re

import pytest

from emogen import errors
from emogen.errors import EmovitError, InputError, MissingExtraError, UnknownNameError, shorten


def test_a_message_names_place_fault_and_remedy_on_one_line() -> None:
    """An error reads as place, what is wrong and what to do, with exactly one full stop between them."""
    error = InputError("is not JSON.", where="records.jsonl:3", remedy="Mend this line.")
    assert str(error) == "records.jsonl:3: is not JSON. Mend this line."
    assert str(EmovitError("nothing was kept")) == "nothing was kept."


@pytest.mark.parametrize(("typed", "meant"), [("convresation", "conversation"), ("GPT-4", "gpt-4")])
def test_an_unknown_name_is_answered_with_the_nearest_and_the_list(typed: str, meant: str) -> None:
    """A misspelt name gets the nearest right one, whatever its case, and all names in order."""
    error = UnknownNameError("thing", typed, ["reasoning", "conversation", "gpt-4"])
    assert f"Did you mean {meant!r}?" in str(error)
    assert "Known: conversation, gpt-4, reasoning." in str(error)


def test_the_nearest_name_is_given_as_it_is_written() -> None:
    """A name with capitals is suggested with its capitals."""
    assert "Did you mean 'SmolLM2'?" in str(UnknownNameError("model", "smollm", ["SmolLM2"]))


def test_a_far_name_gets_no_guess() -> None:
    """Where nothing is near, only the list is given, and an empty list says so."""
    assert "Did you mean" not in str(UnknownNameError("thing", "zzz", ["reasoning"]))
    assert "Known: none." in str(UnknownNameError("thing", "zzz", []))


def test_a_missing_extra_names_its_install_line() -> None:
    """The message can be pasted into a shell."""
    assert "pip install 'emovit-toolkit[local]'" in str(MissingExtraError("xllamacpp", "local", "The model"))


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    """Each class is drawn once with the exit code that it has."""
    drawn = dict(re.findall(r"(\w+Error) .*exit code (\d)", errors.__doc__ or ""))
    coded = {name: str(getattr(errors, name).exit_code) for name in errors.__all__ if name.endswith("Error")}
    assert drawn == coded


@pytest.mark.parametrize(
    ("value", "shown"), [("a\n\t b", "a b"), ("x" * 9, "x" * 9), ("x" * 11, "x" * 9 + "…"), (None, "None")]
)
def test_shorten_gives_one_line_within_the_limit(value: object, shown: str) -> None:
    """Whatever is quoted in a message stays on one line and within its length."""
    assert shorten(value, 10) == shown
