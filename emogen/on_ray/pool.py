"""The pool of workers: as many as there is work and room for, each replaced where it dies.

Ray Data has such a pool for what comes in tables. It looks after it ten times a second, by three actors more, and each
worker imports pandas: of a run of 200,000 answers that would be a twentieth of the CPU.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from emogen.errors import EmovitError, InputError, shorten
from emogen.on_ray.crew import Crew

__all__ = ["SHARD_RECORDS", "Pool", "gave_up", "read_workers", "run_pool"]

SHARD_RECORDS: Final = 1000
# While the last rows of one shard are waited for, the next is under way.
SHARDS_AT_ONCE: Final = 2
# Machines may be taken away again and again; but a shard over which so many workers have died kills them.
DEATHS: Final = 20


@dataclass(frozen=True)
class Pool:
    """How many workers there are, and what each gets.

    Attributes:
        least: Workers from the beginning; None is one for each machine.
        most: Workers at most, while shards wait; None is as many.
        shard_records: Records that a worker takes at a time.
        gpus: Of each worker; parts of one are allowed. None is what the work is made for: 1 where it loads models and
            the cluster has any, or else 0.
    """

    least: int | None = None
    most: int | None = None
    shard_records: int = SHARD_RECORDS
    gpus: float | None = None


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


def run_pool(
    ray: Any,
    pool: Pool,
    worker: type,
    arguments: Sequence[Any],
    shards: int,
    ending: threading.Event,
    *,
    at_once: int = SHARDS_AT_ONCE,
    loads_models: bool = False,
) -> None:
    """Let workers take all shards, and wait until they are done.

    Args:
        ray: The module, connected.
        pool: How many workers.
        worker: A class whose `work` takes the number of a shard; where it is a coroutine, several may be under way.
        arguments: Of its constructor.
        shards: How many there are.
        ending: Set, it ends the work before all are taken.
        at_once: How many shards a worker has at a time.
        loads_models: Whether it is at home on a GPU.

    Raises:
        InputError: the cluster has no room.
        EmovitError: what a worker raised, or Ray gave up.
    """
    gpus = pool.gpus
    if gpus is None:
        gpus = 1.0 if loads_models and ray.cluster_resources().get("GPU") else 0.0
    least, most = _size(ray, pool, gpus, shards)
    # Ray starts another where one dies, and calls it as it had called that one.
    actor = ray.remote(
        num_cpus=1, num_gpus=gpus, max_restarts=-1, max_task_retries=DEATHS, max_concurrency=at_once
    )(worker)
    try:
        with Crew(ray, lambda: actor.remote(*arguments), least, most, at_once) as crew:
            crew.work(range(shards), ending)
    except Exception as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, EmovitError):
            raise cause from error
        raise gave_up(error, "what came is kept, and the same command goes on.") from error


def gave_up(error: Exception, kept: str) -> EmovitError:
    """Return the error that Ray could not do it.

    Args:
        error: Ray's.
        kept: What there is all the same, or what to do, as the end of a sentence.
    """
    logs = "Its logs, on each machine in /tmp/ray/session_latest/logs, say more"
    return EmovitError(f"Ray gave up: {shorten(error, 300)}", remedy=f"{logs}; {kept}")


def _size(ray: Any, pool: Pool, gpus: float, shards: int) -> tuple[int, int]:
    """Return how many workers there are at least and at most.

    Raises:
        InputError: the cluster has no room for the least.
    """
    there = ray.cluster_resources()
    room = int(there.get("CPU", 0))
    usual = sum(node["Alive"] and node["Resources"].get("CPU", 0) >= 1 for node in ray.nodes())
    if gpus:
        usual = int(there.get("GPU", 0) / gpus)
        room = min(room, usual)
    least = min(pool.least or max(1, usual), shards)
    most = max(least, min(pool.most or least, shards))
    if least > room:
        raise InputError(
            f"the cluster has room for {room} workers, and {least} are wanted",
            where="--workers",
            remedy="Ask for fewer, or add machines: each worker takes a CPU"
            + (f" and {gpus:g} GPU." if gpus else "."),
        )
    return least, min(most, room)
