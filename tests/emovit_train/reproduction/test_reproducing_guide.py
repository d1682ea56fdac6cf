"""docs/reproducing.md: its tables name what there is, its recipe is one, and its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from emovit_train.cli import app
from emovit_train.evaluation.predictors import PREDICTORS
from emovit_train.reproduction.measures import MEASURES
from emovit_train.reproduction.recipe import Recipe
from emovit_train.reproduction.recipe_file import read_recipe, recipes
from tests.emovit_train.evaluation.datasets import dataset_layouts
from tests.emovit_train.reproduction.worlds import instructions, paint

GUIDE = (Path(__file__).parents[3] / "docs" / "reproducing.md").read_text("utf-8")


def block(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_its_tables_name_what_there_is() -> None:
    """Each recipe and each key of one; options, measures and predictors of the program."""
    table, keys = GUIDE.split("| recipe |")[1].split("None of")[0], GUIDE.split("| key |")[1]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(recipes())
    told = {"title", "paper", "about"} | set(re.findall(r"`(\w+)`", keys.replace("|", "\n|")))
    assert Recipe.model_fields.keys() <= told
    # typer types its commands loosely.
    command = get_command(app).commands["reproduce"]  # type: ignore[attr-defined]
    known = {name for option in command.params for name in option.opts}
    assert set(re.findall(r"`(--[a-z-]+)", GUIDE)) <= known
    assert all(name in keys for name in (*MEASURES.names(), *PREDICTORS.names()))


def test_its_recipe_is_one(tmp_path: Path) -> None:
    """The recipe of the guide is read as it stands."""
    (text,) = block("yaml")
    file = tmp_path / "two.yaml"
    file.write_text(text)
    assert [arm.name for arm in read_recipe(file).arms] == ["categorical", "both"]


@pytest.mark.slow
def test_its_commands_run(
    tmp_path: Path, run_folder: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command does what the guide says of it, with small things of the names that it has for them."""
    monkeypatch.chdir(tmp_path)
    Path("two.yaml").write_text(block("yaml")[0])
    Path("instructblip-vicuna-7b").symlink_to(tiny_folder)
    Path("runs").mkdir()
    instructions(Path("runs/mine"), run_folder)
    paint(dataset_layouts.LAYOUTS["emoset"][1](Path("EmoSet-118K")))
    for number, emotion in enumerate(("joy", "anger", "fear")):
        Path("photos", emotion).mkdir(parents=True)
        Image.new("RGB", (8, 8), (9, 60 * number, 5)).save(f"photos/{emotion}/1.png")
    commands = [line for text in block("bash") for line in text.splitlines()]
    for line in commands:
        program, *words = shlex.split(line)
        assert program == "emovit_train"
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert len(commands) >= 4
    assert "printed 80.90 (+38.70)" in Path("reproduction/table2/table.md").read_text()
    assert "| both: short |" in Path("reproduction/two/table.md").read_text()
