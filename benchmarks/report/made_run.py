"""Writes run folders of any size with made-up rows, fast."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EMOTIONS = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness")
THINGS = ("dog", "boat", "tower", "garden", "street", "river", "child", "kite", "lamp", "bridge", "window")
REASONS = (("parse", "unreadable"), ("check", "source_leak"), ("check", "length"), ("backend", "timeout"))
REJECTED_EVERY = 10


def record(number: int) -> dict[str, Any]:
    """Return a record."""
    emotion = EMOTIONS[number % 8]
    thing = THINGS[number % len(THINGS)]
    return {
        "id": f"{emotion}_{number:06}",
        "image": f"photos/{emotion}_{number:06}.jpg",
        "emotion": emotion,
        "labels": EMOTIONS,
        "caption": f"A {thing} under a wide sky.",
        "attributes": {
            "brightness": (number * 37 % 100) / 100,
            "colorfulness": (number * 53 % 100) / 100,
            "scene": "park" if number % 3 else None,
            "object": [thing.capitalize()],
        },
        "split": "test" if number % 20 == 19 else "train",
        "origin": {"caption": "metadata", "emotion": "metadata", "brightness": "pixels"},
    }


def provenance(number: int) -> dict[str, Any]:
    """Return how a sample came about."""
    return {
        "backend": "openai",
        "model": "gpt-large-2026",
        "prompt_sha256": "0" * 64,
        "template_sha256": "1" * 64,
        "usage": {"prompt_tokens": 400, "completion_tokens": 60 + number % 40},
        "latency_s": 1.0 + (number % 50) / 10,
        "answer_format": "json_schema",
        "attempts": 1,
        "cost": 0.001,
        # Twenty a second, and a night's pause in a large run.
        "answered_at": 1_790_000_000 + number // 20 + (43_200 if number >= 200_000 else 0),
    }


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield `count` rows; every tenth is a rejection."""
    for number in range(count):
        known = record(number // 2)
        kind = "reasoning" if number % 2 else "conversation"
        made = provenance(number)
        if number % REJECTED_EVERY == 7:
            stage, reason = REASONS[number // REJECTED_EVERY % len(REASONS)]
            detail, raw = f"answer says {number}", "The caption says that it is so."
            yield {"record_id": known["id"], "instruction": kind, "stage": stage, "reason": reason} | {
                "detail": detail,
                "raw_answer": None if stage == "backend" else raw,
                "provenance": None if stage == "backend" else made,
            }
            continue
        thing = known["attributes"]["object"][0].lower()
        answer = f"The {thing} stands number {number} in the wide light, and so the picture evokes {known['emotion']}."
        turns = [
            {
                "question": f"What does the {thing} do here?",
                "answer": f"It is number {number}.",
                "kind": "basic",
            }
        ]
        if kind == "reasoning":
            turns = []
        last = "reasoning" if kind == "reasoning" else "advanced"
        turns.append(
            {"question": f"Why does the {thing} matter?", "answer": answer * (1 + number % 3), "kind": last}
        )
        flags = ["ungrounded"] if number % 50 == 0 else []
        yield {"record": known, "instruction": kind, "turns": turns, "provenance": made} | {
            "flags": flags,
            "scores": {"ungrounded": 0.5 if flags else 0.0},
        }


def write_run(folder: Path, made: Iterator[dict[str, Any]], **manifest: Any) -> Path:
    """Write rows as a run folder."""
    folder.mkdir(parents=True)
    with (
        (folder / "samples.jsonl").open("w") as samples,
        (folder / "rejections.jsonl").open("w") as rejections,
    ):
        for row in made:
            (samples if "record" in row else rejections).write(json.dumps(row) + "\n")
    said = {
        "created": "2026-11-01T10:00:00+00:00",
        "records": "records.jsonl",
        "records_sha256": "2" * 64,
        "image_root": "..",
        "types": ["conversation", "reasoning"],
        "backend": "openai",
        "model": "gpt-large",
        "parameters": {"temperature": 0.7},
        "templates": {"reasoning": "3" * 64},
        "seeds": {"reasoning": "4" * 64},
        "seed": 0,
        "versions": {"python": "3.11.7", "emovit-toolkit": "0.1.0"},
        "git_revision": "5" * 40,
        "state": "complete",
    }
    (folder / "run.json").write_text(json.dumps({**said, **manifest}))
    return folder
