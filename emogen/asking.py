"""Asks a backend: from the journal where the answer is known, otherwise admitted, retried, and made durable.

Three small things around one: `journal` (nothing is paid for twice), `admission` (no limit is broken) and the
retries. A passing failure is asked again after a growing pause; a 429 waits as long as the server says, gives its slot
back meanwhile, and uses up no attempt.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from emogen.admission import Admission, CostLimitError, Limits, Ticket
from emogen.backends import (
    Backend,
    FormatRefusedError,
    HasAnswerFormats,
    RequestError,
    ThrottledError,
    TransientError,
    blind,
    open_backend,
)
from emogen.errors import InputError
from emogen.estimates import estimated_usage, most_usage, with_estimate
from emogen.journal import AnswerStore, Journal
from emogen.journal_entry import Entry, request_key
from emogen.prices import Price, price_of, require_price
from emogen.schemas import Completion, Prompt, Usage
from emogen.sight import UNREADABLE_IMAGE, encode

__all__ = [
    "ATTEMPTS",
    "WORKERS_PER_SLOT",
    "Answered",
    "Asker",
    "UnreadableImageError",
    "complete",
    "format_of",
    "go_on",
    "open_asker",
]

ATTEMPTS: Final = 5
# Rows that wait out a refusal or a failure hold no slot: so many at once leave enough others to use all slots.
WORKERS_PER_SLOT: Final = 3
MAX_PAUSE_S: Final = 60.0
FIRST_PAUSE_S: Final = 0.2
# The server may have made, and charged for, an answer that nobody could read.
PERHAPS_PAID: Final = frozenset({"timeout", "unreadable_reply"})
# Beyond so many, the pause after a refusal grows no more: most refusals say that the server is full for a moment.
REFUSALS_COUNTED: Final = 5
# A server that refuses one and the same request for so long will go on doing so.
MAX_THROTTLED_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with what it took.

    Attributes:
        completion: The raw answer.
        attempts: How often it was sent, refusals with 429 not counted.
        cost: In the price table's currency; None where the price is unknown.
        answered_at: See `emogen.journal_entry.Entry`.
        replayed: Whether it came from the journal.
    """

    completion: Completion
    attempts: int
    cost: float | None
    answered_at: int | None
    replayed: bool

    @classmethod
    def kept(cls, entry: Entry) -> Answered:
        """Return an answer that a journal has kept."""
        return cls(entry.completion, entry.attempts, entry.cost, entry.answered_at, replayed=True)


class UnreadableImageError(RequestError):
    """An image of a prompt cannot be decoded; nothing was sent."""

    def __init__(self, detail: str) -> None:
        super().__init__(UNREADABLE_IMAGE, detail)


