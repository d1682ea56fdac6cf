"""From an answer to its outcome: read it, check it, say how it came about. It costs nothing and can be repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from emogen.asking import Answered
from emogen.backends import Backend
from emogen.checks import Answer, Example
from emogen.checks.findings import Examination, Examiner
from emogen.checks.machine_label import machine_label
from emogen.checks.refusal import refusal_in
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.instructions import INSTRUCTIONS, AskedInstruction, DirectInstruction, Unreadable
from emogen.prompts import Context
from emogen.resources import with_lengths
from emogen.schemas import Completion, ImageRecord, Prompt, Provenance, Rejection, Sample, Turn
from emogen.seeds import Seed
from emogen.sight import UNREADABLE_IMAGE, Sight

__all__ = [
    "CAUSES",
    "NO_CONTEXT",
    "Instruction",
    "Judge",
    "Outcome",
    "direct_outcome",
    "instruction",
    "no_context",
    "parameters_of",
    "prompt_sha256",
    "provenance_after",
    "provenance_before",
    "unreadable_image",
]

# How a model ended → why its answer cannot be read.
CAUSES: Final = {"length": "truncated", "max_tokens": "truncated", "refusal": "refusal"}

# Why a row is rejected before anything is asked.
NO_CONTEXT: Final = "no_context"

Instruction = DirectInstruction | AskedInstruction
Outcome = Sample | Rejection


def instruction(name: str) -> Instruction:
    """Return the instruction type `name`."""
    return INSTRUCTIONS.get(name)()


def direct_outcome(record: ImageRecord, kind: DirectInstruction) -> Outcome:
    """Return what comes of a record where no model is asked."""
    turns = kind.turns(record)
    if isinstance(turns, Unreadable):
        return Rejection(
            record_id=record.id,
            instruction=kind.name,
            stage="prompt",
            reason=turns.reason,
            detail=turns.detail,
        )
    provenance = Provenance(backend="none", model="none", prompt_sha256="", template_sha256="")
    return Sample(record=record, instruction=kind.name, turns=turns, provenance=provenance)


def unreadable_image(record: ImageRecord, kind: Instruction, detail: str) -> Rejection:
    """Return what comes of a record whose image cannot be shown: nothing was asked."""
    return Rejection(
        record_id=record.id, instruction=kind.name, stage="prompt", reason=UNREADABLE_IMAGE, detail=detail
    )


def no_context(record: ImageRecord, kind: Instruction, context: Context) -> Rejection:
    """Return what comes of a record that says nothing of its image: whatever a model wrote would be made up."""
    wanted = {"all": "neither caption nor attributes", "caption": "no caption", "attributes": "no attributes"}
    return Rejection(
        record_id=record.id,
        instruction=kind.name,
        stage="prompt",
        reason=NO_CONTEXT,
        detail=f"the record has {wanted[context]}",
    )


class Judge:
    """Reads and checks completions: the part of the way that costs nothing and can be repeated.

    Args:
        checks: What each check leads to, and its thresholds.
        seeds: Returns the seed examples of an instruction type, of which an answer's provenance names those that
            its prompt showed.
    """

    def __init__(
        self, checks: CheckSettings = DEFAULT_CHECKS, seeds: Callable[[str], Sequence[Seed]] = lambda _: ()
    ) -> None:
        self._examiner = Examiner(checks)
        self._seeds = seeds
        self._examples: dict[str, dict[str, Example]] = {}

    def __call__(
        self, record: ImageRecord, kind: AskedInstruction, completion: Completion, provenance: Provenance
    ) -> Outcome:
        """Return what comes of one completion."""

        def reject(stage: Any, reason: str, detail: str) -> Rejection:
            return Rejection(
                record_id=record.id,
                instruction=kind.name,
                stage=stage,
                reason=reason,
                detail=detail,
                raw_answer=completion.text,
                provenance=provenance,
            )

        turns = kind.parse(completion.text)
        if isinstance(turns, Unreadable):
            return reject("parse", _cause(completion) or turns.reason, turns.detail)
        findings, scores = self.examine(
            record, kind.name, turns, completion, provenance.seed_ids, image_seen=bool(provenance.images)
        )
        for finding in findings:
            if finding.action == "reject":
                return reject("check", finding.reason, finding.detail)
        return Sample(
            record=record,
            instruction=kind.name,
            turns=turns,
            flags=tuple(dict.fromkeys(finding.reason for finding in findings)),
            scores=scores,
            provenance=provenance,
        )

    def examine(
        self,
        record: ImageRecord,
        instruction: str,
        turns: Sequence[Turn],
        completion: Completion,
        seed_ids: Sequence[str],
        *,
        image_seen: bool,
    ) -> Examination:
        """Return what the checks see in turns, whoever wrote them; the arguments are those of `Answer`."""
        shown = self._shown(instruction, seed_ids)
        return self._examiner.examine(Answer(record, instruction, turns, completion, image_seen, shown))

    def _shown(self, instruction: str, seed_ids: Sequence[str]) -> Sequence[Example]:
        """Return the seed examples of these ids that are known."""
        if seed_ids and instruction not in self._examples:
            self._examples[instruction] = {
                seed.id: Example(
                    seed.id, (text for turn in seed.turns for text in (turn.question, turn.answer))
                )
                for seed in self._seeds(instruction)
            }
        known = self._examples.get(instruction, {})
        return [known[seed_id] for seed_id in seed_ids if seed_id in known]

    def direct(self, record: ImageRecord, kind: DirectInstruction) -> Outcome:
        """Return what comes of a record where no model is asked: only its label can be a model's word."""
        outcome = direct_outcome(record, kind)
        detail = machine_label(record)
        if detail is None or isinstance(outcome, Rejection):
            return outcome
        reason = "machine_label"
        action = self._examiner.settings.of(reason).action_on(kind.name, None)
        if action == "reject":
            return Rejection(
                record_id=record.id, instruction=kind.name, stage="check", reason=reason, detail=detail
            )
        return outcome.model_copy(update={"flags": (reason,)}) if action == "flag" else outcome


