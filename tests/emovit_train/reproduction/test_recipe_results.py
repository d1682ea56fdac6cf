"""Tables: numbers beside the printed ones, gains and means."""

from __future__ import annotations

from pathlib import Path

import pytest

from emovit_train.reproduction.cells import Cell, with_means, with_printed
from emovit_train.reproduction.measures import ACCURACY, SENSITIVITY
from emovit_train.reproduction.recipe_file import read_recipe
from emovit_train.reproduction.results import Results


def test_gains_are_the_paper_s() -> None:
    """From its four cells, Table 2's printed gains: +38.70, +39.75, +41.16; and ours from ours."""
    recipe = read_recipe("table2")
    cells = [
        Cell(arm=arm.name, dataset="emoset-8", reading="lenient", value=0.1 * (number + 1), n=10)
        for number, arm in enumerate(recipe.arms)
    ]
    found = with_printed(cells, recipe)
    assert [cell.printed_gain for cell in found] == [None, 0.387, 0.3975, 0.4116]
    assert [cell.gain for cell in found] == [None, *map(pytest.approx, (0.1, 0.2, 0.3))]
    shown = Results(recipe, ACCURACY, found).markdown()
    assert "| categorical | 20.0 (+10.0), printed 80.90 (+38.70) |" in shown


def test_what_is_printed_of_others_stands_beside_us() -> None:
    """Table 3's supervised methods are lines without a number of ours."""
    recipe = read_recipe("table3")
    cells = [
        Cell(arm="EmoVIT", dataset="unbiasedemo-6", reading="lenient", value=0.5, low=0.4, high=0.6, n=20)
    ]
    shown = Results(recipe, ACCURACY, with_printed(cells, recipe)).markdown()
    assert "| EmoVIT | 50.0 [40.0, 60.0], printed 74.72 |" in shown
    assert "| Curriculum | printed 74.27 |" in shown


def test_a_mean_needs_all_of_its_data_sets() -> None:
    """Equation 3 is averaged over tasks; where one is undefined, so is the mean."""
    one = Cell(arm="m", dataset="a", reading="lenient", value=0.2, n=5)
    *_, mean = with_means([one, one.model_copy(update={"dataset": "b", "value": 0.4})])
    assert (mean.dataset, mean.value, mean.n) == ("mean", pytest.approx(0.3), 10)
    cells = with_means([one, one.model_copy(update={"dataset": "b", "value": None})])
    assert cells[-1].value is None
    shown = Results(read_recipe("fig7"), SENSITIVITY, cells).markdown()
    assert "| m | 0.200 | undefined | missing |" in shown


def test_files(tmp_path: Path) -> None:
    """Markdown, CSV with every digit, and a picture."""
    recipe = read_recipe("table2")
    cell = Cell(arm="none", dataset="emoset-8", reading="lenient", value=1 / 3, n=3)
    Results(recipe, ACCURACY, with_printed([cell], recipe), missing=["a model: --model x=FOLDER"]).write(
        tmp_path
    )
    assert "- a model: --model x=FOLDER" in (tmp_path / "table.md").read_text()
    assert "0.3333333333333333" in (tmp_path / "table.csv").read_text()
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")
