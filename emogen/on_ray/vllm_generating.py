"""A run whose model is served on the GPUs of a cluster by Ray's vLLM processor, seen from the process of its folder.

The processor is made for tables, not for one question after the other. So a run goes in passes, as with a provider's
batches: all requests that the journal does not answer go through it, and the answers into the journal; the corrections
of those that cannot be read are the next pass. In the end the rows are made of the journal. What a stopped pass had
answered is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from typing import Any, Final

from emogen.asking import Asker
from emogen.backends import Backend
from emogen.backends.openai import OpenAIBackend
from emogen.batch.planned import Failure
from emogen.batch.rows import Missing, Rows, fill
from emogen.errors import CheckFailedError, InputError
from emogen.journal import Journal
from emogen.journal_entry import Entry
from emogen.judging import Judge, instruction
from emogen.on_ray.pool import Pool
from emogen.on_ray.vllm_rows import answer_of, kept, row_of
from emogen.on_ray.vllm_settings import VllmSettings, processor_config
from emogen.opening import renderer_of
from emogen.registry import require
from emogen.schemas import ImageRecord
from emogen.settings import RunSettings
from emogen.store import RunFolder

__all__ = ["Processor", "generate_by_vllm", "refuse_others", "vllm_processor"]

# Takes a data set of requests and returns one of answers.
Processor = Callable[[Any], Any]

# Requests that go to the cluster together, and how many of such tables wait there at most.
TABLE_ROWS: Final = 256
WAITING_TABLES: Final = 16


class Failures:
    """Why requests of the last pass have no answer; takes the place of batches that were submitted."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, Failure] = {}
        self.last: Failure | None = None

    def note(self, key: bytes, failure: Failure) -> None:
        """Keep why a request has no answer."""
        self._by_key[key] = self.last = failure

    def failure(self, key: bytes) -> Failure | None:
        """Return why a request has no answer; None where it was not asked."""
        return self._by_key.get(key)

    def is_asked(self, key: bytes) -> bool:
        """Whether a request is under way: between passes none is."""
        return False

    def refused_formats(self) -> Mapping[str, str]:
        """Return the answer formats that were refused: vLLM has all that it is asked for."""
        return {}


def vllm_processor(model: str, settings: VllmSettings, pool: Pool) -> Processor:
    """Return Ray's processor; the GPUs are taken when its first table comes.

    Raises:
        MissingExtraError: Ray, or what its processor needs, is not installed.
        InputError: Ray does not take the settings.
    """
    config = processor_config(model, settings, pool)
    llm = require("ray.data.llm", extra="ray", purpose="--vllm")
    context = require("ray.data", extra="ray", purpose="--vllm").DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return llm.build_processor(config, preprocess=dict, postprocess=kept)  # type: ignore[no-any-return]


def refuse_others(backend: Backend, settings: RunSettings) -> OpenAIBackend:
    """Return the backend of a run that the processor can answer.

    Raises:
        InputError: it is another one, images are to be seen, or there is a limit that nothing here would keep.
    """
    limits = settings.limits
    if not isinstance(backend, OpenAIBackend) or backend.name != "openai" or settings.images.see:
        raise InputError(
            "Ray's vLLM processor is asked in words alone, by --backend openai:MODEL",
            where="--vllm",
            remedy="Leave out --see; or serve the model (vllm serve), and name its servers with --base-url.",
        )
    if limits.max_cost is not None or limits.requests_per_minute or limits.tokens_per_minute:
        raise InputError(
            "GPUs of your own have no limits on money, requests or tokens a minute",
            where="--vllm",
            remedy="Leave them out.",
        )
    return backend


