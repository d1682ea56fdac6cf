"""The model ran out of tokens, or stopped inside a sentence."""

from __future__ import annotations

from typing import Final

from emogen.checks import Answer
from emogen.errors import shorten

__all__ = ["check"]

_ENDINGS: Final = ".!?…。！？\"'”’»)]*`"


def check(answer: Answer) -> str | None:
    """The answer was cut off at its length limit or inside a sentence."""
    if answer.completion.finish_reason in {"length", "max_tokens"}:
        return "the model reached its token limit (raise --max-tokens)"
    for turn in answer.turns:
        last = turn.answer.rstrip().splitlines()[-1]
        # The items of a list end without a full stop.
        if last[-1] not in _ENDINGS and not last.lstrip().startswith(("-", "*", "•")):
            return f"ends inside a sentence: …{shorten(last[-60:])}"
    return None
