"""The picture of a run: training loss, its moving mean, and the held-out loss where it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from emogen.atomic import replacing_path
from emogen.registry import require
from emovit_train.metrics import read_metrics

__all__ = ["CURVE", "draw_curve", "moving_mean"]

CURVE: Final = "loss.png"
# Share of the steps that the moving mean looks back on.
WINDOW: Final = 0.05


def draw_curve(metrics: Path, picture: Path) -> None:
    """Draw the loss curve of a file of metrics as a PNG picture.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figures: Any = require("matplotlib.figure", extra="train", purpose="The loss curve")
    lines = read_metrics(metrics)
    steps, losses = [line["step"] for line in lines], [line["loss"] for line in lines]
    held_out = [(line["step"], line["held_out_loss"]) for line in lines if "held_out_loss" in line]
    figure = figures.Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, losses, color="#9ecae1", linewidth=0.8, label="training, each step")
    axes.plot(
        steps, moving_mean(losses, max(1, round(len(losses) * WINDOW))), color="#08519c", label="training"
    )
    if held_out:
        axes.plot(*zip(*held_out, strict=True), color="#d94801", marker="o", markersize=3, label="held out")
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats per answer token)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    with replacing_path(picture) as part:
        figure.savefig(part, format="png")


def moving_mean(values: Sequence[float], window: int) -> list[float]:
    """Return the mean of each value and those before it, `window` of them at most."""
    sums = [0.0, *accumulate(values)]
    return [(sums[end] - sums[max(0, end - window)]) / min(window, end) for end in range(1, len(values) + 1)]
