"""What is asked about one row, one request after the other, and what comes of it.

Who answers, and when, is not its business: `emogen generate` sends each request and waits, a batch looks each up in
the journal and submits what is missing there. Both ask exactly the same, so that an answer to one is an answer to
the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from emogen.asking import Answered
from emogen.backends import Backend
from emogen.instructions import AskedInstruction
from emogen.judging import CAUSES, Judge, Outcome, no_context, provenance_after, provenance_before
from emogen.prompts import PromptRenderer
from emogen.schemas import Completion, ImageInput, ImageRecord, Message, Prompt, Provenance, Sample

__all__ = ["Dialogue", "Hearing", "Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        prompt: What is asked.
        revision: How many times the row was asked before.
        context: Kept beside the answer, see `emogen.journal_entry.Entry`; models in it are JSON already.
    """

    prompt: Prompt
    revision: int
    context: dict[str, Any]


class Hearing:
    """What comes of one row's answers, whether they come now or from the journal long after.

    Args:
        record: What is known of the image.
        kind: The instruction type.
        before: What is known of the row before its first answer.
        judge: Reads and checks the answers.
        corrections: How often the model is shown what is wrong with an answer that cannot be read.
        tokens_per_row: Most tokens for all requests together; a correction that would take more is not asked for.

    Attributes:
        outcome: What came of the last answer; None before the first.
        wrong: What the model is to be shown as wrong with it; None where nothing more is to be asked.
    """

    def __init__(
        self,
        record: ImageRecord,
        kind: AskedInstruction,
        before: Provenance,
        judge: Judge,
        corrections: int,
        tokens_per_row: int | None = None,
    ) -> None:
        self.outcome: Outcome | None = None
        self.wrong: str | None = None
        self._record = record
        self._kind = kind
        self._before = before
        self._judge = judge
        self._corrections = corrections
        self._tokens_per_row = tokens_per_row
        self._tokens = 0
        self._cost: float | None = 0.0

    def take(self, answer: Answered, revision: int) -> None:
        """Read and check an answer, and decide whether the model is asked once more.

        Args:
            answer: The answer.
            revision: How many times the row was asked before.
        """
        # Where one of its answers cost nobody knows what, so did the row.
        self._cost = None if self._cost is None or answer.cost is None else self._cost + answer.cost
        known = provenance_after(self._before, answer, revision, self._cost)
        outcome = self._judge(self._record, self._kind, answer.completion, known)
        self.outcome = outcome
        self.wrong = None
        usage = answer.completion.usage
        self._tokens += usage.prompt_tokens + usage.completion_tokens
        if isinstance(outcome, Sample) or outcome.stage != "parse" or outcome.reason in CAUSES.values():
            return
        if revision >= self._corrections:
            return
        # The answer is shown, and as long a one is to be expected.
        needed = self._tokens + usage.prompt_tokens + 2 * usage.completion_tokens
        if self._tokens_per_row is not None and needed > self._tokens_per_row:
            over = f"a correction would bring the row to about {needed:,} tokens, over --tokens-per-row"
            self.outcome = outcome.model_copy(update={"detail": f"{outcome.detail}; not asked again: {over}"})
        else:
            self.wrong = outcome.detail


class Dialogue:
    """The requests about one row: the first, and corrections while the answer cannot be read.

    Args:
        record: What is known of the image.
        kind: The instruction type.
        renderer: Templates and seed examples.
        backend: Who is asked; nothing is sent here.
        judge: Reads and checks the answers.
        corrections: How often the model is shown what is wrong with an answer that cannot be read.
        images: What a model that sees is shown.
        parameters: What influences the answers; the backend's own by default, see `emogen.judging.parameters_of`.
        structured: Whether to ask for JSON; the backend's choice by default.
        tokens_per_row: Most tokens for all requests together; a correction that would take more is not asked for.

    Attributes:
        request: What is to be asked next; None where nothing is.
        outcome: What came of the last answer; None before the first. A record that says nothing of its image is
            rejected before anything is asked, unless the model sees it.
    """

    def __init__(
        self,
        record: ImageRecord,
        kind: AskedInstruction,
        renderer: PromptRenderer,
        backend: Backend,
        judge: Judge,
        corrections: int,
        images: tuple[ImageInput, ...] = (),
        parameters: dict[str, Any] | None = None,
        structured: bool | None = None,
        tokens_per_row: int | None = None,
    ) -> None:
        self.request: Request | None = None
        self.outcome: Outcome | None = None
        if not images and not renderer.tells_of(record):
            self.outcome = no_context(record, kind, renderer.context)
            return
        self._prompt = kind.prompt(
            record,
            renderer,
            structured=backend.structured if structured is None else structured,
            guided=backend.guided,
            images=images,
        )
        before = provenance_before(self._prompt, backend)
        self._hearing = Hearing(
            record, kind, before, judge, corrections if backend.takes_corrections else 0, tokens_per_row
        )
        context = {
            "record": orjson.Fragment(record.model_dump_json()),
            "provenance": orjson.Fragment(before.model_dump_json()),
            "parameters": backend.parameters if parameters is None else parameters,
        }
        self.request = Request(self._prompt, 0, context)

    def take(self, answer: Answered) -> None:
        """Read and check the answer to `request`, and decide whether there is another."""
        request = self.request
        assert request is not None
        self._hearing.take(answer, request.revision)
        self.outcome = self._hearing.outcome
        self.request = None
        if self._hearing.wrong is not None:
            asked = _corrected(self._prompt, answer.completion, self._hearing.wrong)
            self.request = Request(asked, request.revision + 1, request.context)


def _corrected(prompt: Prompt, completion: Completion, detail: str) -> Prompt:
    """Return the prompt that shows the model its answer and what is wrong with it."""
    wrong = f"That answer could not be used: {detail}. Reply once more, in exactly the format asked for."
    more = (Message(role="assistant", content=completion.text), Message(role="user", content=wrong))
    return prompt.model_copy(update={"messages": (*prompt.messages, *more)})
