"""A cluster of Ray's: one that runs, by its address, or one of this machine alone for as long as it is needed."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from emogen.errors import EmovitError, InputError, shorten
from emogen.registry import require

__all__ = ["QUIET", "connected"]

# Of a cluster of this machine alone: what goes through it are parcels of some hundred kilobytes.
OBJECT_STORE_BYTES: Final = 200 * 2**20
PATIENCE_S: Final = 10.0
TRIES: Final = 3
TOO_SLOW: Final = "timed out during startup"
# Ray takes 127.0.0.1 for the machine's address in its network; its other processes would wait there in vain.
LOOPBACK: Final = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
# Said in the environment, which Ray hands on to the processes that it starts: no reports to its makers, no bars and
# logs between our own lines.
QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    # What goes wrong is an exception, too, and said in our own words.
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # What still runs when the cluster is left must not start another.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Of a cluster that starts here: its workers are what the machine is for, and not what waits for all else.
    "RAY_worker_niceness": "0",
}


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Connect to a cluster for the block, and yield the module `ray`.

    Args:
        address: Of a cluster that runs, `auto` for the one that this machine belongs to; None starts one of this
            machine alone, which ends with the block.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: there is no cluster at the address, or it is Ray Client's.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if address is not None and address.startswith("ray://"):
        raise InputError(
            "is the address of a Ray Client server",
            where="--address",
            remedy="Run this command on a machine of the cluster, with --address auto.",
        )
    if address is not None and ":" in address:
        _refuse_absent(address)
    ray = require("ray", extra="ray", purpose="--engine ray")
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    own["_node_ip_address"] = LOOPBACK
    told = {"address": address or "local", "namespace": "emogen", "log_to_driver": False}
    _start(ray, address, {**told, "logging_level": logging.ERROR, **({} if address else own)})
    try:
        # It would print on stdout, between our own lines, that it has replaced a worker; there is no setting for it.
        ray._private.worker._worker_logs_enabled = False
        yield ray
    finally:
        ray.shutdown()


def _start(ray: Any, address: str | None, told: dict[str, Any]) -> None:
    """Start or join a cluster; Ray gives its processes half a minute to start, which a busy machine may take twice."""
    for tries_left in reversed(range(TRIES)):
        try:
            with _silent_stderr():
                ray.init(**told)
            return
        except Exception as error:  # Ray says with a bare one that it took too long.
            ray.shutdown()
            if not tries_left or TOO_SLOW not in str(error):
                raise _unreachable(address, error) from error


def _refuse_absent(address: str) -> None:
    """Refuse an address at which nobody listens: Ray would try for minutes, without a word."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _unreachable(address, error) from error


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep what Ray's own code prints on starting out of the terminal; what goes wrong is an exception as well."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _unreachable(address: str | None, error: BaseException) -> EmovitError:
    if address is None:
        return EmovitError(f"Ray does not start: {shorten(error, 200)}", remedy="See docs/scaling.md.")
    return InputError(
        f"there is no cluster at {shorten(address)!r}: {shorten(error, 160)}",
        where="--address",
        remedy="Start one with `ray start --head`, or leave the address out to use this machine alone.",
    )
