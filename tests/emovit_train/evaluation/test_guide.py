"""The commands of docs/evaluation.md, one after the other, in a world of small data sets and models."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from openai_stub import OpenAIStub, Reply
from PIL import Image
from typer.testing import CliRunner

from emovit_train.cli import app
from tests.emovit_train.evaluation.datasets import dataset_layouts
from tests.emovit_train.evaluation.predictors.tiny_image_text import llava

GUIDE = Path(__file__).parents[3] / "docs" / "evaluation.md"


def call(*words: str) -> Any:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def photographs(root: Path) -> None:
    """Put small pictures in the place of a layout's images, which are no real ones."""
    for number, path in enumerate(sorted(root.rglob("*.jpg"))):
        Image.new("RGB", (9, 9), (number * 7 % 256, number % 256, 9)).save(path)


def world(tuned: Path, run: Path) -> None:
    shutil.copytree(tuned, "runs/tuned")
    shutil.copytree(run, "runs/mine")
    for name in ("records.jsonl", "photos", "run.json"):
        (shutil.copytree if (run / name).is_dir() else shutil.copy)(run / name, name)
    photographs(dataset_layouts.emotionroi(Path("EmotionROI")))
    photographs(dataset_layouts.abstract(Path("Abstract")))
    llava(Path("models/llava-1.5-7b-hf"))
    (captions,) = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    Path("captions.yaml").write_text(captions)
    rows = [f"{colour},drawn,{colour}" for colour in ("red", "green", "blue", "white")]
    Path("strata.csv").write_text("\n".join(["item_id,style,thing", *rows]) + "\n")
    tables = Path("OxfordTVG-HIC/hic_data")
    for folder in (tables, tables.parent / "images"):
        folder.mkdir(parents=True)
    names = [f"p{number}" for number in range(400)]
    (tables / "oxford_hic_data.csv").write_text(
        "image_id,caption,funny_score\n" + "".join(f"{name},funny,3\n" for name in names)
    )
    (tables / "oxford_hic_image_info.csv").write_text(
        "image_id,image_url\n" + "".join(f"{name},http://x\n" for name in names)
    )
    for number, name in enumerate(names):
        Image.new("RGB", (9, 9), (number % 256, 0, 0)).save(f"OxfordTVG-HIC/images/{name}.jpg")


def votes() -> None:
    key = json.loads(Path("vote/key.json").read_text())
    Path("votes").mkdir()
    for voter in (1, 2):
        kept = {"ballot": key["ballot"], "voter": voter, "votes": key["model_side"]}
        Path(f"votes/votes-{voter}.json").write_text(json.dumps(kept))


@pytest.mark.slow
def test_the_commands_of_the_guide(
    tuned_folder: Path,
    run_folder: Path,
    tmp_path: Path,
    stub: OpenAIStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each command does what the guide says, in the guide's order; `datasets check` finds too few images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    stub.default = Reply(text="joy")
    world(tuned_folder, run_folder)
    untuned = ("records.jsonl", "--checkpoint", "runs/tuned", "--untuned", "--answers")
    assert call("evaluate", *untuned, "--out", "results-untuned").exit_code == 0
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    for line in "".join(blocks).splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "emovit_train"
        if words[:2] == ["humour", "tally"]:
            votes()
        if words[:2] == ["datasets", "check"]:
            continue
        wire = ("--base-url", stub.url) if "--backend" in words else ()
        ran = call(*words, *wire)
        assert ran.exit_code == 0, f"{line}\n{ran.output}"
    assert json.loads(Path("tally.json").read_text())["win_rate"] == 1
    rows = [json.loads(row) for row in Path("results-api/predictions.jsonl").read_text().splitlines()]
    assert {row["lenient"] for row in rows} == {"joy"}
    assert {row["instruction"] for row in rows} == {"plain", "revised"}
    assert len(stub.bodies) == len(rows)
