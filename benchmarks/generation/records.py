"""Makes records: the same N for everybody, each with a caption of its own."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Final

__all__ = ["record", "write_records"]

_EMOTIONS: Final = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")
_TIMES: Final = ("morning", "noon", "afternoon", "evening")
_WEATHER: Final = ("clear", "cloudy", "hazy", "windy", "cool", "mild")
_WOODS: Final = ("wooden", "weathered", "painted", "carved", "broad", "narrow")


def record(number: int) -> dict[str, Any]:
    """Return record `number` as one line of a records file holds it."""
    draw = random.Random(number)
    return {
        "id": f"park_{number:06d}",
        "image": f"image/park/park_{number:06d}.jpg",
        "emotion": draw.choice(_EMOTIONS),
        "caption": f"A {draw.choice(_WOODS)} bench stands under a tall tree in a park on a {draw.choice(_WEATHER)} "
        f"{draw.choice(_TIMES)}, photograph {number:06d}.",
        "attributes": {
            "brightness": draw.randrange(11) / 10,
            "colorfulness": draw.randrange(11) / 10,
            "scene": "park",
            "object": ["Tree", "Bench"],
        },
    }


def write_records(path: Path, count: int) -> Path:
    """Write records 0 to `count` - 1, unless the file is there already."""
    if not path.exists():
        lines = (json.dumps(record(number)) + "\n" for number in range(count))
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(lines)
        temporary.replace(path)
    return path
