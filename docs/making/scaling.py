"""The arithmetic of docs/scaling.md: `make scaling` writes it from the price table and from what was measured.

`python -m docs.making.scaling measure` first makes two thousand records' run against a stub, and keeps what it takes.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.generation.children import finished, stub
from benchmarks.generation.machine import machine
from benchmarks.generation.records import write_records
from emogen.prices import Price, price_of

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "scaling.md"
TAKEN: Final = Path(__file__).with_name("scaling.json")
MARKS: Final = ("<!-- arithmetic -->\n", "<!-- end -->\n")

IMAGES: Final = (50_000, 5_000_000, 100_000_000)
# As docs/costs.md has it: conversation and reasoning of each image, two seed examples in each prompt.
REQUESTS: Final = 2
PROMPT_TOKENS: Final = 800
ANSWER_TOKENS: Final = 200
MODELS: Final = ("gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol")
LIMITS_PER_MINUTE: Final = (500, 10_000)

# A model of 8 billion weights in bfloat16 on an H100, as its maker states it: dense arithmetic and memory.
WEIGHTS: Final = 8e9
FLOP_PER_S: Final = 989e12
BYTES_PER_S: Final = 3.35e12
# Of that, what serving is taken to reach; and how many answers are written at once.
REACHED: Final = 0.4
AT_ONCE: Final = 256
GPUS: Final = (1, 8, 64)

MEASURED_RECORDS: Final = 2000


def measure() -> None:
    """Make a run and its near-duplicates, and keep bytes and seconds."""
    with tempfile.TemporaryDirectory() as name, stub(latency_ms=5.0) as server:
        folder = Path(name)
        run, log = folder / "run", folder / "log"
        records = write_records(folder / "records.jsonl", MEASURED_RECORDS)
        emogen = str(Path(sys.executable).with_name("emogen"))
        asked = ["--backend", "openai:stub", "--base-url", server.url, "--types", "conversation,reasoning"]
        finished([emogen, "generate", str(records), *asked, "--out", str(run)], log, 600)
        dedup = finished([emogen, "dedup", str(run), "--dry-run"], log, 600)
        start = finished([emogen, "dedup", "--help"], log, 600)
        sizes = {file.name: file.stat().st_size / MEASURED_RECORDS for file in run.glob("*.*")}
    found = {
        "machine": machine(TAKEN.parent),
        "records": MEASURED_RECORDS,
        "bytes_per_image": {key: round(sizes[key]) for key in ("journal.sqlite", "samples.jsonl")},
        "dedup_cpu_us_per_answer": round(
            (dedup.cpu_s - start.cpu_s) * 1e6 / (REQUESTS * MEASURED_RECORDS), 1
        ),
    }
    TAKEN.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def arithmetic() -> str:
    """Return the tables as Markdown."""
    generation = _results("generation")["parts"]["cpu"]["emogen"]
    taken = json.loads(TAKEN.read_text("utf-8"))
    head = (
        f"One image is taken for {REQUESTS} requests, a conversation and a reasoning, each with {PROMPT_TOKENS} tokens "
        f"of prompt and {ANSWER_TOKENS} of answer. What is *computed* was not run."
    )
    foot = (
        f"Measured on one core ({taken['machine']['cpu']}), whole processes. A GPU is an H100 with a model of "
        f"{WEIGHTS / 1e9:g} billion weights in bfloat16, computed from what its maker states: "
        f"{FLOP_PER_S / 1e12:g} TFLOP/s, of which {REACHED:.0%} are taken to be reached, {BYTES_PER_S / 1e12:g} TB/s; "
        f"{AT_ONCE} answers at once, nothing of the prompts cached. What an hour of one costs stands in no price "
        "table here."
    )
    rows = _rows(generation["cpu_ms_per_row"], taken)
    return "\n".join([head, "", *_table(["", *map(_many, IMAGES)], rows), "", foot, ""])


def _rows(cpu_ms: float, taken: dict[str, Any]) -> list[list[str]]:
    seconds = gpu_seconds()
    by_image = taken["bytes_per_image"]
    export_us = _export_us()
    rows = [["requests", *(_many(REQUESTS * images) for images in IMAGES)]]
    for model in MODELS:
        price = price_of(model)
        assert price is not None
        rows.append([f"{model}, {price.currency} (prices of {price.as_of})", *_each(_money, price)])
        rows.append([f"{model}, in batches", *_each(_money, price.in_batch())])
    for limit in LIMITS_PER_MINUTE:
        rows.append([f"time at {limit:,} requests a minute (computed)", *_times(REQUESTS * 60 / limit)])
    rows.append(
        [
            f"time of one process that nothing holds back (measured: {cpu_ms:.2g} ms of CPU a request)",
            *_times(REQUESTS * cpu_ms / 1e3),
        ]
    )
    for gpus in GPUS:
        what = f"{gpus} GPU{'s' if gpus > 1 else ''}, {gpus / seconds / REQUESTS:,.0f} images a second"
        rows.append([f"time on {what} (computed)", *_times(REQUESTS * seconds / gpus)])
    rows.append(
        ["GPU hours (computed)", *(f"{images * REQUESTS * seconds / 3600:,.0f}" for images in IMAGES)]
    )
    grown = _results("generation")["parts"]["memory"]["emogen"]["growth_kb_per_row"] * 1e3
    rows.append(
        [
            f"memory of the process (measured: {grown:.0f} bytes a row more)",
            *(_size(REQUESTS * grown * images) for images in IMAGES),
        ]
    )
    for name, size in by_image.items():
        rows.append(
            [f"`{name}` (measured: {size:,} bytes an image)", *(_size(size * images) for images in IMAGES)]
        )
    rows.append(
        [
            f"`emogen export` to LLaVA (measured: {export_us:.0f} µs of CPU a sample)",
            *_times(REQUESTS * export_us / 1e6),
        ]
    )
    dedup_us = taken["dedup_cpu_us_per_answer"]
    rows.append(
        [f"`emogen dedup` (measured: {dedup_us:.0f} µs of CPU an answer)", *_times(REQUESTS * dedup_us / 1e6)]
    )
    return rows


def gpu_seconds() -> float:
    """Return how long a GPU takes for a request: its prompt by arithmetic, its answer by reading the weights."""
    prompt = 2 * WEIGHTS * PROMPT_TOKENS / (FLOP_PER_S * REACHED)
    read = 2 * WEIGHTS / BYTES_PER_S / AT_ONCE
    return prompt + ANSWER_TOKENS * max(read, 2 * WEIGHTS / (FLOP_PER_S * REACHED))


def _export_us() -> float:
    """Return the CPU of one more sample of an export to LLaVA's format."""
    taken = _results("exports")["taken"]["llava"]
    few, many = sorted(taken, key=int)
    cpu = {
        count: sorted(one["cpu_s"] for one in taken[count])[len(taken[count]) // 2] for count in (few, many)
    }
    return float((cpu[many] - cpu[few]) * 1e6 / (int(many) - int(few)))


def _results(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / part / "results.json").read_text("utf-8"))
    return found


