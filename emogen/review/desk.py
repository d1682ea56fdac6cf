"""One reviewer at work: what lies before them, what they decided, and how far they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from emogen.judging import Judge
from emogen.review.edits import Fault, Words, checked
from emogen.review.queue import Queue
from emogen.reviews import DECISIONS, Decision, Review, Reviews, append_review, said_sha256
from emogen.schemas import Sample
from emogen.terminal import shown

__all__ = ["REASONS", "Desk", "Stale"]

# Why a sample is rejected: code → what the page says.
REASONS: Final[Mapping[str, str]] = {
    "not_in_image": "Says what is not in the image",
    "wrong_label": "The image does not show this emotion",
    "leak": "Gives away the caption or the label",
    "empty": "Says little, or does not answer",
    "language": "Poor language",
    "unfit_image": "The image is unfit",
    "other": "Another reason",
}
# How a decision is marked beside the sample; 0 is none.
_MARKS: Final[Mapping[str, int]] = {name: number for number, name in enumerate(DECISIONS, 1)}


class Stale(Exception):  # noqa: N818 - it is an answer to the page, and not the user's to mend
    """The run was made anew meanwhile: what lies here is no longer what it says."""


@dataclass
class Desk:
    """What one reviewer decides about the samples of a queue, kept in the run folder as it is decided.

    Attributes:
        run: The run folder.
        queue: What is reviewed, which knows the places of what this reviewer decided about before.
        reviews: All that was decided before.
        judge: Checks edits.
        reviewer: Who decides.
        blind: Whether what others decided is not shown.
    """

    run: Path
    queue: Queue
    reviews: Reviews
    judge: Judge
    reviewer: str
    blind: bool = True
    _marks: bytearray = field(init=False)
    _done: list[tuple[int, Review | None]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._marks = bytearray(len(self.queue))
        for position in self.queue.known:
            mine = self._mine(self.queue.sample(position))
            self._marks[position] = _MARKS[mine.decision] if mine else 0

    def _mine(self, sample: Sample) -> Review | None:
        """Return what this reviewer decided about what a sample says now."""
        review = self.reviews.of((sample.record.id, sample.instruction)).get(self.reviewer)
        return review if review is not None and review.said_sha256 == said_sha256(sample) else None

    def progress(self) -> dict[str, Any]:
        """Return how much is decided, and the first sample that is not."""
        counts = {name: self._marks.count(mark) for name, mark in _MARKS.items()}
        return {
            "total": len(self.queue),
            "decided": sum(counts.values()),
            "counts": counts,
            "undo": len(self._done),
            "first": self.next_undecided(-1),
        }

    def next_undecided(self, position: int) -> int | None:
        """Return the next sample without a decision, from the beginning after the last; None where all have one."""
        found = self._marks.find(0, position + 1)
        if found < 0:
            found = self._marks.find(0)
        return found if found >= 0 else None

    def view(self, position: int) -> dict[str, Any]:
        """Return what the page shows of one sample; text that is shown has no steering characters left."""
        sample = self.queue.sample(position)
        record, mine = sample.record, self._mine(sample)
        others = self.reviews.of((record.id, sample.instruction))
        return {
            "position": position,
            "id": shown(sample.id),
            "instruction": shown(sample.instruction),
            "emotion": shown(record.emotion or ""),
            "caption": shown(record.caption or ""),
            "known": _known(sample),
            "flags": [shown(flag) for flag in sample.flags],
            "turns": [_turn(turn) for turn in sample.turns],
            "image": shown(record.image),
            "mine": _review(mine) if mine else None,
            "outdated": mine is None and self.reviewer in others,
            "others": []
            if self.blind
            else [_review(review) for name, review in others.items() if name != self.reviewer],
            "next": self.next_undecided(position),
        }

    def decide(
        self,
        position: int,
        decision: Decision,
        *,
        reason: str = "",
        note: str = "",
        words: Sequence[Words] = (),
        anyway: bool = False,
    ) -> tuple[Fault, ...]:
        """Keep a decision; it is on the disk when this returns. Return what is wrong, and keep nothing, else.

        Args:
            position: The sample.
            decision: What.
            reason: One of `REASONS`, of a rejection.
            note: The same in words.
            words: What the turns are to say, of an edit.
            anyway: Whether the edit is kept where checks would reject it.

        Raises:
            Stale: the run was made anew meanwhile.
            InputError: the disk is full.
        """
        sample = self._current(position)
        more: dict[str, Any] = {}
        if decision == "reject":
            if reason not in REASONS:
                return (Fault("choose a reason"),)
            more = {"reason": reason, "note": note.strip()}
        elif decision == "edit":
            edit = checked(sample, words, self.judge)
            if any(fault.final or not anyway for fault in edit.faults):
                return edit.faults
            more = {"turns": edit.turns, "flags": edit.flags, "note": note.strip()}
        before = self._mine(sample)
        self._keep(position, sample, self._new(sample, decision=decision, **more))
        self._done.append((position, before))
        return ()

    def undo(self) -> int | None:
        """Take back the last decision of this session, and return its sample; None where there is none.

        Raises:
            Stale, InputError: as `decide`.
        """
        if not self._done:
            return None
        position, before = self._done[-1]
        sample = self._current(position)
        none = self._new(sample, decision="none")
        again = none if before is None else before.model_copy(update={"at": none.at})
        self._keep(position, sample, again)
        self._done.pop()
        return position

    def _current(self, position: int) -> Sample:
        if not self.queue.is_current:
            raise Stale
        return self.queue.sample(position)

    def _new(self, sample: Sample, **fields: Any) -> Review:
        return Review(
            record_id=sample.record.id,
            instruction=sample.instruction,
            reviewer=self.reviewer,
            said_sha256=said_sha256(sample),
            at=_now(),
            **fields,
        )

    def _keep(self, position: int, sample: Sample, review: Review) -> None:
        append_review(self.run, review)
        self.reviews.add(review)
        self._marks[position] = _MARKS.get(review.decision, 0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _turn(turn: Any) -> dict[str, str]:
    """Return a turn as it is shown, and as it is edited."""
    return {
        "kind": turn.kind,
        "question": shown(turn.question),
        "answer": shown(turn.answer),
        "raw_question": turn.question,
        "raw_answer": turn.answer,
    }


def _review(review: Review) -> dict[str, Any]:
    return {
        "reviewer": shown(review.reviewer),
        "decision": review.decision,
        "reason": review.reason,
        "note": shown(review.note),
        "flags": [shown(flag) for flag in review.flags],
        "turns": [_turn(turn) for turn in review.turns],
    }


def _known(sample: Sample) -> list[tuple[str, str]]:
    known = sample.record.attributes.model_dump(exclude_none=True)
    return [
        (name.replace("_", " "), shown(", ".join(value) if isinstance(value, tuple | list) else str(value)))
        for name, value in known.items()
        if value not in ((), [])
    ]
