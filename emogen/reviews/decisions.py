"""Decisions about samples, and what those of several people come to.

Of each reviewer the last decision about a sample counts, and only while the sample says what it said then.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from emogen.schemas import Turn

__all__ = ["DECISIONS", "Decision", "Judged", "Key", "Review", "Reviews", "Verdict", "said_sha256"]

Decision = Literal["accept", "reject", "edit"]
DECISIONS: Final[tuple[Decision, ...]] = ("accept", "reject", "edit")
# Record id and instruction type.
Key = tuple[str, str]


class Review(BaseModel):
    """One decision about one sample.

    Attributes:
        record_id: The record.
        instruction: The instruction type.
        reviewer: Who decided.
        decision: What; `none` takes an earlier decision back.
        reason: Why it was rejected: a short code, so that rejections can be counted.
        note: The same in the reviewer's words.
        turns: What the sample is to say instead, of an edit.
        flags: What checks notice in these.
        said_sha256: Of what was decided about, see `said_sha256`.
        at: When, in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_id: str = Field(min_length=1)
    instruction: str
    reviewer: str = Field(min_length=1)
    decision: Decision | Literal["none"]
    reason: str = ""
    note: str = ""
    turns: tuple[Turn, ...] = ()
    flags: tuple[str, ...] = ()
    said_sha256: str
    at: str

    @property
    def key(self) -> Key:
        """Record id and instruction type."""
        return self.record_id, self.instruction

    @model_validator(mode="after")
    def _only_edits_have_turns(self) -> Review:
        if bool(self.turns) != (self.decision == "edit"):
            raise ValueError("an edit has turns, and nothing else has")
        return self


class Verdict(NamedTuple):
    """What all reviewers of a sample came to.

    Attributes:
        decision: `reject` where anybody rejects it, else `edit` where anybody edits it, else `accept`; None where
            nobody decided about what it says now.
        last: The last review that decided so: why a sample is rejected, or what it is to say.
        outdated: Whether somebody decided about what it said before.
    """

    decision: Decision | None
    last: Review | None = None
    outdated: bool = False


class _Turn(Protocol):
    @property
    def question(self) -> str: ...
    @property
    def answer(self) -> str: ...
    @property
    def kind(self) -> str: ...


class _Record(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def image(self) -> str: ...
    @property
    def emotion(self) -> str | None: ...


class Judged(Protocol):
    """What of a sample is judged, however it was read."""

    @property
    def record(self) -> _Record: ...  # noqa: D102 - see `emogen.schemas.Sample`
    @property
    def instruction(self) -> str: ...  # noqa: D102
    @property
    def turns(self) -> Sequence[_Turn]: ...  # noqa: D102


def said_sha256(sample: Judged) -> str:
    """Return the hash of what a reviewer judges: the image's path, its label, the questions and the answers."""
    said = [sample.record.image, sample.record.emotion]
    turns = [[turn.question, turn.answer, turn.kind] for turn in sample.turns]
    return hashlib.sha256(orjson.dumps([said, turns])).hexdigest()


class Reviews:
    """The decisions that count."""

    def __init__(self) -> None:
        # Of each sample by reviewer, the last that decided last.
        self._latest: dict[Key, dict[str, Review]] = {}

    def __bool__(self) -> bool:
        return bool(self._latest)

    def __iter__(self) -> Iterator[Review]:
        for by_reviewer in self._latest.values():
            yield from by_reviewer.values()

    def add(self, review: Review) -> None:
        """Take in a decision that comes after all others."""
        of_sample = self._latest.setdefault(review.key, {})
        of_sample.pop(review.reviewer, None)
        if review.decision != "none":
            of_sample[review.reviewer] = review
        elif not of_sample:
            del self._latest[review.key]

    def of(self, key: Key) -> Mapping[str, Review]:
        """Return the decision of each reviewer about a sample, the last one at the end."""
        return self._latest.get(key, {})

    def samples(self) -> Iterator[tuple[Key, Mapping[str, Review]]]:
        """Yield each sample that anybody decided about."""
        yield from self._latest.items()

    def reviewers(self) -> list[str]:
        """Return who decided about anything, by name."""
        return sorted({review.reviewer for review in self})

    def counts(self) -> dict[str, dict[Decision, int]]:
        """Return how often each reviewer decided what, by name."""
        counted = Counter((review.reviewer, review.decision) for review in self)
        return {
            name: {decision: counted[name, decision] for decision in DECISIONS} for name in self.reviewers()
        }

    def disputed(self) -> frozenset[Key]:
        """Return the samples about which reviewers decided differently, each of the same words."""
        found = set()
        for key, made in self._latest.items():
            decisions: dict[str, set[str]] = {}
            for review in made.values():
                decisions.setdefault(review.said_sha256, set()).add(review.decision)
            if any(len(each) > 1 for each in decisions.values()):
                found.add(key)
        return frozenset(found)

    def verdict(self, sample: Judged) -> Verdict:
        """Return what the reviewers of a sample came to."""
        made = self._latest.get((sample.record.id, sample.instruction))
        if not made:
            return _NONE
        said = said_sha256(sample)
        valid = [review for review in made.values() if review.said_sha256 == said]
        outdated = len(valid) < len(made)
        for decision in _STRONGEST_FIRST:
            of_this = [review for review in valid if review.decision == decision]
            if of_this:
                return Verdict(decision, of_this[-1], outdated)
        return Verdict(None, outdated=outdated)


_NONE: Final = Verdict(None)
_STRONGEST_FIRST: Final[tuple[Decision, ...]] = ("reject", "edit", "accept")