class Asker:
    """One run's way to its backend.

    Args:
        backend: Who is asked; its `complete` makes a single attempt.
        admission: The gate that every attempt passes.
        journal: Where answers are kept; None keeps none (a trial, a test).
        price: What prompts and answers cost; None where it is unknown.

    Attributes:
        replayed: How many answers came from the journal.
        estimated: How many of the others have estimated tokens, as the server did not count them.
    """

    def __init__(
        self,
        backend: Backend,
        admission: Admission,
        journal: AnswerStore | None = None,
        price: Price | None = None,
    ) -> None:
        self.backend = backend
        self.admission = admission
        self.replayed = 0
        self.estimated = 0
        self._journal = journal
        self.price = price

    async def ask(
        self, prompt: Prompt, *, revision: int = 0, context: dict[str, Any] | None = None
    ) -> Answered:
        """Return the answer to `prompt`, known or new; a new one is durable when this returns.

        Args:
            prompt: What is asked.
            revision: How many times the row was asked again with a correction.
            context: Kept beside the answer, see `emogen.journal_entry.Entry`.

        Raises:
            RequestError: this request failed for good; `UnreadableImageError` where it could not even be sent.
            BackendError: no request can succeed.
            CostLimitError: the money is used up.
            InputError: the prompt has images, and the model takes none.
        """
        if prompt.images and not self.backend.sees:
            raise blind(self.backend.model)
        key = self.key(prompt, revision)
        known = self._journal.get(key) if self._journal else None
        if known is not None:
            self.replayed += 1
            return Answered.kept(known)
        await _encode(prompt)
        expected = estimated_usage(prompt)
        ticket, completion, attempts = await self._admitted(prompt, expected)
        answered_at = int(time.time())
        completion = with_estimate(completion, expected.prompt_tokens)
        usage = completion.usage
        self.estimated += usage.estimated
        cost = self._cost(usage)
        try:
            if self._journal is not None:
                # The slot is held until the answer is durable: a kill loses at most what is in flight.
                await self._journal.put(
                    Entry(
                        key,
                        prompt.record_id,
                        prompt.instruction,
                        revision,
                        attempts,
                        cost,
                        answered_at,
                        completion,
                        context or {},
                    )
                )
        finally:
            self.admission.succeeded(ticket, usage.prompt_tokens + usage.completion_tokens, cost or 0.0)
        return Answered(completion, attempts, cost, answered_at, replayed=False)

    def key(self, prompt: Prompt, revision: int = 0) -> bytes:
        """Return the address of a request in the journal."""
        return request_key(self.backend.model, self.backend.parameters, prompt, revision)

    def knows(self, prompt: Prompt) -> bool:
        """Whether the journal has the answer to a first request."""
        return self._journal is not None and self._journal.get(self.key(prompt)) is not None

    def _cost(self, usage: Usage) -> float | None:
        return self.price.of(usage) if self.price else None

    async def _admitted(self, prompt: Prompt, expected: Usage) -> tuple[Ticket, Completion, int]:
        tokens = expected.prompt_tokens + expected.completion_tokens
        most_cost = self.price.of(most_usage(prompt, self.backend.parameters)) if self.price else 0.0
        attempts = refusals = 0
        first_refusal_s: float | None = None
        while True:
            ticket = await self.admission.enter(tokens, most_cost, again=bool(attempts or refusals))
            try:
                completion = await self.backend.complete(prompt)
            except ThrottledError as refusal:
                self.admission.refused_by_server(ticket, refusal.retry_after_s)
                refusals += 1
                first_refusal_s = time.monotonic() if first_refusal_s is None else first_refusal_s
                if time.monotonic() - first_refusal_s > MAX_THROTTLED_S:
                    raise RequestError("rate_limited", refusal.detail) from refusal
                pause_s = refusal.retry_after_s or _pause_s(min(refusals, REFUSALS_COUNTED))
            except TransientError as failure:
                if failure.reason in PERHAPS_PAID:
                    self.admission.perhaps_spent += ticket.cost
                self.admission.leave(ticket)
                attempts += failure.uses_attempt
                if attempts == ATTEMPTS:
                    raise RequestError(failure.reason, failure.detail) from failure
                # Whoever waited for an answer until time was up has paused long enough.
                patience_s = 0.0 if failure.reason == "timeout" else _pause_s(attempts)
                pause_s = failure.retry_after_s or patience_s
            except BaseException:
                self.admission.leave(ticket)
                raise
            else:
                self.admission.learn(self.backend.rate_headers)
                self.admission.answered(ticket)
                return ticket, completion, attempts + 1
            await asyncio.sleep(pause_s)


async def _encode(prompt: Prompt) -> None:
    """Encode the images before a slot is taken; once per image, whatever is asked about it and how often."""
    if not prompt.images:
        return
    try:
        await encode(prompt.images)
    except InputError as error:
        raise UnreadableImageError(str(error)) from error


async def complete(
    prompts: Iterable[Prompt],
    backend: Backend | str,
    *,
    journal: Path | None = None,
    limits: Limits | None = None,
    prices: Path | None = None,
    schema_is_wish: bool = False,
) -> AsyncGenerator[tuple[Prompt, Completion | RequestError]]:
    """Ask a language model about anything, with journal, limits and cost cap, in the order of the answers.

    Leave the loop early only inside `contextlib.aclosing`, so that running requests are cancelled.

    Args:
        prompts: Read lazily. `record_id` and `instruction` are yours to use; the content decides what is asked anew.
            A message may carry images, see `emogen.image_input`.
        backend: A backend, or what `--backend` takes.
        journal: SQLite file that keeps the answers; the same prompt is then never paid for twice.
        limits: Requests and tokens a minute, requests in flight, money.
        prices: A price table that goes before the bundled one.
        schema_is_wish: Whether a prompt is asked without its schema where the server gives no structured answers;
            otherwise its request fails.

    Yields:
        The prompt with its answer, or with the error of its request; one failed request does not end the others.

    Raises:
        BackendError: no request can succeed.
        CostLimitError: the money is used up; what was under way is answered first.
        InputError: a limit on money, and a model without a known price; or images, and a model that takes none.
    """
    opened = open_backend(backend) if isinstance(backend, str) else backend
    allowed = limits or Limits(in_flight=opened.in_flight)
    price = price_of(opened.model, prices)
    with ExitStack() as stack:
        kept = stack.enter_context(Journal(journal)) if journal else None
        asker = open_asker(opened, allowed, price, kept)
        try:
            async with aclosing(
                _answers(asker, iter(prompts), WORKERS_PER_SLOT * allowed.in_flight, schema_is_wish)
            ) as answers:
                async for answer in answers:
                    yield answer
        finally:
            if isinstance(backend, str):
                await opened.aclose()


