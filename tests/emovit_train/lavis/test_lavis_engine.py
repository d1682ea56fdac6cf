"""LAVIS itself, in its own environment: it reads our export, and trains as we do. Run by `make lavis`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import Emogen
from torch import Tensor
from typer.testing import CliRunner

from emogen.errors import EmovitError
from emovit_train.checkpoint import load_checkpoint
from emovit_train.cli import app
from emovit_train.lavis import engine
from emovit_train.lavis.environment import environment_python, own_variables
from emovit_train.optimizer import adamw, set_lr
from emovit_train.text import collate
from tests.emovit_train.conftest import TEXTS, assemble_tiny

pytestmark = pytest.mark.lavis

LR, DECAY, EPOCHS = 3e-3, 0.05, 4


@pytest.fixture
def export(emogen: Emogen, run_folder: Path, tmp_path: Path) -> Path:
    """The run's rows as LAVIS reads them, the held-out ones left out."""
    file = tmp_path / "data.json"
    assert emogen("export", run_folder, "--format", "instructblip", "--out", file).code == 0
    return file


@pytest.fixture(scope="session")
def steady_folder(tiny_t5_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny FlanT5 kind without dropout, which LAVIS would leave on in the frozen language model."""
    folder = tmp_path_factory.mktemp("steady") / "t5"
    shutil.copytree(tiny_t5_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["dropout_rate"] = 0.0
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def train(export: Path, run_folder: Path, model: Path, out: Path, *options: object) -> str:
    words = ["train", export, "--image-root", run_folder / "photos", "--model", model, "--out", out]
    told = ["--engine", "lavis", "--epochs", EPOCHS, "--batch-size", 2, "--lr", LR, "--weight-decay", DECAY]
    call = [str(word) for word in (*words, *told, *options)]
    return CliRunner().invoke(app, call, catch_exceptions=False).output


def test_ten_losses_are_ours(export: Path, run_folder: Path, steady_folder: Path, tmp_path: Path) -> None:
    """From the same weights, on the batches that LAVIS saved, ours loses the same in each of ten steps, to 1e-5 of it.

    The first loss is the forward pass'; the later ones need the same gradients, AdamW and learning rates.
    """
    out = tmp_path / "tuned"
    said = train(export, run_folder, steady_folder, out, "--warmup-steps", 2, "--warmup-lr", 1e-4)
    assert "by LAVIS, 12 steps over 6 rows" in said
    model = assemble_tiny(steady_folder).train()
    optimizer = adamw(model.trained_tensors().values(), LR, DECAY)
    files = sorted((out / "lavis" / "batches").iterdir())
    assert len(files) == 10
    theirs, ours = [], []
    for file in files:
        batch: dict[str, Any] = torch.load(file, weights_only=True)
        rows = zip(batch["question"], batch["answer"], strict=True)
        texts = collate([model.codec.encode(*row) for row in rows], model.codec)
        loss = model(model.encode_images(batch["image"]), texts).mean()
        theirs.append(batch["loss"])
        ours.append(loss.item())
        set_lr(optimizer, batch["lr"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert max(theirs) - min(theirs) > 0.1


def test_learning_rates_are_those_of_the_schedule(
    export: Path, run_folder: Path, steady_folder: Path, tmp_path: Path
) -> None:
    """LAVIS' schedule is, step by step, `--schedule lavis_epoch`; its last weights are the checkpoint."""
    from emovit_train.optimizer import Schedule

    out = tmp_path / "tuned"
    train(export, run_folder, steady_folder, out, "--warmup-steps", 2, "--warmup-lr", 1e-4)
    metrics = [json.loads(line) for line in (out / "lavis" / "metrics.jsonl").read_text().splitlines()]
    schedule = Schedule("lavis_epoch", LR, 0.0, 1e-4, 2, 12, EPOCHS)
    assert [each["lr"] for each in metrics] == pytest.approx(
        [schedule.lr(n, n // 3, n % 3) for n in range(12)]
    )
    last = torch.load(out / "lavis" / "result" / "checkpoint_3.pth", weights_only=True)["model"]
    tuned = load_checkpoint(out)
    assert torch.equal(last["t5_proj.weight"], tuned.projection.weight)
    before: Tensor = assemble_tiny(steady_folder).query_tokens
    assert not torch.equal(tuned.query_tokens, before)
    assert not (out / "lavis" / "start.pth").exists()


def test_lavis_reads_the_export(export: Path, run_folder: Path, tmp_path: Path) -> None:
    """LAVIS' VQA data sets, builder and processors take the list and the photographs, for training and evaluation."""
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(["awe", "fear"]))
    script = Path(__file__).with_name("reads_export.py")
    inside = Path(engine.__file__).parent
    photos = run_folder / "photos"
    done = subprocess.run(
        [str(environment_python()), "-P", str(script), str(inside), str(export), str(photos), str(answers)],
        env=own_variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    rows = json.loads(export.read_text())
    train_side, val_side = found["train"], found["val"]
    assert (train_side["class"], val_side["class"]) == ("COCOVQADataset", "COCOVQAEvalDataset")
    assert train_side["rows"] == val_side["rows"] == len(rows) == 6
    assert train_side["images"] == [[2, 3, 28, 28]] * 3
    assert train_side["answers"] == [row["answer"][0] for row in rows]
    assert val_side["ids"] == [row["question_id"] for row in rows]
    assert val_side["answer_list"] == ["awe", "fear"]
    # `blip_question` takes capitals and most punctuation away.
    assert train_side["questions"][0] == TEXTS[0].lower().replace(":", "").replace(".", "")


def test_a_failure_inside_is_told(
    export: Path, run_folder: Path, steady_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where LAVIS fails, the error holds its last words, and no checkpoint is written."""
    whole: Callable[..., dict[str, Tensor]] = engine.to_lavis_state

    def spoiled(*told: Any, **more: Any) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in whole(*told, **more).items() if name != "query_tokens"}

    monkeypatch.setattr(engine, "to_lavis_state", spoiled)
    with pytest.raises(EmovitError, match=r"missing in start.pth: \['query_tokens'\]"):
        train(export, run_folder, steady_folder, tmp_path / "tuned")
    assert not (tmp_path / "tuned" / "config.json").exists()