def _cause(completion: Completion) -> str | None:
    """Return why an answer is unreadable where the answer itself shows it: it was cut, or it declines."""
    if completion.finish_reason in CAUSES:
        return CAUSES[completion.finish_reason]
    declined = completion.finish_reason == "content_filter" or refusal_in(completion.text.lower())
    return "refusal" if declined else None


def parameters_of(backend: Backend, sight: Sight | None) -> dict[str, Any]:
    """Return what influences the answers: of the model, and of the images where it sees them."""
    return {**backend.parameters, **sight.parameters} if sight else backend.parameters


def provenance_before(prompt: Prompt, backend: Backend) -> Provenance:
    """Return what is known before the answer."""
    return Provenance(
        backend=backend.name,
        model=backend.model,
        prompt_sha256=prompt_sha256(prompt),
        template_sha256=prompt.template_sha256,
        seed_ids=prompt.seed_ids,
        images=tuple(image.seen for image in prompt.images),
    )


def provenance_after(before: Provenance, answer: Answered, revision: int, cost: float | None) -> Provenance:
    """Return what is known after the answer; `cost` is that of the whole row, corrections included."""
    completion = answer.completion
    return before.model_copy(
        update={
            "model": completion.model,
            "finish_reason": completion.finish_reason,
            "usage": completion.usage,
            "latency_s": completion.latency_s,
            "answer_format": completion.answer_format,
            "attempts": answer.attempts,
            "revision": revision,
            "cost": cost,
            "answered_at": answer.answered_at,
        }
    )


def prompt_sha256(prompt: Prompt) -> str:
    """Return the hash of what the model is asked: messages, images, the answer's schema and the guide."""
    messages = [part for message in prompt.messages for part in (message.role, message.content)]
    guide = [[turn.question, *turn.openings] for turn in prompt.guide]
    rest: list[Any] = [prompt.answer_schema, guide]
    if prompt.images:
        rest.append([image.seen.model_dump() for image in prompt.images])
    hashed = _hash_of(tuple(messages[:-1])).copy()
    hashed.update(with_lengths([*messages[-1:], orjson.dumps(rest).decode()]))
    return hashed.hexdigest()


@lru_cache(maxsize=128)
def _hash_of(opening: tuple[str, ...]) -> hashlib._Hash:
    """Return the hash of a prompt as far as it is the same for many records: the most of it by far."""
    return hashlib.sha256(with_lengths(opening))
