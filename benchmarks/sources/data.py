"""Data sets of any size in the layouts that are measured; made up, but of the real one's shape and counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from emogen.sources import SourceOptions
from emogen.sources.emoset import EmoSetSource

__all__ = ["captions", "emoset", "images", "parquet"]

SCENES: Final = ("amusement_park", "beach", "bakery/shop", "harbor", "forest_path")
ACTIONS: Final = ("riding mechanical bull", "boxing ", "singing", "water skiing")
OBJECTS: Final = ("Hat", "Toy", "Tree", "Fashion accessory", "Boat")
FACES: Final = ("happy", "sad", "fear")


def images(share: int) -> Iterator[tuple[str, str, str]]:
    """Yield (split, emotion, name) of one in `share` of EmoSet-118K's images, as many in each list as published."""
    published = EmoSetSource("", SourceOptions()).published
    assert published is not None
    number = dict.fromkeys((emotion for _, emotion in published.images), 0)
    for (split, emotion), count in published.images.items():
        for _ in range(count // share):
            yield split, emotion, f"{emotion}_{number[emotion]:05d}"
            number[emotion] += 1


def emoset(folder: Path, share: int) -> Path:
    """Write EmoSet-118K's layout without its images, which nothing here opens."""
    if (folder / "train.json").exists():
        return folder
    lists: dict[str, list[list[str]]] = {}
    for count, (split, emotion, name) in enumerate(images(share)):
        annotation = folder / "annotation" / emotion / f"{name}.json"
        if not annotation.parent.is_dir():
            annotation.parent.mkdir(parents=True)
        annotation.write_text(json.dumps(_annotation(count, emotion, name)))
        row = [emotion, f"image/{emotion}/{name}.jpg", f"annotation/{emotion}/{name}.json"]
        lists.setdefault(split, []).append(row)
    values = {"scene": SCENES, "human_action": ACTIONS, "object": OBJECTS, "facial_expression": FACES}
    info = {key: {"label2idx": {name: i for i, name in enumerate(names)}} for key, names in values.items()}
    (folder / "info.json").write_text(json.dumps(info))
    for split, rows in lists.items():
        (folder / f"{split}.json").write_text(json.dumps(rows))
    return folder


def _annotation(count: int, emotion: str, name: str) -> dict[str, Any]:
    """Make an annotation; the rarer attributes are absent from many, as in the real ones."""
    annotation: dict[str, Any] = {
        "image_id": name,
        "emotion": emotion,
        "brightness": count % 11 / 10,
        "colorfulness": count % 7 / 10,
    }
    if count % 3:
        annotation["scene"] = SCENES[count % len(SCENES)]
    if count % 2:
        annotation["object"] = [OBJECTS[count % len(OBJECTS)], OBJECTS[count % 3]]
    if count % 4 == 0:
        annotation["facial_expression"] = FACES[count % len(FACES)]
        annotation["human_action"] = ACTIONS[count % len(ACTIONS)]
    return annotation


def captions(path: Path, share: int) -> Path:
    """Write a caption of usual length for each image."""
    with path.open("w") as file:
        for split, _, name in images(share):
            caption = f"Two people stand before a wide landscape with a {split} in the evening light, number {name}."
            file.write(json.dumps({"file_name": f"{name}.jpg", "caption": caption}) + "\n")
    return path


def parquet(folder: Path, share: int, image_kb: int) -> Path:
    """Write a copy as the Hugging Face Hub has it, with images of so many kilobytes inside."""
    import pyarrow as pa
    import pyarrow.parquet as arrow

    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema(
        [
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("image_id", pa.string()),
            ("emotion", pa.string()),
        ]
    )
    with arrow.ParquetWriter(folder / "train-00000-of-00001.parquet", schema, compression="none") as writer:
        rows: list[dict[str, Any]] = []
        for count, (_, emotion, name) in enumerate(images(share)):
            content = b"\xff\xd8\xff" + count.to_bytes(4) * (image_kb * 256)
            rows.append(
                {"image": {"bytes": content, "path": f"{name}.jpg"}, "image_id": name, "emotion": emotion}
            )
            if len(rows) == 100:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows.clear()
        writer.write_table(pa.Table.from_pylist(rows, schema))
    return folder
