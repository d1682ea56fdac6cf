"""Samples of any number: the seed examples' answers, each with an image, an id and a provenance of its own."""

from __future__ import annotations

import hashlib
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import orjson

from emogen.protocol import categorical_answer, categorical_question
from emogen.resources import bundled_dir
from emogen.schemas import ImageRecord, Provenance, Sample, Turn, Usage
from emogen.seeds import Seed, read_seeds

__all__ = ["write_samples"]

# A prime that is no share of any number of images here, so that records come in another order than that of their ids.
_STEP: Final = 7919


def write_samples(path: Path, count: int) -> Path:
    """Write a file of `count` samples, three for each image, as a run writes them."""
    kinds = [
        cycle(_rows("conversation")),
        cycle(_rows("reasoning")),
        cycle([_categorical(seed) for seed in _seeds("reasoning")]),
    ]
    images = -(-count // len(kinds))
    with path.open("wb") as file:
        for number in range(count):
            name = f"awe_{number // len(kinds) * _STEP % images:06d}"
            row = next(kinds[number % len(kinds)])
            row["record"] |= {"id": name, "image": f"image/awe/{name}.jpg"}
            row["provenance"]["prompt_sha256"] = hashlib.sha256(b"%d" % number).hexdigest()
            file.write(orjson.dumps(row) + b"\n")
    return path


def _seeds(instruction: str) -> list[Seed]:
    return list(read_seeds(bundled_dir("seeds") / f"{instruction}.jsonl"))


def _rows(instruction: str) -> list[dict[str, Any]]:
    return [_row(seed, instruction, seed.turns) for seed in _seeds(instruction)]


def _categorical(seed: Seed) -> dict[str, Any]:
    question = categorical_question(_record(seed).labels)
    turn = Turn(question=question, answer=categorical_answer(seed.emotion), kind="categorical")
    return _row(seed, "categorical", (turn,))


def _record(seed: Seed) -> ImageRecord:
    return ImageRecord(
        id=seed.id, image="x", emotion=seed.emotion, caption=seed.caption, attributes=seed.attributes
    )


def _row(seed: Seed, instruction: str, turns: tuple[Turn, ...]) -> dict[str, Any]:
    provenance = Provenance(
        backend="openai",
        model="gpt-4o-mini-2024-07-18",
        prompt_sha256="",
        template_sha256=hashlib.sha256(instruction.encode()).hexdigest(),
        seed_ids=("market-stall", "empty-swing"),
        usage=Usage(prompt_tokens=1480, completion_tokens=212),
        latency_s=2.417,
        answer_format="json_schema",
        attempts=1,
        cost=0.00035,
    )
    sample = Sample(record=_record(seed), instruction=instruction, turns=turns, provenance=provenance)
    row: dict[str, Any] = orjson.loads(sample.model_dump_json())
    return row
