"""Small copies of all that recipes ask for: data sets with real pictures, a run of instructions, tiny weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from PIL import Image

from emovit_train.reproduction.recipe import Recipe
from tests.emovit_train.conftest import record, sample_rows
from tests.emovit_train.evaluation.datasets import dataset_layouts
from tests.emovit_train.evaluation.predictors import tiny_image_text


def paint(root: Path) -> Path:
    """Make a picture of each file that only has the name of one, each in a colour of its own."""
    for number, path in enumerate(sorted(root.rglob("*.jpg"))):
        if not path.name.startswith("."):
            Image.new("RGB", (8, 8), (number % 256, 40 * number % 256, 90)).save(path)
    return root


def instructions(folder: Path, run_folder: Path) -> Path:
    """A run of all three types about the photographs of `run_folder`."""
    if not folder.exists():
        shutil.copytree(run_folder, folder)
        rows = sample_rows()
        thought = {"kind": "reasoning", "question": "What is it like?", "answer": "It is as it is."}
        rows += [{**row, "instruction": "reasoning", "turns": [thought]} for row in rows[::2]]
        (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def records(folder: Path) -> Path:
    """Two pictures that nobody trains on, of which a little is known."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(2):
        Image.new("RGB", (8, 8), (90, 7, 40 * number)).save(folder / f"{number}.png")
        row = record("white") | {"id": str(number), "image": f"{number}.png", "caption": "A dog on a beach."}
        rows.append(json.dumps(row) + "\n")
    (folder / "records.jsonl").write_text("".join(rows))
    return folder / "records.jsonl"


# Small random weights of the class that a recipe's name for a model stands for.
WEIGHTS: Mapping[str, Callable[[Path], Path]] = {
    "flamingo": tiny_image_text.idefics,
    "llava": tiny_image_text.llava,
    "blip2": tiny_image_text.blip2_t5,
    "instructblip": tiny_image_text.instructblip,
    "vicuna-7b": tiny_image_text.instructblip,
    "vicuna-13b": tiny_image_text.instructblip,
    "flan-t5-xl": tiny_image_text.instructblip_t5,
}


def model_options(recipe: Recipe, folder: Path) -> Iterator[str]:
    """Yield `--model` for each name of a recipe."""
    for name in recipe.models:
        (folder / name).mkdir(parents=True)
        yield from ("--model", f"{name}={WEIGHTS[name](folder / name)}")


def data_options(recipe: Recipe, folder: Path, run_folder: Path) -> Iterator[str]:
    """Yield `--data` for each name of a recipe."""
    kinds = {part.data: part.kind for part in recipe.data}
    for name in recipe.wanted_data():
        yield "--data"
        if name == recipe.votes:
            yield f"{name}={folder / name}"
        elif name not in kinds:
            yield f"{name}={instructions(folder / 'instructions', run_folder)}"
        elif kinds[name] == "records":
            yield f"{name}={records(folder / name)}"
        else:
            yield f"{name}={_copy(name, folder)}"


def _copy(name: str, folder: Path) -> Path:
    root = folder / name
    if not root.exists():
        _, write, *_ = dataset_layouts.LAYOUTS[name]
        write(root)
        paint(root)
    return root