def _each(shown: Any, price: Price) -> list[str]:
    return [shown(price, images) for images in IMAGES]


def _money(price: Price, images: int) -> str:
    return f"{images * REQUESTS * (PROMPT_TOKENS * price.prompt + ANSWER_TOKENS * price.answer) / 1e6:,.0f}"


def _times(seconds_an_image: float) -> list[str]:
    return [_time(seconds_an_image * images) for images in IMAGES]


def _time(seconds: float) -> str:
    for unit, length in (("years", 365 * 86400), ("days", 2 * 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / (86400 if unit == 'days' else length):,.{0 if seconds >= 10 * length else 1}f} {unit}"
    return f"{seconds:.0f} s"


def _size(count: float) -> str:
    unit, length = ("TB", 1e12) if count >= 1e12 else ("GB", 1e9) if count >= 1e9 else ("MB", 1e6)
    return f"{count / length:,.3g} {unit}"


def _many(count: int) -> str:
    return f"{count / 1e6:,g} million" if count >= 1e6 else f"{count:,}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def page() -> str:
    """Return docs/scaling.md with the arithmetic as it is now."""
    before, after = MARKS
    text = PAGE.read_text("utf-8")
    return re.sub(f"(?<={before}).*?(?={after})", lambda _: arithmetic(), text, count=1, flags=re.DOTALL)


if __name__ == "__main__":
    if sys.argv[1:] == ["measure"]:
        measure()
    PAGE.write_text(page(), "utf-8")
