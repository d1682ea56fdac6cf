"""TOML as run files are written in it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.config_file.toml_text import line_in_toml, read_toml
from emogen.errors import InputError

TEXT = """\
# a run
records = "r.jsonl"
labels = [
    "joy",

    "fear",   # last
]
seed = 3
[limits]
max_cost = 20

[model]
temperature = 0.5
"""
NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
SINGLE = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text("abc [#]='\n", max_size=12)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("records", 2),
        ("labels", 3),
        ("labels.1", 3),
        ("seed", 8),
        ("limits", 9),
        ("limits.max_cost", 10),
        ("limits.missing", 9),
        ("model.temperature", 13),
        ("missing", None),
    ],
)
def test_lines(key: str, line: int | None) -> None:
    """A key is found in its line, one that is not there in that of the group around it."""
    assert line_in_toml(TEXT, key.split(".")) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb =\n", "run.toml:2:4: not TOML: Invalid value."),
        ("a = 1\na = 'secret'\n", "run.toml:2:13: not TOML: Cannot overwrite a value."),
        ("a = [1,\n2\n", "run.toml:3:1: not TOML: Unclosed array."),
        ("[a]\n[a]\n", "run.toml:2:3: not TOML: Cannot declare ('a',) twice."),
    ],
)
def test_what_is_no_toml(text: str, expected: str) -> None:
    """What cannot be read is refused with its line and column, and without the values."""
    with pytest.raises(InputError) as refused:
        read_toml(text, "run.toml")
    assert str(refused.value).startswith(expected)
    assert "secret" not in str(refused.value)


# What stands before a setting, its value, and what separates the items of a list.
SETTING = st.tuples(
    st.sampled_from(["", "\n", "# a comment\n", "\n# = [\n\n"]),
    SINGLE | st.lists(SINGLE, max_size=3),
    st.sampled_from([", ", ",\n", ",  # ]\n"]),
)


@given(
    st.dictionaries(NAMES, st.dictionaries(NAMES, SETTING, min_size=1, max_size=3), min_size=1, max_size=3)
)
def test_every_line_is_found(groups: dict[str, dict[str, Any]]) -> None:
    """Each setting is found where it was written, whatever stands between, and read as it was."""
    text, places = "", {}
    for group, values in groups.items():
        text += f"[{group}]\n"
        for name, (before, value, between) in values.items():
            text += before
            places[group, name] = text.count("\n") + 1
            items = [json.dumps(item) + between for item in value] if isinstance(value, list) else []
            text += (
                f"{name} = " + (f"[{''.join(items)}]" if items or value == [] else json.dumps(value)) + "\n"
            )
    plain = {
        group: {name: value for name, (_, value, _) in values.items()} for group, values in groups.items()
    }
    assert read_toml(text, "run.toml") == plain
    assert {key: line_in_toml(text, key) for key in places} == places


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text(text: str) -> None:
    """No text does more than be read or be refused."""
    with suppress(InputError):
        assert isinstance(read_toml(text, "run.toml"), dict)
