"""Runs one command and prints what it took, as one line of JSON.

    python -I meter.py LIMIT_S LOG COMMAND...

A process of its own, and a small one: Linux counts the peak memory of whoever starts a program as the program's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    """Run the command, at most for the given seconds."""
    limit_s, log, *command = sys.argv[1:]
    with Path(log).open("wb") as output:
        begin_s = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        timer = threading.Timer(float(limit_s), process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin_s
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    took = {
        "exit_code": process.returncode,
        "timed_out": wall_s >= float(limit_s),
        "wall_s": wall_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
