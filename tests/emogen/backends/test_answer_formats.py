"""The ladder of answer formats."""

from __future__ import annotations

from emogen.backends.answer_formats import AnswerFormats

KNOWN = ("json_schema", "function_call", "json_object")


def test_down_to_text() -> None:
    """Each refusal goes one rung down, until text is left, which cannot be refused."""
    formats = AnswerFormats(KNOWN)
    seen = []
    for _ in range(5):
        seen.append(formats.current)
        formats.fall(formats.current)
    assert seen == [*KNOWN, "text", "text"]


def test_refused_together_fall_together() -> None:
    """Of many requests that were refused the same format, one falls and the others follow."""
    formats = AnswerFormats(KNOWN)
    assert [formats.fall("json_schema") for _ in range(64)] == [True] + [False] * 63
    assert formats.current == "function_call"


def test_a_forced_format_stays() -> None:
    """The user's own choice is never left, neither by a refusal nor by what an earlier run came to."""
    formats = AnswerFormats(KNOWN, "json_object")
    assert not formats.fall("json_object")
    formats.go_on_with("text")
    assert formats.current == "json_object"


def test_a_resumed_run_goes_on_lower_down() -> None:
    """A run goes on where it had come to, never above where it begins, and not at what it does not know."""
    formats = AnswerFormats(KNOWN[1:])
    formats.go_on_with("json_schema")
    formats.go_on_with("")
    assert formats.current == "function_call"
    formats.go_on_with("text")
    assert formats.current == "text"
