"""A run on Ray, seen from the process that holds its folder."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from emogen.admission import CostLimitError, Limits
from emogen.asking import Asker, format_of
from emogen.journal import Journal
from emogen.judging import instruction
from emogen.on_ray.desk import Desk, Parcel, Standing
from emogen.on_ray.parcels import ASKED, DONE, FAILED, MADE, NOTE, Failure, Made, Shard
from emogen.on_ray.pool import Pool, run_pool
from emogen.on_ray.shards import ShardFile
from emogen.on_ray.worker import Errand, ShardWorker
from emogen.opening import limits_of
from emogen.schemas import ImageRecord
from emogen.settings import RunSettings
from emogen.settings.nesting import with_paths
from emogen.store import RunFolder
from emogen.terminal import note

__all__ = ["generate_on_ray"]


async def generate_on_ray(
    ray: Any,
    pool: Pool,
    folder: RunFolder,
    records: Iterable[ImageRecord],
    asker: Asker | None,
    journal: Journal | None,
    settings: RunSettings,
    on_row: Callable[[], None],
) -> None:
    """Do what `emogen.pipeline.generate_into` does, on a cluster.

    Args:
        ray: From `emogen.on_ray.cluster.connected`.
        pool: How many workers there are, and what each gets.
        folder: The open run folder.
        records: All that are selected.
        asker: What the run has spent is counted here; it asks nothing itself.
        journal: Of the run; None where no model is asked.
        settings: Of the run.
        on_row: Called after each row.

    Raises:
        EmovitError: as `generate_into`; or the cluster has no room for a worker.
    """
    with ShardFile(folder.path, settings.types, pool.shard_records) as shards:
        shards.fill(folder.unchanged(records), folder.done)
        if not len(shards):
            return
        limits = limits_of(settings, asker.backend if asker else None)
        run = _Run(folder, shards, asker, journal, on_row)
        errand = _errand(
            folder, settings, limits, resumed=bool(asker and journal and journal.last_position())
        )
        desk = _desk(ray, limits, asker.admission.spent if asker else 0.0)
        await run.served(desk, lambda: run_pool(ray, pool, ShardWorker, (desk, errand), len(shards)))


def _desk(ray: Any, limits: Limits, spent: float) -> Any:
    """Start the desk on this machine: with it, the run has ended anyway."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=10_000)(_RayDesk)
    return actor.options(name=f"desk-{uuid.uuid4().hex[:8]}", scheduling_strategy=here).remote(limits, spent)


class _RayDesk(Desk):
    """The desk as an actor."""

    def __init__(self, limits: Limits, spent: float) -> None:
        import ray

        anew = ray.get_runtime_context().was_current_actor_reconstructed
        super().__init__(limits, spent, anew=anew)


def _errand(folder: RunFolder, settings: RunSettings, limits: Limits, *, resumed: bool) -> Errand:
    told = with_paths(settings.model_dump(mode="json"), lambda path: path.resolve())
    manifest = folder.manifest
    asked = [name for name in settings.types if instruction(name).asks_model]
    hashes = {name: (manifest["templates"].get(name), manifest["seeds"].get(name)) for name in asked}
    return Errand(told, limits, hashes, manifest["versions"].get("emovit-toolkit", ""), resumed)


