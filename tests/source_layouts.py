"""Small data sets in the layouts that sources read: four images, one of them in the test split."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# (emotion, split, name) of each image, in the order of the sources.
IMAGES = [
    ("awe", "train", "awe_00000"),
    ("fear", "train", "fear_00001"),
    ("awe", "train", "awe_00002"),
    ("sadness", "test", "sadness_00003"),
]
ANNOTATION = {"brightness": 0.6, "colorfulness": 0.4, "scene": "bakery/shop", "object": ["Hat", "Toy"]}
INFO = {
    "emotion": ["awe", "fear", "sadness"],
    "scene": ["bakery/shop"],
    "object": ["Hat", "Toy"],
    "facial_expression": ["happy"],
    "human_action": ["boxing "],
}


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_image(path: Path) -> Path:
    """Write a file that only has the name of an image: no source opens one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def emoset(folder: Path, *, fields: int = 3, annotations: Mapping[str, Any] | None = None) -> Path:
    """Write EmoSet's layout; `annotations` maps an image's name to what its annotation says besides."""
    write_json(
        folder / "info.json",
        {
            name: {
                "label2idx": {value: i for i, value in enumerate(values)},
                "idx2label": dict(enumerate(values)),
            }
            for name, values in INFO.items()
        },
    )
    lists: dict[str, list[list[str]]] = {}
    for emotion, split, name in IMAGES:
        image, annotation = f"image/{emotion}/{name}.jpg", f"annotation/{emotion}/{name}.json"
        row = [emotion, image, annotation] if fields == 3 else [emotion, name, image, annotation]
        lists.setdefault(split, []).append(row)
        said = {"image_id": name, "emotion": emotion, **ANNOTATION, **(annotations or {}).get(name, {})}
        write_json(folder / annotation, {key: value for key, value in said.items() if value is not None})
        write_image(folder / image)
    for split, rows in lists.items():
        write_json(folder / f"{split}.json", rows)
    return folder


def class_folders(folder: Path) -> Path:
    """Write images in folders by split and emotion."""
    for emotion, split, name in IMAGES:
        write_image(folder / split / emotion / f"{name}.jpg")
    return folder


def records_file(folder: Path) -> Path:
    """Write a records file."""
    lines = [
        json.dumps({"id": name, "image": f"{name}.jpg", "emotion": emotion, "split": split})
        for emotion, split, name in IMAGES
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "records.jsonl"
    path.write_text("\n".join(lines))
    return path


# Source → writes its layout into a folder, and returns what to read.
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "emoset": emoset,
    "folder": class_folders,
    "jsonl": records_file,
}
