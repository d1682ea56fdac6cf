"""The cells of an experiment's first table: what was measured beside what is printed, gains and means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from emovit_train.evaluation.published import Published, printed
from emovit_train.reproduction.recipe import Recipe

__all__ = ["MEAN", "Cell", "with_means", "with_printed"]

MEAN: Final = "mean"


class Cell(BaseModel):
    """One number of the first table; shares are 0 to 1.

    Attributes:
        arm: Whose.
        line: Which instruction or measure, where the arm has several.
        dataset: The column.
        reading: How answers were read; empty for printed numbers alone.
        value: What was measured; None where it is missing or undefined.
        low: Lower end of its 95% bootstrap interval.
        high: Upper end.
        n: Images.
        printed: What the paper prints.
        gain: Less the arm that the recipe compares with.
        printed_gain: The same of the printed numbers.
        missing: What it lacks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str
    line: str = ""
    dataset: str
    reading: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    printed: float | None = None
    gain: float | None = None
    printed_gain: float | None = None
    missing: str = ""

    @property
    def name(self) -> str:
        """The line's name in tables."""
        return f"{self.arm}: {self.line}" if self.line else self.arm


def with_printed(cells: Sequence[Cell], recipe: Recipe) -> list[Cell]:
    """Return the cells with what is printed for them, what is printed besides, and gains over `recipe.against`."""
    numbers = printed(recipe.experiment) if recipe.experiment else {}
    calls = {arm.name: arm.printed or arm.name for arm in recipe.arms}
    # What an arm says in other words, or is measured by besides, nobody prints.
    lines = ("", recipe.instructions[0].name)
    beside = [
        cell.model_copy(update={"printed": _printed(cell, numbers, calls)}) if cell.line in lines else cell
        for cell in cells
    ]
    known = {(calls[cell.arm], cell.dataset) for cell in cells}
    beside += [
        Cell(arm=model, dataset=dataset, printed=number.accuracy)
        for (model, dataset), number in numbers.items()
        if (model, dataset) not in known
    ]
    base = {(cell.line, cell.dataset): cell for cell in beside if cell.arm == recipe.against}
    return [_with_gain(cell, base.get((cell.line, cell.dataset))) for cell in beside]


def _printed(
    cell: Cell, numbers: Mapping[tuple[str, str], Published], calls: Mapping[str, str]
) -> float | None:
    number = numbers.get((calls[cell.arm], cell.dataset))
    return number.accuracy if number else None


def _with_gain(cell: Cell, base: Cell | None) -> Cell:
    if base is None or base.arm == cell.arm:
        return cell
    return cell.model_copy(
        update={
            "gain": _difference(cell.value, base.value),
            "printed_gain": _difference(cell.printed, base.printed),
        }
    )


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else round(one - other, 6)


def with_means(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells, and for each line the mean over the data sets: undefined where one of them is."""
    lines: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        lines.setdefault((cell.arm, cell.line), []).append(cell)
    means = []
    for (arm, line), found in lines.items():
        values = [cell.value for cell in found if cell.value is not None]
        whole = len(values) == len(found)
        means.append(
            Cell(
                arm=arm,
                line=line,
                dataset=MEAN,
                reading=found[0].reading,
                value=sum(values) / len(values) if whole else None,
                n=sum(cell.n for cell in found),
                missing="" if whole else "not all data sets have a value",
            )
        )
    return [*cells, *means] if len({cell.dataset for cell in cells}) > 1 else list(cells)
