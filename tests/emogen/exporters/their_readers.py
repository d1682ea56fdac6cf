"""Runs in an environment of its own, without emogen: what Hugging Face's and WebDataset's readers make of our files.

Prints a JSON object: for each reader its rows, each with the size and the first pixel of its image.
"""

import json
import sys
from pathlib import Path

import datasets
import webdataset


def seen(image):
    return {
        "mode": image.mode,
        "size": list(image.size),
        "pixel": list(image.convert("RGB").getpixel((0, 0))),
    }


def plain(row, image="image"):
    return {**{name: value for name, value in row.items() if name != image}, "image": seen(row[image])}


def main(folder):
    found = {}
    for name in ("imagefolder", "parquet"):
        found[name] = [plain(row) for row in datasets.load_dataset(str(folder / name), split="train")]
    shards = str(folder / "webdataset" / "train-000000.tar")
    rows = datasets.load_dataset("webdataset", data_files=shards, split="train")
    found["datasets' webdataset"] = [{**row["json"], "image": seen(row["jpg"])} for row in rows]
    rows = webdataset.WebDataset(shards, shardshuffle=False).decode("pil")
    found["webdataset"] = [{**row["json"], "image": seen(row["jpg"])} for row in rows]
    rows = datasets.load_dataset("json", data_files=str(folder / "messages" / "train.jsonl"), split="train")
    rows = rows.cast_column("images", datasets.List(datasets.Image()))
    found["messages"] = [{**row, "images": [seen(image) for image in row["images"]]} for row in rows]
    print(json.dumps(found))


main(Path(sys.argv[1]))
