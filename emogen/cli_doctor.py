"""`emogen doctor`: parse, call, print."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from emogen.terminal import say

if TYPE_CHECKING:
    from emogen.doctor import Finding

__all__ = ["doctor"]

_MARKS: Final = {"ok": "+", "missing": "-", "broken": "!"}


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON list of what was found, on stdout.")
    ] = False,
) -> None:
    """Say what is installed and set up, and what each missing thing would enable.

    Nothing is asked of any server, and of keys only whether they are set. The exit code is 0 whatever is missing.
    """
    import orjson

    from emogen.doctor import findings

    found = list(findings())
    if as_json:
        say(orjson.dumps([asdict(one) for one in found], option=orjson.OPT_INDENT_2).decode())
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
