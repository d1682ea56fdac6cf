"""The trainers are the judges: their own code makes of our files what a model reads and learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from own_environment import kept_environment, run
from PIL import Image

from emogen.exporters.export import export
from emogen.exporters.options import ExportOptions
from emogen.schemas import Sample

HERE = Path(__file__).parent
TORCH = ("torch==2.13.0",)
TRL = ("trl==1.16.0", "transformers==5.23.0", "datasets==5.2.0", "pillow==13.0.0")
# LLaMA-Factory asks for a web server and more that its loader does not use: what it does use is named here.
LLAMAFACTORY = (
    "accelerate==1.11.0",
    "av==18.1.0",
    "datasets==4.0.0",
    "einops",
    "fire",
    "omegaconf",
    "peft==0.18.1",
    "pillow",
    "protobuf",
    "scipy",
    "sentencepiece",
    "transformers==5.6.0",
    "trl==0.24.0",
)
COLOURS = {"photos/rocket.jpg": (200, 40, 40), "photos/cat ü.jpg": (40, 40, 200)}
# What `tiny_llava.SIZE` and `PATCH` make of a picture.
IMAGE = "<image>" * 4


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    (root / "photos").mkdir(parents=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", (24, 16), colour).save(root / name, quality=95)
    return root


def expected(sample: Sample, question: str, answer: str, image: str) -> dict[str, Any]:
    """Return what a trainer must see of a sample, in its own form of chat."""
    said = [(image * (not number) + turn.question, turn.answer) for number, turn in enumerate(sample.turns)]
    return {
        "read": "".join(question.format(asked) + answer.format(answered) for asked, answered in said),
        "learnt": "".join(f"{answered}</s>" for _, answered in said),
        "colour": pytest.approx(COLOURS[sample.record.image.replace("\\", "/")], abs=2),
    }


def in_order(samples: list[Sample]) -> list[Sample]:
    return sorted(samples, key=lambda sample: (sample.record.id, sample.instruction))


@pytest.mark.slow
def test_trl_trains_on_what_the_samples_say(
    samples: list[Sample], photographs: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """SFTTrainer reads each question with its picture, learns each answer and nothing else, and makes a step."""
    assert request.config.cache
    python = kept_environment(request.config.cache, "trl", TORCH, TRL)
    export(samples, "messages", tmp_path / "train.jsonl")
    told = run(python, HERE / "trl_trainer.py", tmp_path / "train.jsonl", tmp_path / "out", cwd=photographs)
    found = json.loads(told.splitlines()[-1])
    wanted = [expected(sample, "[user]{}", "[assistant]{}</s>", IMAGE) for sample in in_order(samples)]
    assert found["rows"] == wanted
    assert 0 < found["loss"] < 10


@pytest.mark.slow
@pytest.mark.parametrize(("images", "shard_rows"), [("reference", None), ("copy", None), ("reference", 1)])
def test_llamafactory_loads_what_the_samples_say(
    images: Any,
    shard_rows: int | None,
    samples: list[Sample],
    photographs: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Its loader finds the lists of each split by `dataset_info.json`, and each picture; answers alone are learnt."""
    assert request.config.cache
    python = kept_environment(
        request.config.cache, "llamafactory", TORCH, LLAMAFACTORY, ("--no-deps", "llamafactory==0.9.5")
    )
    held_out = [
        sample.model_copy(update={"record": sample.record.model_copy(update={"split": "val"})})
        if sample.record.id == "cat"
        else sample
        for sample in samples
    ]
    out = tmp_path / "export"
    options = ExportOptions(
        images=images, image_root=photographs, split_by=(1.0, 0.0, 0.0), shard_rows=shard_rows
    )
    export(held_out, "sharegpt", out, options)
    media = photographs if images == "reference" else out
    program = HERE / "llamafactory_trainer.py"
    told = run(python, program, out, media, tmp_path / "work", cwd=tmp_path)
    found = json.loads(told.splitlines()[-1])
    wanted = [
        expected(sample, "USER: {}", " ASSISTANT:{}</s>", f"{IMAGE}\n") for sample in in_order(held_out)
    ]
    (cat,), rockets = wanted[:1], wanted[1:]
    assert {split: len(rows) for split, rows in found.items()} == {"train": 2, "val": 1}
    # It takes shards in the order of the disk.
    trained = sorted(found["train"], key=lambda row: len(row["learnt"]))
    for row, each in zip(
        [*found["val"], *trained], [cat, *sorted(rockets, key=lambda row: len(row["learnt"]))], strict=True
    ):
        system, colon, rest = row["read"].partition("USER:")
        assert {**row, "read": colon + rest} == each
        assert system.startswith("A chat between")
