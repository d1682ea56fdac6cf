"""Prints the CPU seconds of reading a records file, by bare orjson and as records.

python -m benchmarks.sources.reading RECORDS REPEATS
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from emogen.sources import read_records


def bare(path: Path) -> int:
    """Parse each line, and do nothing with it: the limit."""
    with path.open("rb") as file:
        return sum(1 for line in file if orjson.loads(line))


def validated(path: Path) -> int:
    """Read each line as a validated record with an id of its own."""
    return sum(1 for _ in read_records(path))


def main() -> None:
    """Read the file both ways by turns, and print the medians."""
    path, repeats = Path(sys.argv[1]), int(sys.argv[2])
    ways: dict[str, Callable[[Path], int]] = {"bare": bare, "validated": validated}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, read in ways.items():
            begin_s = time.process_time()
            read(path)
            seconds[name].append(time.process_time() - begin_s)
    print(json.dumps({name: statistics.median(taken) for name, taken in seconds.items()}))


if __name__ == "__main__":
    main()
