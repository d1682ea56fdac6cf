"""The ladder of answer formats: from the surest way to structured answers down to plain text.

json_schema     the server holds the model to the schema
function_call   the model calls a function whose parameters are the schema; their text is the answer
json_object     the server holds the model to JSON of any shape, and the prompt shows which
text            "Question: / Answer:", as in the paper
"""

from __future__ import annotations

from collections.abc import Sequence

from emogen.backends import AnswerFormat

__all__ = ["AnswerFormats"]


class AnswerFormats:
    """The formats of one run, best first: what a server refuses is not asked for again.

    Args:
        known: The structured formats that the model takes, best first; "text" is always possible.
        forced: The user's own choice, which is never left.
    """

    def __init__(self, known: Sequence[AnswerFormat], forced: AnswerFormat | None = None) -> None:
        self.forced = forced is not None
        self._rungs: list[AnswerFormat] = [forced] if forced else [*known, "text"]

    @property
    def current(self) -> AnswerFormat:
        """What is asked for now."""
        return self._rungs[0]

    def fall(self, refused: AnswerFormat) -> bool:
        """Go one rung down from `refused`; False where another request has done so already.

        Requests that are refused together fall together, one rung.
        """
        if self.forced or refused != self.current or len(self._rungs) == 1:
            return False
        del self._rungs[0]
        return True

    def go_on_with(self, reached: str) -> None:
        """Begin where an earlier part of the same run had come to; what is no rung below is left alone."""
        if not self.forced and reached in self._rungs:
            del self._rungs[: [str(rung) for rung in self._rungs].index(reached)]
