"""The command line in processes of their own, to be interrupted and killed.

They are forked from a process that has imported what the commands import, which saves each of them a second.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import TracebackType

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["emogen.cli", "emogen.pipeline", "emogen.batch", "openai", "aiohttp", "uvloop"]
)


def _run(words: list[str], out: str, err: str) -> None:
    for stream, path in ((sys.stdout, out), (sys.stderr, err)):
        stream.flush()
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, stream.fileno())
    sys.argv = ["emogen", *words]
    from emogen.cli import main

    main()


class Program:
    """`emogen WORDS...`, running; it is killed at the end of the block, if it still runs.

    Attributes:
        pid: Of the process.
    """

    def __init__(self, *words: object) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._out, self._err = (Path(self._folder.name) / name for name in ("out", "err"))
        for path in (self._out, self._err):
            path.touch()
        told = [*map(str, words)]
        self._process = PROCESSES.Process(target=_run, args=(told, str(self._out), str(self._err)))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout_s: float = 60) -> int:
        """Return the exit code; a process that a signal ended has the negative of its number."""
        self._process.join(timeout_s)
        assert self._process.exitcode is not None, f"still running after {timeout_s} s"
        return self._process.exitcode

    def communicate(self, timeout_s: float = 60) -> tuple[str, str]:
        """Return what it printed, once it has ended."""
        self.wait(timeout_s)
        return self._out.read_text(encoding="utf-8"), self._err.read_text(encoding="utf-8")

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)
        self.wait()
        self._process.close()
        self._folder.cleanup()
