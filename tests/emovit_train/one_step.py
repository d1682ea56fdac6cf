"""One step of the loop over a few rows, in every way in which it can be made: loss and gradients must not differ."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from emovit_train.batches import own_lanes
from emovit_train.data import Row
from emovit_train.feature_cache import FeatureCache, cache_key
from emovit_train.features import FreshViews, ImageFeatures, ViewSource, view_pixels
from emovit_train.model import EmoVIT
from emovit_train.objective import Example
from emovit_train.optimizer import gradient_scaler
from emovit_train.ranks import Ranks
from emovit_train.stepping import Stepper
from tests.emovit_train.conftest import assemble_tiny

# Two photographs are asked about twice.
ROWS = [
    ("red", "What?", "It is red."),
    ("blue", "What is in the image?", "It is blue or white."),
    ("red", "What is it?", "red"),
    ("white", "Why?", "It is white."),
    ("blue", "What is in the image? What is it?", "It is blue, blue or blue."),
]
# How they are cut into batches: all padded to the longest; a few at a time; by their lengths.
LANES: dict[str, Sequence[Sequence[int]]] = {
    "padded": ((0, 1, 2, 3, 4), ()),
    "accumulated": ((2,), (0, 4), (1, 3), ()),
    "bucketed": ((2, 3), (0, 1), (4,), ()),
}
# Where features come from, see `emovit_train.views`.
VIEWS = ("fresh", "kept", "cached")
NORMS = ("token", "sample")


@functools.cache
def assembled(folder: Path) -> EmoVIT:
    return assemble_tiny(folder)


def examples_of(model: EmoVIT, data: Path) -> list[Example]:
    return [
        Example(
            Row(data / "photos" / f"{colour}.png", question, answer, "basic", str(number)),
            model.codec.encode(question, answer),
        )
        for number, (colour, question, answer) in enumerate(ROWS)
    ]


def pixels_of(model: EmoVIT, examples: Sequence[Example]) -> torch.Tensor:
    return torch.stack([view_pixels(model.preprocessing, each.row.image, None) for each in examples])


def step_gradients(
    model_folder: Path | str,
    data: Path | str,
    ranks: Ranks,
    *,
    lanes: Sequence[Sequence[int]],
    loss_norm: str,
    views: str = "kept",
    cache: Path | str = "",
) -> dict[str, Any]:
    """Return loss and gradients of one step over ROWS, as the loop makes them."""
    model = assembled(Path(model_folder)).train()
    examples, trained = examples_of(model, Path(data)), model.trained_tensors()
    stepper = Stepper(
        model=model,
        examples=examples,
        optimizer=torch.optim.SGD(trained.values(), lr=0.0),
        scaler=gradient_scaler(torch.device("cpu"), torch.float32),
        ranks=ranks,
        clip=0.0,
        loss_norm=loss_norm,
    )
    own = [row for batch in own_lanes([*map(tuple, lanes)], ranks.rank, ranks.world) for row in batch]
    features = _source(model, views, Path(cache)).pool((examples[row].row.image for row in own), epoch=1)
    stepped = stepper.step([*map(tuple, lanes)], features)
    gradients = {
        name: torch.zeros_like(each) if each.grad is None else each.grad.clone()
        for name, each in trained.items()
    }
    return {"loss": stepped.loss, "norm": stepped.gradient_norm, "gradients": gradients}


def _source(model: EmoVIT, views: str, cache: Path) -> ViewSource:
    if views == "fresh":
        return FreshViews(model, augment=False, seed=0)
    if views == "cached":
        return FeatureCache(cache, model, cache_key(model, augment=False, seed=0))
    return ImageFeatures(model)