async def generate_by_vllm(
    ray: Any,
    processor: Processor,
    folder: RunFolder,
    records: Callable[[], Iterable[ImageRecord]],
    asker: Asker,
    journal: Journal,
    settings: RunSettings,
    on_row: Callable[[], None],
) -> None:
    """Do what `emogen.pipeline.generate_into` does, in passes.

    Args:
        ray: From `emogen.on_ray.cluster.connected`.
        processor: See `vllm_processor`.
        folder: The open run folder.
        records: Reads all that are selected, once for each pass.
        asker: What the run has spent is counted here; it asks nothing itself.
        journal: Of the run.
        settings: Of the run.
        on_row: Called after each row, once no answer is missing any more.

    Raises:
        EmovitError: the processor failed, or answered nothing.
    """
    backend = refuse_others(asker.backend, settings)
    failures = Failures()

    def rows() -> Rows:
        renderer = renderer_of(settings)
        return Rows(
            folder.unchanged(records()),
            [instruction(name) for name in settings.types],
            skip=folder.done,
            backend=backend,
            renderer=renderer,
            judge=Judge(settings.checks, renderer.seeds),
            corrections=settings.corrections,
            tokens_per_row=settings.limits.tokens_per_row,
            journal=journal,
            plans=failures,
        )

    while await _passed(ray, processor, rows().missing(), backend, asker, journal, failures):
        pass
    # Where a run goes on, what is left may be what failed before.
    if failures.last and not journal.last_position():
        raise CheckFailedError(
            f"not one request was answered; the last: {failures.last.detail}",
            where="--vllm",
            remedy="What vLLM said stands in the logs of Ray's workers.",
        )
    fill(folder, rows(), on_row)


async def _passed(
    ray: Any,
    processor: Processor,
    missing: Iterator[Missing],
    backend: OpenAIBackend,
    asker: Asker,
    journal: Journal,
    failures: Failures,
) -> int:
    """Ask what is missing, and put the answers into the journal; return how many there were."""
    first = next(missing, None)
    if first is None:
        return 0
    answered = 0
    requests = (row_of(each, backend) for each in chain([first], missing))
    async for table in _answers(ray, processor, requests):
        entries: list[Entry] = []
        for row in table:
            found = answer_of(row, backend.model, asker.price)
            if isinstance(found, Failure):
                failures.note(bytes.fromhex(row["key"]), found)
            else:
                entries.append(found)
                asker.admission.spent += found.cost or 0.0
        await asyncio.gather(*map(journal.put, entries))
        answered += len(entries)
    return answered


async def _answers(
    ray: Any, processor: Processor, requests: Iterator[dict[str, Any]]
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the answers table by table, in the order in which they come."""
    from ray.util.queue import Queue

    waiting = Queue(maxsize=WAITING_TABLES, actor_options={"num_cpus": 0})
    one = ray.data.ActorPoolStrategy(size=1)
    source = ray.data.from_items([0], override_num_blocks=1).map_batches(
        _Requests, fn_constructor_args=(waiting,), compute=one, num_cpus=0.1
    )
    answers = iter(processor(source).iter_batches(batch_size=None, batch_format="pyarrow"))
    feeding = asyncio.create_task(_fed(waiting, requests))
    try:
        while (table := await asyncio.to_thread(next, answers, None)) is not None:
            if feeding.done():
                feeding.result()
            yield table.to_pylist()
        await feeding
    finally:
        feeding.cancel()
        with suppress(asyncio.CancelledError):
            await feeding
        waiting.shutdown(force=True)


async def _fed(waiting: Any, requests: Iterator[dict[str, Any]]) -> None:
    """Hand the requests over; where they end in an error, so does the table."""
    try:
        while table := list(islice(requests, TABLE_ROWS)):
            await waiting.put_async(table)
    finally:
        await asyncio.shield(waiting.put_async(None))


class _Requests:
    """Yields the tables of requests that come through a queue; one actor of the cluster."""

    def __init__(self, waiting: Any) -> None:
        self._waiting = waiting

    def __call__(self, batch: Any) -> Iterator[dict[str, list[Any]]]:
        while (rows := self._waiting.get()) is not None:
            yield {name: [row[name] for row in rows] for name in rows[0]}
