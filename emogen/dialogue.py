"""What is asked about one row, one request after the other, and what comes of it.

Who answers, and when, is not its business: `emogen generate` sends each request and waits, a batch looks each up in
the journal and submits what is missing there. Both ask exactly the same, so that an answer to one is an answer to
the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emogen.asking import Answered
from emogen.backends import Backend
from emogen.estimates import estimated_usage
from emogen.instructions import AskedInstruction
from emogen.judging import CAUSES, Judge, Outcome, no_context, provenance_after, provenance_before
from emogen.prompts import PromptRenderer
from emogen.schemas import Completion, ImageInput, ImageRecord, Message, Prompt, Sample, Usage

__all__ = ["Dialogue", "Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        prompt: What is asked.
        revision: How many times the row was asked before.
        context: Kept beside the answer, see `emogen.journal.Entry`.
    """

    prompt: Prompt
    revision: int
    context: dict[str, Any]


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
        self._record = record
        self._kind = kind
        self._judge = judge
        self._corrections = corrections if backend.takes_corrections else 0
        self._prompt = kind.prompt(
            record,
            renderer,
            structured=backend.structured if structured is None else structured,
            guided=backend.guided,
            images=images,
        )
        self._before = provenance_before(self._prompt, backend)
        self._cost = 0.0
        self._tokens_per_row = tokens_per_row
        self._tokens = 0
        context = {
            "record": record.model_dump(mode="json"),
            "provenance": self._before.model_dump(mode="json"),
            "parameters": backend.parameters if parameters is None else parameters,
        }
        self.request = Request(self._prompt, 0, context)

    def take(self, answer: Answered) -> None:
        """Read and check the answer to `request`, and decide whether there is another."""
        request = self.request
        assert request is not None
        self._cost += answer.cost or 0.0
        cost = None if answer.cost is None else self._cost
        known = provenance_after(self._before, answer, request.revision, cost)
        outcome = self._judge(self._record, self._kind, answer.completion, known)
        self.outcome = outcome
        self.request = None
        if isinstance(outcome, Sample) or outcome.stage != "parse" or outcome.reason in CAUSES.values():
            return
        if request.revision == self._corrections:
            return
        used = _usage(request.prompt, answer.completion)
        self._tokens += used.prompt_tokens + used.completion_tokens
        # The answer is shown, and as long a one is to be expected.
        needed = self._tokens + used.prompt_tokens + 2 * used.completion_tokens
        if self._tokens_per_row is not None and needed > self._tokens_per_row:
            over = f"a correction would bring the row to about {needed:,} tokens, over --tokens-per-row"
            self.outcome = outcome.model_copy(update={"detail": f"{outcome.detail}; not asked again: {over}"})
            return
        asked = _corrected(self._prompt, answer.completion, outcome.detail)
        self.request = Request(asked, request.revision + 1, request.context)


def _usage(prompt: Prompt, completion: Completion) -> Usage:
    """Return what an answer took; where the server does not say, what was to be expected."""
    used = completion.usage
    return used if used.prompt_tokens or used.completion_tokens else estimated_usage(prompt)


def _corrected(prompt: Prompt, completion: Completion, detail: str) -> Prompt:
    """Return the prompt that shows the model its answer and what is wrong with it."""
    wrong = f"That answer could not be used: {detail}. Reply once more, in exactly the format asked for."
    more = (Message(role="assistant", content=completion.text), Message(role="user", content=wrong))
    return prompt.model_copy(update={"messages": (*prompt.messages, *more)})
