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
MIKELS = ["amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"]
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
    return _with_images(folder, IMAGES, fields, annotations or {})


def emoset_of(folder: Path, each: int) -> Path:
    """Write EmoSet's layout with so many training images of each of its eight emotions."""
    emoset(folder)
    images = [(emotion, "train", f"{emotion}_{i:05d}") for i in range(each) for emotion in MIKELS]
    (folder / "test.json").unlink()
    return _with_images(folder, images, 3, {})


def _with_images(
    folder: Path, images: list[tuple[str, str, str]], fields: int, annotations: Mapping[str, Any]
) -> Path:
    lists: dict[str, list[list[str]]] = {}
    for emotion, split, name in images:
        image, annotation = f"image/{emotion}/{name}.jpg", f"annotation/{emotion}/{name}.json"
        row = [emotion, image, annotation] if fields == 3 else [emotion, name, image, annotation]
        lists.setdefault(split, []).append(row)
        said = {"image_id": name, "emotion": emotion, **ANNOTATION, **annotations.get(name, {})}
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


def csv_table(folder: Path) -> Path:
    """Write a CSV table with columns in the words of other data sets."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "images.csv"
    rows = [f"{split}/{name}.jpg,{emotion},{split}" for emotion, split, name in IMAGES]
    path.write_text("\n".join(["image_path,Emotion,split", *rows]))
    return path


# A real image, the smallest that the file format allows.
PIXEL = bytes.fromhex(
    "47494638396101000100800100000000ffffff21f90401000001002c00000000010001000002024c01003b"
)


def hub_table(split: str, *, names: list[str] | None = None, content: bytes = PIXEL) -> Any:
    """Make one split as `datasets` keeps it: images inside, labels as numbers that the metadata names."""
    import pyarrow as pa

    order = names or MIKELS
    found = [(emotion, name) for emotion, where, name in IMAGES if where == split]
    features = {
        "image": {"_type": "Image"},
        "image_id": {"dtype": "string", "_type": "Value"},
        "label": {"names": order, "_type": "ClassLabel"},
    }
    table = pa.table(
        {
            "image": [{"bytes": content, "path": f"{name}.gif"} for _, name in found],
            "image_id": [name for _, name in found],
            "label": pa.array([order.index(emotion) for emotion, _ in found], pa.int64()),
        }
    )
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def parquet_folder(folder: Path, **change: Any) -> Path:
    """Write a data set as `push_to_hub` does."""
    import pyarrow.parquet as parquet

    (folder / "data").mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        table = hub_table(split, **change)
        parquet.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet", row_group_size=2)
    return folder


def arrow_folder(folder: Path, **change: Any) -> Path:
    """Write a data set as `save_to_disk` does, the train split in two files."""
    import pyarrow as pa

    write_json(folder / "dataset_dict.json", {"splits": ["train", "test"]})
    for split in ("train", "test"):
        table = hub_table(split, **change)
        parts = [table.slice(0, 1), table.slice(1)] if split == "train" else [table]
        files = [f"data-{i:05d}-of-{len(parts):05d}.arrow" for i in range(len(parts))]
        write_json(folder / split / "state.json", {"_data_files": [{"filename": file} for file in files]})
        for file, part in zip(files, parts, strict=True):
            with (
                pa.OSFile(str(folder / split / file), "wb") as sink,
                pa.ipc.new_stream(sink, part.schema) as out,
            ):
                out.write_table(part)
    return folder


# Source → writes its layout into a folder, and returns what to read.
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "arrow": arrow_folder,
    "csv": csv_table,
    "emoset": emoset,
    "folder": class_folders,
    "jsonl": records_file,
    "parquet": parquet_folder,
}
