"""What makes a parsed answer unfit: each check is one file with one reason code.

A check is a function of an answer and of its own settings that yields what it sees: a `Fault` for what is wrong, a
`Score` for what it measured. What a fault leads to is said by the settings: `reject` the sample, `flag` it, or `off`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from emogen.registry import Registry
from emogen.schemas import Completion, ImageRecord, Turn, TurnKind

__all__ = ["CHECKS", "Answer", "Check", "Example", "Fault", "Said", "Score", "Text", "runs"]


_WORD: Final = re.compile(r"[^\W\d_]+")
# In ASCII, to blank out what is no letter and to split finds the same words in a third of the time.
_NO_LETTERS: Final = {code: " " for code in range(128) if not chr(code).isalpha()}


class Text:
    """A text as checks read it: what several of them need is worked out once."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def lower(self) -> str:
        """The text in lower case."""
        return self.text.lower()

    @cached_property
    def words(self) -> list[str]:
        """The words of `lower`, without digits and marks; "bird's" is two."""
        if self.lower.isascii():
            return self.lower.translate(_NO_LETTERS).split()
        return _WORD.findall(self.lower)

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Where each of `words` begins and ends in `lower`."""
        return [found.span() for found in _WORD.finditer(self.lower)]


class Said:
    """A turn as checks read it."""

    def __init__(self, turn: Turn) -> None:
        self.kind: TurnKind = turn.kind
        self.question = Text(turn.question)
        self.answer = Text(turn.answer)


class Example:
    """A seed example as checks read it: made once, and asked about each answer to a prompt that showed it.

    Args:
        name: The seed's id.
        texts: All that it has an answer say: its questions and answers.
    """

    def __init__(self, name: str, texts: Iterable[str]) -> None:
        self.name = name
        self._texts = [Text(text).words for text in texts]
        self.words = frozenset(word for words in self._texts for word in words)
        self._runs: dict[int, frozenset[tuple[str, ...]]] = {}

    def runs(self, length: int) -> frozenset[tuple[str, ...]]:
        """Return each run of `length` words that stand side by side in it."""
        if length not in self._runs:
            self._runs[length] = frozenset(run for words in self._texts for run in runs(words, length))
        return self._runs[length]


def runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """Yield the runs of `length` of these words, by the place of their first."""
    return zip(*(words[begin:] for begin in range(length)), strict=False)


@dataclass(frozen=True)
class Answer:
    """A parsed answer with what it was made from.

    Attributes:
        record: What is known of the image.
        instruction: The instruction type.
        turns: What was read.
        completion: What it was read from.
        image_seen: Whether the model saw the image itself.
        examples: The seed examples that the prompt showed.
    """

    record: ImageRecord
    instruction: str
    turns: Sequence[Turn]
    completion: Completion
    image_seen: bool = False
    examples: Sequence[Example] = ()

    @cached_property
    def lower(self) -> str:
        """All questions and answers in lower case: what is not in here is in none of them."""
        return "\n".join(part.lower for turn in self.said for part in (turn.question, turn.answer))

    def has_any(self, hints: Sequence[str]) -> bool:
        """Whether one of `hints` is anywhere in the text."""
        return any(hint in self.lower for hint in hints)

    @cached_property
    def said(self) -> tuple[Said, ...]:
        """The turns, for checks."""
        return tuple(map(Said, self.turns))


class Fault(NamedTuple):
    """What a check saw, in which turn; None is the answer as a whole."""

    detail: str
    turn: Said | None = None


class Score(NamedTuple):
    """What a check measured."""

    value: float


# The second argument is the check's own settings, a model of `emogen.checks.settings`.
Check = Callable[[Answer, Any], Iterator[Fault | Score]]

# In the order in which their faults are named: of several, the one that explains the others goes first.
CHECKS: Registry[Check] = Registry(
    "check",
    "emogen.checks",
    {
        "truncated": "emogen.checks.truncated:check",
        "refusal": "emogen.checks.refusal:check",
        "length": "emogen.checks.length:check",
        "source_leak": "emogen.checks.source_leak:check",
        "seed_copy": "emogen.checks.seed_copy:check",
        "label_conflict": "emogen.checks.label_conflict:check",
        "question_leak": "emogen.checks.question_leak:check",
        "ungrounded": "emogen.checks.ungrounded:check",
        "machine_label": "emogen.checks.machine_label:check",
    },
)
