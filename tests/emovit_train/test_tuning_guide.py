"""docs/tuning.md: its commands run, its settings are all there are, and its assembly of somebody else's works."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emovit_train.checkpoint import read_config
from emovit_train.models import MODELS
from emovit_train.settings import TrainSettings
from emovit_train.told import option_of
from tests import tiny_models
from tests.emovit_train.conftest import lm_tokenizer
from tests.emovit_train.llava_tiny import save_tiny_llava
from tests.emovit_train.test_cli import call, error_of

GUIDE = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text("utf-8")
OWN = "my-model"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def commands(*, own: bool) -> list[list[str]]:
    """The words after `emovit_train` of each command, with or without those about the guide's own assembly."""
    found = [
        shlex.split(line) for block in blocks("bash") if (OWN in block) == own for line in block.splitlines()
    ]
    return [words[words.index("emovit_train") + 1 :] for words in found]


@pytest.fixture
def place(tmp_path: Path, tiny_folder: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run and checkpoints of the names that the guide gives them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(run_folder)
    (tmp_path / "instructblip-vicuna-7b").symlink_to(tiny_folder)
    save_tiny_llava(tmp_path / "llava-1.5-7b-hf")
    return tmp_path


def test_every_setting_is_in_the_table() -> None:
    """The table of settings names each option of `emovit_train train`, and none that is not there."""
    table = GUIDE.split("## Settings")[1].split("\n\n- ")[0]
    named = set(re.findall(r"`(--[a-z0-9-]+)`", table))
    assert named == {option_of(name) for name in TrainSettings.model_fields} | {"--resume", "--overwrite"}


def test_its_commands_are_understood(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the guide comes to settings of a run, on the model that it names."""
    told: list[TrainSettings] = []
    monkeypatch.setattr("emovit_train.train.train", lambda _data, _out, settings, **_: told.append(settings))
    monkeypatch.setattr("emovit_train.console.show_report", lambda *_: None)
    for words in commands(own=False):
        assert call(*words).exit_code == 0
    assert len(told) >= 8
    assert {settings.preset for settings in told} == {None, "emovit", "instructblip"}
    assert {settings.batch_size for settings in told} >= {1, 8, 16, 64, 128}


@pytest.mark.slow
def test_its_commands_run(place: Path) -> None:
    """Each command of the guide ends with a checkpoint."""
    for words in commands(own=False):
        assert "unchanged" in call(*words).output, words
        assert read_config(Path(words[words.index("--out") + 1])).made is not None


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The guide's assembly, installed as its package would be."""
    (source,) = blocks("python")
    (entry,) = blocks("toml")
    points = entry.replace("[project.entry-points.", "[").replace('"', "")
    info = tmp_path / "clip_linear-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clip_linear\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    (tmp_path / "clip_linear.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    MODELS.__dict__.pop("_others", None)
    yield
    MODELS.__dict__.pop("_others", None)
    MODELS._loaded.pop("clip-linear", None)
    sys.modules.pop("clip_linear", None)


def test_its_own_assembly_is_trained_and_scored(place: Path, installed: None) -> None:
    """An encoder and a language model that nobody here knows are tuned, saved, loaded and scored by the commands."""
    from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

    words = lm_tokenizer()
    words.save_pretrained(place / OWN / "language")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(
        LlamaConfig(
            **sizes,
            vocab_size=len(words),
            pad_token_id=words.pad_token_id,
            bos_token_id=words.bos_token_id,
            eos_token_id=words.eos_token_id,
        )
    ).save_pretrained(place / OWN / "language")
    CLIPVisionModel(CLIPVisionConfig(**tiny_models.VISION)).save_pretrained(place / OWN / "encoder")
    (train, evaluate) = commands(own=True)
    assert "unchanged" in call(*train, "--seed", 1).output
    assert read_config(place / "runs" / "own").parts == ("projection",)
    assert "memorised" in call(*evaluate).output


def test_kinds_and_parts_are_known_by_name(place: Path) -> None:
    """A kind or a part that is not there is named before a model is loaded, with those that are."""
    told = ("train", "runs/mine", "--model", "instructblip-vicuna-7b", "--out", "runs/out")
    assert error_of(*told, "--arch", "instructblp").where == "--arch"
    assert "Known: ln_vision, projection, qformer, query_tokens." in str(error_of(*told, "--parts", "lora"))
    assert "nano reads no folder" in str(error_of(*told, "--arch", "nano"))
