"""An export by the workers of a Ray cluster: the same rows and files as in one process.

    samples ─ lines ─▶ drafted: rows, checks, images looked at ─▶ spool, here ─ in order ─▶ written: a shard each

What a sample takes (decoding an image, checking a row) and what a shard takes (reading its images, writing, sending it)
is the workers' work. Order, splits and what must be unique are decided here, by the index that every export has.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from emogen.errors import InputError
from emogen.exporters import ShardLayout
from emogen.exporters.drafting import Drafting
from emogen.exporters.left_out import KEPT_PROBLEMS
from emogen.exporters.options import ExportOptions
from emogen.exporters.outlet import Outlet
from emogen.exporters.shards import shard_name
from emogen.exporters.spool import Spool
from emogen.on_ray.cluster import connected
from emogen.on_ray.export_tasks import HALF_WRITTEN, Drafted, Errand, drafted, written
from emogen.on_ray.parcels import Failure
from emogen.on_ray.pool import gave_up
from emogen.stored import line_chunks

__all__ = ["SHARD_ROWS", "OnRay"]

# Of a shard, where nobody says it: with images inside, about a gigabyte.
SHARD_ROWS: Final = 10_000
DRAFTED_AT_ONCE: Final = 500
# Tasks under way for each CPU of the cluster: more would only wait in its memory.
TASKS_PER_CPU: Final = 2
# A network file system may show late what another machine wrote.
PATIENCE_S: Final = 10.0


class OnRay:
    """Lets a cluster do the work of an export; see `emogen.exporters.hands.Hands`. A context manager.

    Args:
        address: Of a cluster that runs; None is one of this machine alone.
        samples: The run's file of samples.
        format: A name of `EXPORTERS`.
        options: What of the samples, and in which form.
        advance: Called with how many more samples were drafted.
    """

    def __init__(
        self,
        address: str | None,
        samples: Path,
        format: str,
        options: ExportOptions,
        advance: Callable[[int], object],
    ) -> None:
        self._address = address
        self._samples = samples
        self._format = format
        # Workers run in folders of their own.
        self._options = replace(options, image_root=options.image_root.resolve())
        self._advance = advance
        self._opened = ExitStack()
        self._ray: Any = None
        self._errand: Any = None

    def __enter__(self) -> OnRay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def draft(self, drafting: Drafting, spool: Spool) -> None:
        """Connect to the cluster, and put what its workers draft into the spool, in the order of the samples."""
        self._ray = self._opened.enter_context(connected(self._address))
        errand = Errand(
            self._format, self._options, drafting.turns, drafting.pictures.images, self._samples.resolve()
        )
        self._errand = self._ray.put(errand)
        task = self._ray.remote(drafted)
        room = self.room()
        under_way: deque[Any] = deque()
        for first, lines in line_chunks(self._samples, DRAFTED_AT_ONCE):
            if len(under_way) >= room:
                self._take(under_way.popleft(), drafting, spool)
            under_way.append(task.remote(self._errand, first, lines))
        while under_way:
            self._take(under_way.popleft(), drafting, spool)
        spool.end()

    def _take(self, reference: Any, drafting: Drafting, spool: Spool) -> None:
        made: Drafted = self.result(reference)
        for sample in made.samples:
            spool.add(*sample)
        spool.add_values(made.values)
        drafting.met += made.met
        drafting.not_asked += made.not_asked
        left_out = drafting.left_out
        left_out.samples += made.left_out.samples
        left_out.problems += made.left_out.problems[: KEPT_PROBLEMS - len(left_out.problems)]
        for path, oddities in made.odd:
            drafting.pictures.odd.add(path, oddities)
        if drafting.heeding is not None and made.reviewed is not None:
            counts = drafting.heeding.counts
            for count in fields(counts):
                more = getattr(made.reviewed, count.name)
                setattr(counts, count.name, getattr(counts, count.name) + more)
        self._advance(made.met)

    def shards(self, layout: ShardLayout, outlet: Outlet, split: str, size: int) -> _ShardsAway:
        """See `Hands`."""
        return _ShardsAway(self, layout, outlet, split, size)

    def write(self, place: str, first: int, rows: list[bytes], images: list[str | None]) -> Any:
        """Let a worker write a shard, wherever there is room; return what stands for its size."""
        task = self._ray.remote(scheduling_strategy="SPREAD")(written)
        return task.remote(self._errand, place, first, rows, images)

    def room(self) -> int:
        """Return how many tasks may be under way at once."""
        return max(1, int(TASKS_PER_CPU * self._ray.cluster_resources().get("CPU", 1)))

    def result(self, reference: Any) -> Any:
        """Wait for a task, and return what it did.

        Raises:
            EmovitError: it could not, or Ray gave up.
        """
        try:
            made = self._ray.get(reference)
        except Exception as error:
            raise gave_up(error, "the same command makes the export anew.") from error
        if isinstance(made, Failure):
            raise made.error()
        return made


class _ShardsAway:
    """Gathers the rows of a split until they are a shard, which a worker writes.

    Args:
        hands: The cluster.
        layout: How a shard's rows lie in its file.
        outlet: Says where the shards go.
        split: What the names begin with.
        size: Rows in a shard.
    """

    def __init__(self, hands: OnRay, layout: ShardLayout, outlet: Outlet, split: str, size: int) -> None:
        self._hands = hands
        self._layout = layout
        self._outlet = outlet
        self._split = split
        self._size = size
        self._room = hands.room()
        self._sent = 0
        self._rows: list[bytes] = []
        self._images: list[str | None] = []
        self._under_way: deque[tuple[str, Any]] = deque()

    def __enter__(self) -> _ShardsAway:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        if self._rows:
            self._send()
        while self._under_way:
            self._arrived(*self._under_way.popleft())
        # A worker that died over a shard, which another one wrote then, left this.
        for left in self._outlet.work.rglob(HALF_WRITTEN):
            left.unlink(missing_ok=True)

    def add(self, row: bytes, image: Path | None) -> None:
        """Write one row."""
        self._rows.append(row)
        self._images.append(None if image is None else os.path.abspath(image))  # noqa: PTH100 - links stay links
        if len(self._rows) == self._size:
            self._send()

    def _send(self) -> None:
        if len(self._under_way) >= self._room:
            self._arrived(*self._under_way.popleft())
        name = shard_name(self._layout, self._split, self._sent)
        (self._outlet.work / name).parent.mkdir(exist_ok=True)
        place = self._outlet.place(name)
        reference = self._hands.write(place, self._sent * self._size, self._rows, self._images)
        self._under_way.append((name, reference))
        self._sent += 1
        self._rows, self._images = [], []

    def _arrived(self, name: str, reference: Any) -> None:
        size = self._hands.result(reference)
        until = time.monotonic() + PATIENCE_S
        while not self._outlet.arrived(name, size):
            if time.monotonic() > until:
                raise InputError(
                    "a worker wrote it, and it is not here",
                    where=self._outlet.place(name),
                    remedy="Name a folder that all machines share, or an address in a store.",
                )
            time.sleep(0.2)
