"""`emogen doctor`: parse, call, print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emogen.terminal import AsJson, say, show_json

if TYPE_CHECKING:
    from emogen.doctor import Finding

__all__ = ["doctor"]

_MARKS: Final = {"ok": "+", "missing": "-", "broken": "!"}


def doctor(as_json: AsJson = False) -> None:
    """Say what is installed and set up, and what is missing.

    Of each missing thing it says what it would enable, and how to get it. Nothing is asked of any server, and of
    keys only whether they are set. The exit code is 0 whatever is missing.
    """
    from emogen.doctor import findings

    found = list(findings())
    if as_json:
        show_json({"findings": found})
        return
    for one in found:
        say(_line(one))
    say("+ there, - missing, ! there and cannot be used")


def _line(one: Finding) -> str:
    said = [one.said] if one.said else []
    if one.group != "place" and one.enables:
        said.append(f"for {one.enables}")
    remedy = f" -> {one.remedy}" if one.remedy else ""
    return f"{_MARKS[one.state]} {one.group:<8}{one.name:<22} {', '.join(said)}{remedy}"
