"""The options that say where the work is done: in this process, or by Ray on many machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from emogen.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from emogen.on_ray.pool import Pool

__all__ = ["Address", "EngineName", "Gpus", "ShardRecords", "Workers", "pool_of"]

ENGINES: Final = ("local", "ray")

EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="Where the work is done: local, or ray (needs the extra ray; see docs/scaling.md).",
        autocompletion=lambda: list(ENGINES),
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="With --engine ray: a cluster that runs (auto, host:port). Default: this machine alone.",
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        "--workers",
        help="With --engine ray: how many workers, or the least and the most (1:8). Default: one a machine.",
    ),
]
ShardRecords = Annotated[
    int | None,
    typer.Option(
        "--shard-records", min=1, help="With --engine ray: how many records a worker takes at a time."
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        "--gpus",
        min=0.0,
        help="With --engine ray: how many GPUs each worker gets, as 1 or 0.5. Default: 1, where there are any.",
    ),
]


def pool_of(
    engine: str,
    address: str | None,
    workers: str | None,
    shard_records: int | None,
    gpus: float | None = None,
) -> Pool | None:
    """Return the pool that the options describe; None where this process does the work.

    Raises:
        InputError: the engine is unknown, or another option is of use only with Ray.
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES, where="--engine")
    if engine == "local":
        given = {
            "--address": address,
            "--workers": workers,
            "--shard-records": shard_records,
            "--gpus": gpus,
        }
        for option, value in given.items():
            if value is not None:
                raise InputError("is of use only with --engine ray", where=option, remedy="Leave it out.")
        return None
    from emogen.on_ray.pool import SHARD_RECORDS, Pool, read_workers

    least, most = read_workers(workers) if workers else (None, None)
    return Pool(least, most, shard_records or SHARD_RECORDS, gpus)
