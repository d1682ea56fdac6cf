"""YAML as run files are written in it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.config_file.yaml_text import line_in_yaml, read_yaml
from emogen.errors import InputError

TEXT = """\
# a run
records: r.jsonl

limits:
  max_cost: 20   # money
  in_flight:
    8
labels:
  - joy
  - fear
model: {temperature: 0.5,
        max_tokens: 9}
"""
NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abc: #[]{}&*!|>'\"%@`,-?é😀\n\t", max_size=12)
)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("1e3", 1000.0),
        ("012", 12),
        ("12:30", "12:30"),
        ("true", True),
        ("~", None),
        ("'1'", "1"),
    ],
)
def test_words_and_numbers(written: str, value: object) -> None:
    """Words that older YAML takes for something else stay words, and numbers are numbers."""
    assert read_yaml(f"a: {written}", "run.yaml") == {"a": value}


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("records", 2),
        ("limits", 4),
        ("limits.max_cost", 5),
        ("limits.in_flight", 6),
        ("labels.1", 10),
        ("model.max_tokens", 12),
        ("limits.missing", 4),
        ("labels.9", 8),
        ("missing", None),
    ],
)
def test_lines(key: str, line: int | None) -> None:
    """A key is found in its line, one that is not there in that of the group around it."""
    assert line_in_yaml(TEXT, key.split(".")) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [2\nc: 3\n", "run.yaml:3:2: not YAML: expected ',' or ']'"),
        ("a: 1\na: secret\n", 'run.yaml:2:1: not YAML: found duplicate key "a".'),
        ("a:\n\tb: 1\n", "run.yaml:2:1: not YAML: found character '\\t'"),
        ("a: !!python/name:os.system x", "run.yaml:1:4: not YAML: could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", "run.yaml:2:1: not YAML: but found another document"),
        ("a: *b", "run.yaml:1:4: not YAML: found undefined alias"),
        ("a: 2026-13-45", "run.yaml: not YAML: month must be in"),
        ("{" * 1000, "run.yaml: not YAML: too many brackets"),
        ("a: 1\nb: \0\n", "run.yaml:2: not YAML: character U+0000"),
    ],
)
def test_what_is_no_yaml(text: str, expected: str) -> None:
    """What cannot be read is refused with its line and column, and without the values."""
    with pytest.raises(InputError) as refused:
        read_yaml(text, "run.yaml")
    assert str(refused.value).startswith(expected)
    assert "secret" not in str(refused.value)


@given(
    st.dictionaries(
        NAMES,
        st.dictionaries(
            NAMES, st.tuples(st.sampled_from(["", "\n", "# a: b\n"]), VALUES), min_size=1, max_size=3
        ),
        min_size=1,
        max_size=3,
    )
)
def test_every_line_is_found(groups: dict[str, dict[str, Any]]) -> None:
    """Each setting is found where it was written, whatever stands between, and read as it was."""
    text, places = "", {}
    for group, values in groups.items():
        text += f"{group}:\n"
        for name, (before, value) in values.items():
            text += before
            places[group, name] = text.count("\n") + 1
            text += f"  {name}: {json.dumps(value, ensure_ascii=False)}\n"
    plain = {group: {name: value for name, (_, value) in values.items()} for group, values in groups.items()}
    assert read_yaml(text, "run.yaml") == plain
    assert {key: line_in_yaml(text, key) for key in places} == places


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text(text: str) -> None:
    """No text does more than be read or be refused."""
    with suppress(InputError):
        read_yaml(text, "run.yaml")
        line_in_yaml(text, ["a", "b"])
