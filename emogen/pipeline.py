"""The order of things: record → prompt → completion → judgement → sample or rejection.

This is the only file that knows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import cast

from emogen.admission import Admission, CostLimitError, Limits
from emogen.asking import WORKERS_PER_SLOT, Asker, UnreadableImageError
from emogen.backends import Backend, FormatRefusedError, HasAnswerFormats, RequestError, open_backend
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.dialogue import Dialogue
from emogen.errors import InputError
from emogen.instructions import AskedInstruction, DirectInstruction
from emogen.judging import (
    Instruction,
    Judge,
    Outcome,
    instruction,
    parameters_of,
    unreadable_image,
)
from emogen.patience import Patience
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageInput, ImageRecord, Rejection, Sample
from emogen.settings import DEFAULT_CORRECTIONS, DEFAULT_TOKENS_PER_ROW, DEFAULT_TYPES
from emogen.sight import Sight
from emogen.store import RunFolder

__all__ = ["DEFAULT_TYPES", "generate", "generate_into"]


async def generate(
    records: Iterable[ImageRecord],
    backend: Backend | str | None = None,
    *,
    types: Sequence[str] = DEFAULT_TYPES,
    renderer: PromptRenderer | None = None,
    skip: Collection[tuple[str, str]] = frozenset(),
    on_rejection: Callable[[Rejection], None] | None = None,
    asker: Asker | None = None,
    corrections: int = DEFAULT_CORRECTIONS,
    tokens_per_row: int = DEFAULT_TOKENS_PER_ROW,
    sight: Sight | None = None,
    checks: CheckSettings = DEFAULT_CHECKS,
    patience: Patience | None = None,
) -> AsyncGenerator[Sample]:
    """Make samples from records, in the order in which the answers arrive.

    Leave the loop early only inside `contextlib.aclosing`, so that running requests are cancelled:

        async with aclosing(emogen.generate(records, "embedded")) as samples:
            async for sample in samples:
                ...

    Args:
        records: Read lazily, one record at a time.
        backend: A backend, or what `--backend` takes; None is enough where no type asks a model.
        types: Instruction types to make of each record.
        renderer: Templates and seed examples; the bundled ones by default.
        skip: Pairs of record id and instruction type that are there already.
        on_rejection: Called with each answer that was not kept.
        asker: The backend with journal, limits and prices around it; takes the place of `backend`.
        corrections: How often a model is shown what is wrong with an answer that cannot be read.
        tokens_per_row: Most tokens for one row; a correction that would take more is not asked for.
        sight: Where the images are, if the model is to see them; None tells it of them in words alone.
        checks: What each check leads to, and its thresholds.
        patience: Counts failures; one of its own by default, where these records are all that is asked about.

    Raises:
        BackendError: no request can succeed.
        InputError: a type is unknown, a type asks a model and no backend was given, or the model takes no images.
    """
    kinds = [instruction(name) for name in types]
    opened = open_backend(backend) if isinstance(backend, str) else None
    asked = opened if isinstance(backend, str) else backend
    if asker is None and asked is not None:
        asker = Asker(asked, Admission(Limits(in_flight=asked.in_flight)))
    if asker is None and any(kind.asks_model for kind in kinds):
        raise InputError("no backend given", remedy="Name one, or make only the categorical type.")
    renderer = renderer or PromptRenderer()
    try:
        work = _Work(
            _pairs(records, kinds, skip),
            asker,
            renderer,
            corrections,
            tokens_per_row,
            sight,
            Judge(checks, renderer.seeds),
            patience or (Patience(asker.backend, resumed=_were_asked(kinds, skip)) if asker else None),
        )
        async with aclosing(work.outcomes()) as outcomes:
            async for outcome in outcomes:
                if isinstance(outcome, Sample):
                    yield outcome
                elif on_rejection is not None:
                    on_rejection(outcome)
    finally:
        if opened is not None:
            await opened.aclose()


def _pairs(
    records: Iterable[ImageRecord], kinds: Sequence[Instruction], skip: Collection[tuple[str, str]]
) -> Iterator[tuple[ImageRecord, Instruction]]:
    for record in records:
        for kind in kinds:
            if (record.id, kind.name) not in skip:
                yield record, kind


def _were_asked(kinds: Sequence[Instruction], skip: Collection[tuple[str, str]]) -> bool:
    """Whether a model was asked for rows that are there already."""
    there = {name for _, name in skip}
    return any(kind.asks_model and kind.name in there for kind in kinds)


class _Work:
    """A bounded pool of workers over lazily read pairs; one row never fails another."""

    def __init__(
        self,
        pairs: Iterator[tuple[ImageRecord, Instruction]],
        asker: Asker | None,
        renderer: PromptRenderer,
        corrections: int,
        tokens_per_row: int,
        sight: Sight | None,
        judge: Judge,
        patience: Patience | None,
    ) -> None:
        self._patience = patience
        self._pairs = pairs
        self._asker = asker
        self._renderer = renderer
        self._corrections = corrections
        self._tokens_per_row = tokens_per_row
        self._sight = sight
        self._judge = judge
        self._ready: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self._broken: Exception | None = None
        self._fatal: Exception | None = None

    async def outcomes(self) -> AsyncGenerator[Outcome]:
        """Yield outcomes as they come, and raise what ended the work once all that was made is yielded.

        An error of a backend cancels the requests under way; where the records end in an error, the requests of
        those before it are waited for.
        """
        workers = WORKERS_PER_SLOT * self._asker.backend.in_flight if self._asker else 1
        # A slow consumer holds the workers back instead of filling the memory.
        room = asyncio.Semaphore(2 * workers)
        tasks = [asyncio.create_task(self._work(room)) for _ in range(workers)]
        running = workers
        try:
            while running and self._fatal is None:
                outcome = await self._ready.get()
                if outcome is None:
                    running -= 1
                    continue
                yield outcome
                room.release()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        while not self._ready.empty():
            if (left := self._ready.get_nowait()) is not None:
                yield left
        error = self._fatal or self._broken
        if error is None and self._patience:
            error = self._patience.nothing_answered()
        if error is not None:
            raise error

    async def _work(self, room: asyncio.Semaphore) -> None:
        try:
            while self._fatal is None:
                # Room is taken before the work, so that what was made can always be handed over.
                await room.acquire()
                pair = self._next()
                if pair is None:
                    break
                self._ready.put_nowait(await self._make(*pair))
        except CostLimitError as error:
            # What is under way is paid for: it is waited for.
            self._broken = error
            self._pairs = iter(())
        except Exception as error:
            self._fatal = self._fatal or error
        finally:
            self._ready.put_nowait(None)

    def _next(self) -> tuple[ImageRecord, Instruction] | None:
        try:
            return next(self._pairs, None)
        except Exception as error:
            self._broken = error
            return None

    async def _make(self, record: ImageRecord, kind: Instruction) -> Outcome:
        if not kind.asks_model:
            return self._judge.direct(record, cast(DirectInstruction, kind))
        try:
            return await self._ask(record, cast(AskedInstruction, kind), await self._images(record))
        except UnreadableImageError as error:
            return unreadable_image(record, kind, error.detail)
        except RequestError as error:
            return self._failure(record, kind, error)

    async def _images(self, record: ImageRecord) -> tuple[ImageInput, ...]:
        if self._sight is None:
            return ()
        try:
            return (await self._sight.of(record),)
        except InputError as error:
            raise UnreadableImageError(str(error)) from error

    async def _ask(
        self, record: ImageRecord, kind: AskedInstruction, images: tuple[ImageInput, ...]
    ) -> Outcome:
        """Ask, and ask again with a correction where the answer cannot be read."""
        assert self._asker is not None
        assert self._patience is not None
        backend = self._asker.backend
        parameters = parameters_of(backend, self._sight)

        def begin(structured: bool) -> Dialogue:
            return Dialogue(
                record,
                kind,
                self._renderer,
                backend,
                self._judge,
                self._corrections,
                images,
                parameters,
                structured,
                self._tokens_per_row,
            )

        row = begin(backend.structured)
        if not backend.structured and isinstance(backend, HasAnswerFormats) and backend.fell:
            # What was answered before the run came down to text is paid for.
            earlier = begin(True)
            row = earlier if earlier.request and self._asker.knows(earlier.request.prompt) else row
        while (request := row.request) is not None:
            try:
                answer = await self._asker.ask(
                    request.prompt, revision=request.revision, context=request.context
                )
            except FormatRefusedError:
                if row.outcome is not None:
                    break
                if request.prompt.answer_schema is None or backend.structured:
                    raise
                # The prompt is rendered anew, and asks for text.
                row = begin(False)
                continue
            except RequestError:
                if row.outcome is None:
                    raise
                # The first answer stands, with what was wrong with it.
                break
            if answer.replayed:
                self._patience.replayed = True
            else:
                self._patience.answered = True
            row.take(answer)
        assert row.outcome is not None
        return row.outcome

    def _failure(self, record: ImageRecord, kind: Instruction, error: RequestError) -> Rejection:
        if self._patience:
            self._patience.failed(error)
        return Rejection(
            record_id=record.id,
            instruction=kind.name,
            stage="backend",
            reason=error.reason,
            detail=error.detail,
        )


async def generate_into(
    folder: RunFolder,
    records: Iterable[ImageRecord],
    asker: Asker | None,
    *,
    types: Sequence[str],
    renderer: PromptRenderer,
    corrections: int,
    tokens_per_row: int = DEFAULT_TOKENS_PER_ROW,
    on_outcome: Callable[[Outcome], None],
    sight: Sight | None = None,
    checks: CheckSettings = DEFAULT_CHECKS,
) -> None:
    """Run `generate` into an open run folder, skipping what it already holds."""

    def keep(outcome: Outcome) -> None:
        folder.add(outcome)
        on_outcome(outcome)

    samples = generate(
        folder.unchanged(records),
        types=types,
        renderer=renderer,
        skip=folder.done,
        on_rejection=keep,
        asker=asker,
        corrections=corrections,
        tokens_per_row=tokens_per_row,
        sight=sight,
        checks=checks,
    )
    async with aclosing(samples) as rows:
        async for sample in rows:
            keep(sample)
