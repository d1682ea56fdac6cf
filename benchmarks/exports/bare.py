"""The limit: each sample is parsed by orjson and a row is written, of which nothing is checked, sorted or made.

python -m benchmarks.exports.bare SAMPLES OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson


def main() -> None:
    """Read each sample and write it again."""
    samples, out = map(Path, sys.argv[1:])
    with samples.open("rb") as lines, out.open("wb") as file:
        for line in lines:
            file.write(orjson.dumps(orjson.loads(line)) + b"\n")


if __name__ == "__main__":
    main()
