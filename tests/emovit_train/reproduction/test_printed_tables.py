"""The paper's printed tables, derived again from predictions that have as many right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emovit_train.evaluation.predictions import Prediction
from emovit_train.evaluation.published import printed
from emovit_train.reproduction.cells import Cell, with_printed
from emovit_train.reproduction.measures import ACCURACY, Answered
from emovit_train.reproduction.recipe_file import read_recipe
from emovit_train.reproduction.results import Results
from tests.emovit_train.evaluation.prediction_rows import row

# Large enough for a fraction that every printed percentage is a rounding of.
MOST = 1000


def fraction(percent: float) -> tuple[int, int]:
    """Return the smallest number of images, and how many are right, that print as this percentage."""
    for images in range(1, MOST):
        right = round(percent / 100 * images)
        if f"{100 * right / images:.2f}" == f"{percent:.2f}":
            return right, images
    raise AssertionError(percent)


def predictions(percent: float) -> Iterator[Prediction]:
    right, images = fraction(percent)
    wrong_or_right = [row(0, "awe", f"Predicted emotion: {said}.") for said in ("fear", "awe")]
    for number in range(images):
        # One reading is enough, and half the work.
        yield wrong_or_right[number < right].model_copy(update={"item_id": str(number), "strict": None})


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4", "table5", "sec9"])
def test_cells_that_have_as_many_right_print_the_same(name: str) -> None:
    """Answers go in, and each line of the table has our number equal to the printed one, gains, too."""
    recipe, numbers = read_recipe(name), printed(name)
    cells = []
    for arm in recipe.arms:
        for part in recipe.data:
            number = numbers[arm.printed or arm.name, part.name]
            answered = Answered(list(predictions(number.accuracy * 100)), {}, recipe.reading)
            assert ACCURACY.of is not None
            (value,) = ACCURACY.of(answered).values()
            told = {"value": value.value, "low": value.low, "high": value.high, "n": value.n}
            cells.append(Cell(arm=arm.name, dataset=part.name, reading=recipe.reading, **told))
    found = [cell for cell in with_printed(cells, recipe) if cell.value is not None]
    assert len(found) == len(recipe.arms) * len(recipe.data)
    for cell in found:
        assert cell.printed is not None
        assert cell.value is not None
        assert f"{100 * cell.value:.2f}" == f"{100 * cell.printed:.2f}"
        if cell.printed_gain is not None:
            assert cell.gain == pytest.approx(cell.printed_gain, abs=1e-4)
    shown = Results(recipe, ACCURACY, found).markdown()
    assert shown.count("printed") >= len(found)
