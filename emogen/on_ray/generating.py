"""A run on Ray, seen from the process that holds its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from emogen.admission import Limits
from emogen.asking import Asker, format_of
from emogen.journal import Journal
from emogen.judging import instruction
from emogen.on_ray.desk import Parcel
from emogen.on_ray.parcels import ASKED, DONE, MADE, Made, Shard
from emogen.on_ray.pool import Pool, run_pool
from emogen.on_ray.serving import Serving
from emogen.on_ray.shards import ShardFile, ids_of
from emogen.on_ray.worker import Errand, ShardWorker
from emogen.opening import limits_of, sight_of, source_of
from emogen.schemas import ImageRecord
from emogen.settings import RunSettings
from emogen.settings.nesting import with_paths
from emogen.store import RunFolder

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
        resumed = bool(journal and journal.last_position())
        errand = _errand(folder, settings, limits, asker, resumed=resumed)
        await run.serve(
            ray,
            limits,
            lambda desk, ending: run_pool(ray, pool, ShardWorker, (desk, errand), len(shards), ending),
        )


def _errand(
    folder: RunFolder, settings: RunSettings, limits: Limits, asker: Asker | None, *, resumed: bool
) -> Errand:
    told = with_paths(settings.model_dump(mode="json"), lambda path: path.resolve())
    manifest = folder.manifest
    asked = [name for name in settings.types if instruction(name).asks_model]
    hashes = {name: (manifest["templates"].get(name), manifest["seeds"].get(name)) for name in asked}
    # It refuses here a model that takes no images.
    seen = sight_of(settings) is not None
    image_root = source_of(settings).image_root.resolve() if seen else None
    return Errand(told, limits, asker.price if asker else None, image_root, hashes, resumed)


class _Run(Serving):
    """Keeps answers in the journal and rows in the folder, and hands out shards."""

    def __init__(
        self,
        folder: RunFolder,
        shards: ShardFile,
        asker: Asker | None,
        journal: Journal | None,
        on_row: Callable[[], None],
    ) -> None:
        super().__init__()
        self._folder = folder
        self._shards = shards
        self._asker = asker
        self._journal = journal
        self._on_row = on_row
        self._tallied: set[int] = set()
        # Row → keys of its answers in the journal, of rows that are not there: they are not asked for again.
        self._rowless: dict[tuple[str, str], list[bytes]] = {}
        for key, record_id, kind in journal.places() if journal else ():
            if (record_id, kind) not in folder.done:
                self._rowless.setdefault((record_id, kind), []).append(key)

    def spent(self) -> float:
        """Return what the answers in the journal cost."""
        return self._asker.admission.spent if self._asker else 0.0

    async def keep(self, parcels: list[Parcel]) -> None:
        """Write answers and rows; after a broken line, they may have come before."""
        if self._asker:
            self._asker.admission.perhaps_spent = self.perhaps_spent
        made: list[Made] = [parcel.content for parcel in parcels if parcel.kind == MADE]
        answers = {answer[0]: answer for one in made for answer in one.answers}
        if self._journal:
            new = [answer for key, answer in answers.items() if not self._journal.has(key)]
            await self._journal.put_packed(new)
            for key, record_id, kind, _, cost, _ in new:
                self._rowless.setdefault((record_id, kind), []).append(key)
                if self._asker:
                    self._asker.admission.spent += cost or 0.0
        for row in (row for one in made for row in one.rows):
            self._rowless.pop((row.record_id, row.instruction), None)
            if self._folder.add_once(row):
                self._on_row()

    def reply(self, parcel: Parcel) -> Any:
        """Hand out a shard, unless the run is ending; count what a finished one took."""
        if parcel.kind == ASKED:
            return None if self.error else self._shard(parcel.content)
        # After a broken line, it may have come before.
        if parcel.kind == DONE and self._asker and parcel.content.shard not in self._tallied:
            self._tallied.add(parcel.content.shard)
            self._asker.replayed += parcel.content.replayed
            self._asker.estimated += parcel.content.estimated
        return None

    def _shard(self, number: int) -> Shard:
        lines = self._shards.lines(number)
        skip = self._shards.rows_there(number, lines, self._folder.done)
        if self._journal is None or self._asker is None:
            return Shard(lines, skip, [], None)
        known = self._journal.get_packed(self._keys_of(lines)) if self._rowless else []
        return Shard(lines, skip, known, format_of(self._asker.backend, self._journal))

    def _keys_of(self, lines: list[bytes]) -> Iterable[bytes]:
        types = self._folder.manifest["types"]
        return [
            key for name in ids_of(lines) for kind in types for key in self._rowless.get((name, kind), ())
        ]
