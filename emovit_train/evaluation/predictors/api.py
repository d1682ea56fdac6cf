"""A model behind an API that sees, asked through `emogen.complete`: each answer in a journal, the cost capped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, Final

from emogen import (
    BackendOptions,
    Limits,
    RequestError,
    complete,
    image_input,
    open_backend,
    refuse_blind,
)
from emogen.errors import BackendError, InputError
from emogen.schemas import Completion, Message, Prompt
from emogen.terminal import note
from emovit_train.evaluation.predictors.predictor import PredictorOptions, Question, Reply

__all__ = ["Api"]

# So many requests that failed before a single one succeeded mean that none will.
HOPELESS_AFTER: Final = 16
# A provider that will not have one picture answered has said what it says of it: nothing.
_SAYS_NOTHING: Final = "content_filter"

Said = tuple[Prompt, Completion | RequestError]


class Api:
    """A backend of emogen: a model by its name, or `backend:model`; one instruction is one message with the image.

    It answers in its own words alone: log-probabilities of whole answers are not to be had from chat servers.

    Args:
        backend: As `emogen generate --backend` takes it.
        options: `backend`, `journal`, `max_cost` and `prices` are looked at.

    Raises:
        InputError: there is no such backend, or the model takes no images.
        CredentialError: there is no key.
    """

    ranks = False
    trained_images: frozenset[str] = frozenset()

    def __init__(self, backend: str, options: PredictorOptions) -> None:
        try:
            refuse_blind(backend)
        except InputError as error:
            error.where = f"--backend {backend}"
            raise
        self._spec = backend
        self._options = options
        self._opening = BackendOptions.model_validate(dict(options.backend))
        opened = open_backend(backend, self._opening)
        self.name = opened.model
        self.identity: dict[str, Any] = {
            "kind": "backend",
            "backend": opened.name,
            "model": opened.model,
            "parameters": opened.parameters,
        }
        if opened.notice:
            note(opened.notice)

    def predict(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
        """See `Predictor`; replies come in the order of the answers."""
        by_id = {question.id: question for question in questions}
        failed, succeeded = 0, False
        with asyncio.Runner() as runner:
            answers = self._answers(questions)
            try:
                while (said := runner.run(_next(answers))) is not None:
                    prompt, answer = said
                    reply = _reply(answer)
                    yield by_id[prompt.record_id], reply
                    failed += bool(reply.failure)
                    succeeded = succeeded or not reply.failure
                    if failed >= HOPELESS_AFTER and not succeeded:
                        raise BackendError(f"the first {failed} requests failed, the last: {reply.failure}")
            finally:
                runner.run(answers.aclose())

    async def _answers(self, questions: Sequence[Question]) -> AsyncGenerator[Said]:
        options = self._options
        # Connections belong to the event loop that opens them.
        backend = open_backend(self._spec, self._opening)
        limits = Limits(in_flight=backend.in_flight, max_cost=options.max_cost)
        asked = complete(
            map(_prompt, questions), backend, journal=options.journal, limits=limits, prices=options.prices
        )
        try:
            async for said in asked:
                yield said
        finally:
            await asked.aclose()
            await backend.aclose()


async def _next(answers: AsyncGenerator[Said]) -> Said | None:
    return await anext(answers, None)


def _prompt(question: Question) -> Prompt:
    words = Message(role="user", content=question.text, images=(image_input(question.image),))
    return Prompt(record_id=question.id, instruction="evaluation", messages=(words,))


def _reply(answer: Completion | RequestError) -> Reply:
    if isinstance(answer, Completion):
        return Reply(answer.text)
    return Reply("") if answer.reason == _SAYS_NOTHING else Reply(failure=str(answer))