@dataclass
class _Run:
    """Deals with what the workers hand in."""

    folder: RunFolder
    shards: ShardFile
    asker: Asker | None
    journal: Journal | None
    on_row: Callable[[], None]

    def __post_init__(self) -> None:
        self._error: Exception | None = None
        self._notes: set[str] = set()
        # Row → keys of its answers in the journal, of rows that are not there: they are not asked for again.
        self._rowless: dict[tuple[str, str], list[bytes]] = {}
        for key, record_id, kind in self.journal.places() if self.journal else ():
            if (record_id, kind) not in self.folder.done:
                self._rowless.setdefault((record_id, kind), []).append(key)

    async def served(self, desk: Any, work: Callable[[], None]) -> None:
        """Deal with what comes to the desk until `work`, which waits for the workers, is done."""
        working = asyncio.ensure_future(_in_thread(work))
        replies: dict[int, Any] = {}
        try:
            while not working.done() and not self._is_over():
                replies = await self._deal(desk, replies)
            if not self._is_over():
                await working
        finally:
            # What was paid for and handed in is kept, even where somebody interrupts.
            with suppress(Exception):
                async with asyncio.timeout(5.0):
                    await asyncio.shield(self._deal(desk, replies))
            working.cancel()
        if self._error is not None:
            raise self._error

    def _is_over(self) -> bool:
        # What is under way is waited for where the money ran out: it is paid for.
        return self._error is not None and not isinstance(self._error, CostLimitError)

    async def _deal(self, desk: Any, replies: Mapping[int, Any]) -> dict[int, Any]:
        """Deliver replies, and deal with what has come meanwhile; return the replies to that."""
        spent = self.asker.admission.spent if self.asker else 0.0
        parcels: list[tuple[int, Parcel]]
        standing: Standing
        parcels, standing = await desk.take.remote(replies, spent)
        if self.asker:
            self.asker.admission.perhaps_spent = standing.perhaps_spent
        made = [parcel.content for _, parcel in parcels if parcel.kind == MADE]
        await self._keep(made)
        return {number: self._reply(parcel) for number, parcel in parcels}

    async def _keep(self, made: list[Made]) -> None:
        """Write answers and rows; after a failure of Ray's, they may have come before."""
        answers = {answer[0]: answer for one in made for answer in one.answers}
        if self.journal:
            new = [answer for key, answer in answers.items() if not self.journal.has(key)]
            await self.journal.put_packed(new)
            for key, record_id, kind, _, cost, _ in new:
                self._rowless.setdefault((record_id, kind), []).append(key)
                if self.asker:
                    self.asker.admission.spent += cost or 0.0
        for row in (row for one in made for row in one.rows):
            self._rowless.pop((row.record_id, row.instruction), None)
            if self.folder.add_once(row):
                self.on_row()

    def _reply(self, parcel: Parcel) -> Any:
        if parcel.kind == ASKED:
            return None if self._error else self._shard(parcel.content)
        if parcel.kind == DONE and self.asker:
            self.asker.replayed += parcel.content.replayed
            self.asker.estimated += parcel.content.estimated
        elif parcel.kind == FAILED and self._error is None:
            failure = parcel.content
            self._error = failure.error() if isinstance(failure, Failure) else RuntimeError(failure)
        elif parcel.kind == NOTE and parcel.content not in self._notes:
            self._notes.add(parcel.content)
            note(parcel.content)
        return None

    def _shard(self, number: int) -> Shard:
        lines = self.shards.lines(number)
        skip = self.shards.rows_there(number, lines, self.folder.done)
        known, answer_format = [], None
        if self.journal and self.asker:
            if self._rowless:
                known = self.journal.get_packed(self._keys_of(lines))
            answer_format = format_of(self.asker.backend, self.journal)
        return Shard(lines, skip, known, answer_format)

    def _keys_of(self, lines: list[bytes]) -> Iterable[bytes]:
        ids = (ImageRecord.model_validate_json(line).id for line in lines)
        types = self.folder.manifest["types"]
        return [key for name in ids for kind in types for key in self._rowless.get((name, kind), ())]


async def _in_thread(work: Callable[[], None]) -> None:
    """Run what blocks, in a thread that nobody waits for when the program ends."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end(error: BaseException | None) -> None:
        if not ended.done():
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)

    def run() -> None:
        found: BaseException | None = None
        try:
            work()
        except BaseException as error:  # Whatever it is, somebody waits for the end.
            found = error
        # The loop may be closed already.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end, found)

    threading.Thread(target=run, name="ray-data", daemon=True).start()
    await ended
