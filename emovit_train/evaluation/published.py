"""Numbers that others print, to stand beside ours; each with its source, from data/published.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

__all__ = ["Published", "printed", "published"]


class Published(BaseModel):
    """One printed number.

    Attributes:
        dataset: Data set and task, as in `Prediction`.
        model: As the source calls it.
        accuracy: Share, 0 to 1; of the votes where the data set is of captions.
        experiment: Which of the paper's experiments it belongs to, by the name of its recipe; empty for others'.
        source: Where it is printed.
        note: What must be known before it is compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    model: str
    accuracy: float
    experiment: str = ""
    source: str
    note: str


@cache
def _all() -> tuple[Published, ...]:
    text = (files("emovit_train.evaluation") / "data" / "published.toml").read_text(encoding="utf-8")
    return tuple(
        Published(
            dataset=dataset,
            model=model,
            accuracy=round(cell / 100, 4),
            experiment=source.get("experiment", ""),
            source=source["source"],
            note=source["note"],
        )
        for source in tomllib.loads(text)["source"]
        for model, cells in source["accuracy"].items()
        for dataset, cell in cells.items()
    )


def published(dataset: str) -> list[Published]:
    """Return the numbers printed for a data set and task, the highest first."""
    return sorted((each for each in _all() if each.dataset == dataset), key=lambda each: -each.accuracy)


def printed(experiment: str) -> dict[tuple[str, str], Published]:
    """Return (model, data set) → number, of one of the paper's experiments, as it is printed there."""
    return {(each.model, each.dataset): each for each in _all() if each.experiment == experiment}
