"""Whether a reviewer's words can stand in the place of a model's: by the same types and checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from emogen.judging import Judge
from emogen.marks import NEAR_DUPLICATE
from emogen.schemas import Completion, Sample, Turn

__all__ = ["Edit", "Fault", "Words", "checked"]

CATEGORICAL: Final = "categorical"


class Words(NamedTuple):
    """What a reviewer wrote in the place of one turn."""

    question: str
    answer: str


class Fault(NamedTuple):
    """What is wrong with an edit.

    Attributes:
        text: In words.
        turn: The number of the turn, from 0; None where it is the whole.
        field: `question` or `answer`, or "".
        final: Whether the edit cannot be kept; else the reviewer, who sees the image, may know better than a check.
    """

    text: str
    turn: int | None = None
    field: str = ""
    final: bool = True


@dataclass(frozen=True)
class Edit:
    """An edit that was looked at.

    Attributes:
        turns: The new turns; none where a fault is final.
        flags: Reason codes of all that checks notice in them.
        faults: What is wrong.
    """

    turns: tuple[Turn, ...] = ()
    flags: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def checked(sample: Sample, words: Sequence[Words], judge: Judge) -> Edit:
    """Look at what a reviewer wrote in the place of a sample's turns, whose number and kinds stay as they are."""
    if len(words) != len(sample.turns):
        return Edit(faults=(Fault(f"the sample has {len(sample.turns)} turns, not {len(words)}"),))
    turns: list[Turn] = []
    faults: list[Fault] = []
    for number, (said, old) in enumerate(zip(words, sample.turns, strict=True)):
        try:
            turns.append(Turn(question=said.question.strip(), answer=said.answer.strip(), kind=old.kind))
        except ValidationError as error:
            faults += [Fault(_in_words(part), number, str(part["loc"][0])) for part in error.errors()]
    if faults:
        return Edit(faults=tuple(faults))
    faults += _against_the_label(sample, turns)
    if tuple(turns) == sample.turns:
        faults.append(Fault("nothing is changed: accept the sample instead"))
    if faults:
        return Edit(faults=tuple(faults))
    flags, doubts = _seen_by_checks(sample, turns, judge)
    return Edit(tuple(turns), flags, doubts)


def _in_words(error: Mapping[str, Any]) -> str:
    return "must not be empty" if error["type"] == "string_too_short" else str(error["msg"])


def _against_the_label(sample: Sample, turns: Sequence[Turn]) -> Iterator[Fault]:
    # The record, and with it every export, would go on saying the old label.
    for number, (turn, old) in enumerate(zip(turns, sample.turns, strict=True)):
        if turn.kind == CATEGORICAL and turn.answer != old.answer:
            text = f"the answer is the image's label ({sample.record.emotion}); where that is wrong, reject the sample"
            yield Fault(text, number, "answer")


def _seen_by_checks(
    sample: Sample, turns: Sequence[Turn], judge: Judge
) -> tuple[tuple[str, ...], tuple[Fault, ...]]:
    """Return the flags of the new turns, and why generation would have rejected them."""
    stays = tuple(flag for flag in sample.flags if flag == NEAR_DUPLICATE)
    if all(turn.kind == CATEGORICAL for turn in turns):
        return sample.flags, ()
    text = "\n".join(part for turn in turns for part in (turn.question, turn.answer))
    findings, _ = judge.examine(
        sample.record,
        sample.instruction,
        turns,
        Completion(text=text, model=sample.provenance.model),
        sample.provenance.seed_ids,
        image_seen=True,
    )
    flags = dict.fromkeys([*(finding.reason for finding in findings), *stays])
    doubts = [
        Fault(f"{finding.reason}: {finding.detail}", final=False)
        for finding in findings
        if finding.action == "reject"
    ]
    return tuple(flags), tuple(doubts)
