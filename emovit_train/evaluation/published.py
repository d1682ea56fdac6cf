"""Accuracies that others print, to stand beside ours; each with its source, from data/published.toml."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

__all__ = ["Published", "published"]


class Published(BaseModel):
    """One printed number.

    Attributes:
        dataset: Data set and task, as in `Prediction`.
        model: As the source calls it.
        accuracy: Share, 0 to 1.
        source: Where it is printed.
        note: What must be known before it is compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    model: str
    accuracy: float
    source: str
    note: str


def published(dataset: str) -> list[Published]:
    """Return the numbers printed for a data set and task, the highest first."""
    text = (files("emovit_train.evaluation") / "data" / "published.toml").read_text(encoding="utf-8")
    found = [
        Published(
            dataset=dataset,
            model=model,
            accuracy=round(cells[dataset] / 100, 4),
            source=source["source"],
            note=source["note"],
        )
        for source in tomllib.loads(text)["source"]
        for model, cells in source["accuracy"].items()
        if dataset in cells
    ]
    return sorted(found, key=lambda number: -number.accuracy)
