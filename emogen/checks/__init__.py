"""What makes a parsed answer unfit: each check is one file with one reason code.

A check is a function of an answer and of its own settings that yields what it sees: a `Fault` for what is wrong, a
`Score` for what it measured. What a fault leads to is said by the settings: `reject` the sample, `flag` it, or `off`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Any, Final, NamedTuple

from emogen.registry import Registry
from emogen.schemas import Completion, ImageRecord, Turn, TurnKind

__all__ = ["CHECKS", "Answer", "Check", "Example", "Fault", "Said", "Score", "Text", "runs", "words_of"]


_WORD: Final = re.compile(r"[^\W\d_]+")
# In ASCII, to blank out what is no letter and to split finds the same words in a fifth of the time.
_NO_LETTERS: Final = bytes(code if chr(code).isascii() and chr(code).isalpha() else 32 for code in range(256))
# The marks that English has beyond ASCII: most texts have no other letters.
_MARKS: Final = "’‘“”–—…"


class Text:
    """A text as checks read it: what all of them need is worked out once.

    Attributes:
        text: As it was said.
        lower: In lower case.
        words: The words of `lower`, without digits and marks; "bird's" is two.
    """

    # `cached_property` takes a lock each time that something is worked out, which takes longer than most of this.
    __slots__ = ("_places", "lower", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = text.lower()
        self.words = words_of(self.lower)
        self._places: list[tuple[int, int]] | None = None

    @property
    def places(self) -> list[tuple[int, int]]:
        """Where each of `words` begins and ends in `lower`."""
        if self._places is None:
            self._places = [found.span() for found in _WORD.finditer(self.lower)]
        return self._places


def words_of(lower: str) -> list[str]:
    """Return the words of a text in lower case."""
    if not lower.isascii():
        plain = lower
        for mark in _MARKS:
            plain = plain.replace(mark, " ")
        if not plain.isascii():
            return _WORD.findall(lower)
        lower = plain
    # Bytes are translated by a table, strings by looking each of their characters up.
    return lower.encode().translate(_NO_LETTERS).decode().split()


class Said:
    """A turn as checks read it."""

    __slots__ = ("answer", "kind", "question")

    def __init__(self, turn: Turn) -> None:
        self.kind: TurnKind = turn.kind
        self.question = Text(turn.question)
        self.answer = Text(turn.answer)


class Example:
    """A seed example as checks read it: made once, and asked about each answer to a prompt that showed it.

    Args:
        name: The seed's id.
        texts: All that it has an answer say: its questions and answers.

    Attributes:
        words: All its words.
    """

    def __init__(self, name: str, texts: Iterable[str]) -> None:
        self.name = name
        self._texts = [words_of(text.lower()) for text in texts]
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


class Answer:
    """A parsed answer with what it was made from.

    Args:
        record: What is known of the image.
        instruction: The instruction type.
        turns: What was read.
        completion: What it was read from.
        image_seen: Whether the model saw the image itself.
        examples: The seed examples that the prompt showed.

    Attributes:
        said: The turns, for checks.
        words: The words of all questions and answers. Most patterns can be left out for want of a word of theirs.
    """

    __slots__ = ("completion", "examples", "image_seen", "instruction", "record", "said", "turns", "words")

    def __init__(
        self,
        record: ImageRecord,
        instruction: str,
        turns: Sequence[Turn],
        completion: Completion,
        image_seen: bool = False,
        examples: Sequence[Example] = (),
    ) -> None:
        self.record = record
        self.instruction = instruction
        self.turns = turns
        self.completion = completion
        self.image_seen = image_seen
        self.examples = examples
        self.said = tuple(map(Said, turns))
        texts = (text.words for turn in self.said for text in (turn.question, turn.answer))
        self.words: Set[str] = frozenset().union(*texts)


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
