"""Runs one command and prints what it took with all processes that it started, as one line of JSON.

    python -I tree_meter.py LIMIT_S LOG COMMAND...

Ray's processes end by themselves, and some let the kernel forget their children's times; so all of them are looked at
several times a second. What a process takes in its last moment is missed: some hundredths of a second each.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
EVERY_S = 0.2
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class Tree:
    """All processes that descend from this one.

    Attributes:
        cpu_s: Process, by its number and start → seconds of CPU.
        peak_mb: Their resident memory together, at most; shared pages count for each.
    """

    def __init__(self) -> None:
        self.cpu_s: dict[tuple[int, str], float] = {}
        self.names: dict[tuple[int, str], str] = {}
        self.peak_mb = 0.0

    def look(self) -> list[int]:
        """Look at the processes that run, and return their numbers."""
        found: dict[int, tuple[int, str, float, float]] = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with suppress(OSError):
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    cpu_s = (int(fields[11]) + int(fields[12])) / TICKS
                    found[int(folder.name)] = (int(fields[1]), fields[19], cpu_s, int(fields[21]) * PAGE_MB)
        below = {os.getpid()}
        while more := {pid for pid, (parent, *_) in found.items() if parent in below} - below:
            below |= more
        below.discard(os.getpid())
        for pid in below:
            _, start, cpu_s, _ = found[pid]
            self.cpu_s[pid, start] = cpu_s
            self.names[pid, start] = _name(pid) or self.names.get((pid, start), "?")
        self.peak_mb = max(self.peak_mb, sum(found[pid][3] for pid in below))
        return sorted(below)

    def by_name(self) -> dict[str, float]:
        """Return what all processes of one name took, the most first."""
        sums: dict[str, float] = {}
        for process, cpu_s in self.cpu_s.items():
            sums[self.names[process]] = sums.get(self.names[process], 0.0) + cpu_s
        return {name: round(sums[name], 2) for name in sorted(sums, key=sums.__getitem__, reverse=True)}


def _name(pid: int) -> str:
    """Return what a process is: Ray names its own, others by their program and script."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return ""
    if words[0].startswith("ray::"):
        return words[0].partition(".")[0]
    return " ".join(Path(word).name for word in words[:3] if word and not word.startswith("-"))


def main() -> None:
    """Run the command, at most for the given seconds, and end what it leaves behind."""
    limit_s, log, *command = sys.argv[1:]
    # Whoever loses its parent becomes a child of this process.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    tree = Tree()
    with Path(log).open("wb") as output:
        begin_s = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None and time.perf_counter() - begin_s < float(limit_s):
            tree.look()
            time.sleep(EVERY_S)
        timed_out = process.poll() is None
        wall_s = time.perf_counter() - begin_s
        for pid in tree.look():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    took = {
        "exit_code": process.returncode,
        "timed_out": timed_out,
        "wall_s": wall_s,
        "cpu_s": sum(tree.cpu_s.values()),
        "peak_mb": tree.peak_mb,
        "cpu_by_process_s": tree.by_name(),
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
