"""How far the rows of a run have come, by journal and plans alone; nothing is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, cast

from emogen.asking import Answered, UnreadableImageError, go_on
from emogen.backends import blind
from emogen.backends.openai import OpenAIBackend
from emogen.batch.planned import Failure
from emogen.dialogue import Dialogue, Request
from emogen.errors import InputError
from emogen.instructions import AskedInstruction, DirectInstruction
from emogen.journal import Journal
from emogen.journal_entry import request_key
from emogen.judging import Instruction, Judge, Outcome, parameters_of, unreadable_image
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageInput, ImageRecord, Prompt, Rejection
from emogen.sight import Sight
from emogen.store import RunFolder

__all__ = ["Missing", "Rows", "Standing", "Submitted", "fill"]


class Submitted(Protocol):
    """What is known of requests that were handed over in large: `emogen.batch.plans.Plans`, or what takes its place."""

    def is_asked(self, key: bytes) -> bool:
        """Whether a request waits for its answer there."""

    def failure(self, key: bytes) -> Failure | None:
        """Return why a request had no answer when it was last there; None where it had, or was not."""

    def refused_formats(self) -> Mapping[str, str]:
        """Return the answer formats that were refused, with what was said."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A request whose answer the journal does not know.

    Attributes:
        key: Under which the journal will know it.
        request: What is asked.
        waiting: Whether it is in a batch that was not collected yet.
        failure: Why it had no answer when it was last collected; None where it was not.
    """

    key: bytes
    request: Request
    waiting: bool
    failure: Failure | None = None


@dataclass(slots=True)
class Standing:
    """How many rows of a run miss an answer.

    Attributes:
        waiting: Those whose request is in a batch that was not collected yet.
        failed: Those whose request was in a batch and not answered, by reason.
        unasked: Those whose request was in no batch.
        corrections: Those whose answer could not be read, and whose correction was in no batch.
    """

    waiting: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    unasked: int = 0
    corrections: int = 0

    @property
    def open(self) -> int:
        """How many could be submitted, or asked one by one."""
        return self.failed.total() + self.unasked + self.corrections


class Rows:
    """The rows of a run: each is over, or misses an answer.

    Args:
        records: Read lazily.
        kinds: The instruction types to make of each record.
        skip: Pairs of record id and instruction type that are there already.
        backend: Who is asked.
        renderer: Templates and seed examples.
        judge: Reads and checks the answers.
        corrections: How often a model is shown what is wrong with an answer that cannot be read.
        tokens_per_row: Most tokens for one row; a correction that would take more is not asked for.
        sight: Where the images are, if the model is to see them.
        journal: The answers; None where there are none yet.
        plans: The batches, or what else answers in large; None where there are none yet.

    Raises:
        InputError: images are to be seen, and the model takes none.
    """

    def __init__(
        self,
        records: Iterable[ImageRecord],
        kinds: Sequence[Instruction],
        *,
        skip: Collection[tuple[str, str]],
        backend: OpenAIBackend,
        renderer: PromptRenderer,
        judge: Judge,
        corrections: int,
        tokens_per_row: int | None = None,
        sight: Sight | None = None,
        journal: Journal | None,
        plans: Submitted | None,
    ) -> None:
        if sight is not None and not backend.sees:
            raise blind(backend.model)
        self._records = records
        self._kinds = kinds
        self._skip = skip
        self._backend = backend
        self._renderer = renderer
        self._judge = judge
        self._corrections = corrections
        self._tokens_per_row = tokens_per_row
        self._sight = sight
        self._parameters = parameters_of(backend, sight)
        self._journal = journal
        self._plans = plans
        _go_on(backend, journal, plans)

    def __iter__(self) -> Iterator[Outcome | Missing]:
        """Yield what came of each row, or what it misses."""
        for record in self._records:
            for kind in self._kinds:
                if (record.id, kind.name) in self._skip:
                    continue
                if not kind.asks_model:
                    yield self._judge.direct(record, cast(DirectInstruction, kind))
                    continue
                try:
                    yield self._replayed(record, cast(AskedInstruction, kind))
                except UnreadableImageError as error:
                    yield unreadable_image(record, kind, error.detail)

    def missing(self) -> Iterator[Missing]:
        """Yield those requests that are neither answered nor in a batch."""
        for row in self:
            if isinstance(row, Missing) and not row.waiting:
                yield row

    def _replayed(self, record: ImageRecord, kind: AskedInstruction) -> Outcome | Missing:
        """Take a row as far as the journal knows its answers."""
        with _looking():
            images = (self._sight.look(record),) if self._sight else ()
        row = self._dialogue(record, kind, images, self._backend.structured)
        if self._backend.fell and not self._backend.structured:
            # What was asked before the run came down to text is paid for.
            earlier = self._dialogue(record, kind, images, True)
            row = earlier if earlier.request and self._is_paid(self._key(earlier.request)) else row
        while (request := row.request) is not None:
            key = self._key(request)
            entry = self._journal.get(key) if self._journal else None
            if entry is None:
                return self._missing(key, request)
            row.take(Answered.kept(entry))
        assert row.outcome is not None
        return row.outcome

    def _dialogue(
        self, record: ImageRecord, kind: AskedInstruction, images: tuple[ImageInput, ...], structured: bool
    ) -> Dialogue:
        return Dialogue(
            record,
            kind,
            self._renderer,
            self._backend,
            self._judge,
            self._corrections,
            images,
            self._parameters,
            structured,
            self._tokens_per_row,
        )

    def _key(self, request: Request) -> bytes:
        return request_key(self._backend.model, self._backend.parameters, request.prompt, request.revision)

    def _is_paid(self, key: bytes) -> bool:
        is_known = self._journal is not None and self._journal.get(key) is not None
        return is_known or (self._plans is not None and self._plans.is_asked(key))

    def _missing(self, key: bytes, request: Request) -> Missing:
        if self._plans is not None and self._plans.is_asked(key):
            return Missing(key, request, waiting=True)
        with _looking():
            for image in request.prompt.images:
                image.load()
        return Missing(key, request, waiting=False, failure=self._plans.failure(key) if self._plans else None)


def _go_on(backend: OpenAIBackend, journal: Journal | None, plans: Submitted | None) -> None:
    """Ask in the answer format that the run has come to, online or by what its batches were refused."""
    if journal is not None:
        go_on(backend, journal)
    refused: Mapping[str, str] = plans.refused_formats() if plans is not None else {}
    formats = backend.request.answer_formats
    # The user's own choice is never left: its requests go on failing, and say why.
    while (current := formats.current) in refused and not formats.forced:
        backend.fall(current, refused[current])


@contextmanager
def _looking() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise UnreadableImageError(str(error)) from error


def fill(folder: RunFolder, rows: Iterable[Outcome | Missing], on_row: Callable[[], None]) -> Standing:
    """Write into the run folder what came of its rows, and return how many miss an answer.

    A request that failed is a rejection as it is online, where it is asked again, too, with the next run.
    """
    standing = Standing()
    for row in rows:
        if not isinstance(row, Missing):
            folder.add(row)
        elif row.waiting:
            standing.waiting += 1
        elif row.failure is not None:
            standing.failed[row.failure.reason] += 1
            if row.request.revision == 0:
                folder.add(_rejection(row.request.prompt, row.failure))
        elif row.request.revision == 0:
            standing.unasked += 1
        else:
            standing.corrections += 1
        on_row()
    return standing


def _rejection(prompt: Prompt, failure: Failure) -> Rejection:
    return Rejection(
        record_id=prompt.record_id,
        instruction=prompt.instruction,
        stage="backend",
        reason=failure.reason,
        detail=failure.detail,
    )
