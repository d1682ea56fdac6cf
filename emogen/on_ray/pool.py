"""The pool of workers, by Ray Data: as many as there is work and room for, each replaced where it dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from emogen.errors import InputError

__all__ = ["SHARD_RECORDS", "Pool", "read_workers", "run_pool"]

SHARD_RECORDS: Final = 1000
# While the last rows of one shard are waited for, the next is under way.
SHARDS_AT_ONCE: Final = 2


@dataclass(frozen=True)
class Pool:
    """How many workers there are, and what each gets.

    Attributes:
        least: Workers from the beginning; None is one for each machine.
        most: Workers at most, while shards wait; None is as many.
        shard_records: Records that a worker takes at a time.
        gpus: Of each worker; parts of one are allowed.
    """

    least: int | None = None
    most: int | None = None
    shard_records: int = SHARD_RECORDS
    gpus: float = 0.0


def read_workers(text: str) -> tuple[int, int]:
    """Read a number of workers, as `4`, or the least and the most, as `1:8`.

    Raises:
        InputError: it is none.
    """
    first, colon, last = text.strip().partition(":")
    try:
        least, most = int(first), int(last if colon else first)
    except ValueError:
        least = most = 0
    if not 1 <= least <= most:
        raise InputError(
            f"not a number of workers: {text!r}", where="--workers", remedy="Write it as 4, or as 1:8."
        )
    return least, most


def run_pool(ray: Any, pool: Pool, worker: type, arguments: Sequence[Any], shards: int) -> None:
    """Let workers take all shards, and wait until they are done.

    Args:
        ray: The module, connected.
        pool: How many workers.
        worker: A class whose `__call__` takes a batch of shard numbers.
        arguments: Of its constructor.
        shards: How many there are.
    """
    least, most = _size(ray, pool, shards)
    numbers = ray.data.from_items([{"shard": number} for number in range(shards)], override_num_blocks=shards)
    made = numbers.map_batches(
        worker,
        fn_constructor_args=tuple(arguments),
        batch_size=1,
        batch_format="numpy",
        zero_copy_batch=False,
        compute=ray.data.ActorPoolStrategy(
            min_size=least, max_size=most, max_concurrent_calls_per_actor=SHARDS_AT_ONCE
        ),
        num_cpus=1,
        num_gpus=pool.gpus or None,
    )
    for _ in made.iter_batches(batch_size=None, prefetch_batches=0):
        pass


def _size(ray: Any, pool: Pool, shards: int) -> tuple[int, int]:
    """Return how many workers there are at least and at most.

    Raises:
        InputError: the cluster has no room for the least.
    """
    there = ray.cluster_resources()
    machines = sum(node["Alive"] and node["Resources"].get("CPU", 0) >= 1 for node in ray.nodes())
    least = min(pool.least or max(1, machines), shards)
    most = max(least, min(pool.most or least, shards))
    room = int(there.get("CPU", 0))
    if pool.gpus:
        room = min(room, int(there.get("GPU", 0) / pool.gpus))
    if least > room:
        raise InputError(
            f"the cluster has room for {room} workers, and {least} are wanted",
            where="--workers",
            remedy="Ask for fewer, or add machines: each worker takes a CPU"
            + (f" and {pool.gpus:g} GPU." if pool.gpus else "."),
        )
    return least, min(most, room)