def open_asker(backend: Backend, limits: Limits, price: Price | None, journal: Journal | None) -> Asker:
    """Put journal, limits and price around a backend.

    A run that is resumed has spent what its journal says, and goes on with the answer format that it had come to.

    Raises:
        InputError: a limit on money, and a model without a known price.
    """
    if limits.max_cost is not None:
        require_price(backend.model, price)
    spent = 0.0
    if journal is not None:
        spent = journal.spent(price.of if price else None)
        go_on(backend, journal)
    return Asker(backend, Admission(limits, spent), journal, price)


def go_on(backend: Backend, journal: Journal) -> None:
    """Let a backend ask in the answer format that the run had come to."""
    found = format_of(backend, journal)
    if found is not None and isinstance(backend, HasAnswerFormats):
        backend.go_on_with(found)


def format_of(backend: Backend, journal: Journal) -> str | None:
    """Return the format in which the run's model answered last; None where there is no answer of it."""
    newest = journal.newest()
    return newest.completion.answer_format if newest is not None and _is_of(newest, backend) else None


def _is_of(entry: Entry, backend: Backend) -> bool:
    """Whether an answer is one to this backend as it is asked now."""
    asked, parameters = entry.context.get("provenance", {}), entry.context.get("parameters", {})
    return bool(asked.get("model") == backend.model and backend.parameters.items() <= parameters.items())


async def _answers(
    asker: Asker, prompts: Iterator[Prompt], workers: int, schema_is_wish: bool
) -> AsyncGenerator[tuple[Prompt, Completion | RequestError]]:
    ready: asyncio.Queue[tuple[Prompt, Completion | RequestError] | None] = asyncio.Queue(maxsize=workers)
    ended: list[Exception] = []
    hopeless = False
    asking: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
    ask = _ask_without_schema_if_need_be if schema_is_wish else _ask

    async def work() -> None:
        nonlocal hopeless
        try:
            for prompt in prompts:
                if ended:
                    break
                try:
                    # Whoever asks the same at the same time waits for the one answer.
                    async with asking.setdefault(asker.key(prompt), asyncio.Lock()):
                        answered = await ask(asker, prompt)
                except RequestError as error:
                    await ready.put((prompt, error))
                except CostLimitError:
                    raise
                except Exception:
                    hopeless = True
                    raise
                else:
                    await ready.put((prompt, answered.completion))
        except Exception as error:
            ended.append(error)
        await ready.put(None)

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    try:
        for _ in range(workers):
            while (item := await ready.get()) is not None:
                yield item
            if hopeless:
                # No request can succeed: those that wait for their next attempt are not waited for.
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if ended:
        raise ended[0]


async def _ask(asker: Asker, prompt: Prompt) -> Answered:
    # By this a run that is resumed knows the answer format that it had come to.
    context = {"provenance": {"model": asker.backend.model}, "parameters": asker.backend.parameters}
    return await asker.ask(prompt, context=context)


async def _ask_without_schema_if_need_be(asker: Asker, prompt: Prompt) -> Answered:
    try:
        # What was answered before the server refused schemas is paid for.
        if asker.backend.structured or asker.knows(prompt):
            return await _ask(asker, prompt)
    except FormatRefusedError:
        if asker.backend.structured:
            raise
    return await _ask(asker, prompt.model_copy(update={"answer_schema": None}))


def _pause_s(failures: int) -> float:
    # Jitter spreads the retries of rows that failed together.
    return min(FIRST_PAUSE_S * 2.0 ** (failures - 1), MAX_PAUSE_S) * random.uniform(0.5, 1.0)
