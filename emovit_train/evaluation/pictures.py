"""Pictures of results, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emogen.atomic import replacing_path
from emogen.registry import require
from emovit_train.evaluation.classes import Confusion

__all__ = ["Bar", "draw_bars", "draw_confusion"]


@dataclass(frozen=True)
class Bar:
    """One value of a picture of bars.

    Attributes:
        series: What has a colour of its own, such as a model.
        place: Where on the axis it stands, such as a data set.
        value: Its height; None where there is none yet.
        low: Lower end of its interval, where there is one.
        high: Upper end.
        printed: What somebody else prints for it, drawn as a mark.
    """

    series: str
    place: str
    value: float | None
    low: float | None = None
    high: float | None = None
    printed: float | None = None


def draw_confusion(confusion: Confusion, picture: Path) -> None:
    """Draw a matrix of counts; the shade is the share of the row.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    counts = confusion.counts
    shares = [[count / (sum(row) or 1) for count in row] for row in counts]
    size = 2.2 + 0.55 * len(confusion.said)
    figure = _figure(size + 1, size)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(confusion.said)), confusion.said, rotation=45, ha="right")
    axes.set_yticks(range(len(confusion.labels)), confusion.labels)
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            colour = "white" if shares[y][x] > 0.5 else "black"
            axes.text(x, y, str(count), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    key = confusion.key
    order = "" if key.order is None else f"order {key.order}"
    names = (key.dataset, key.group, key.model, key.instruction, order, key.reading, key.stratum)
    axes.set_title("\n".join((", ".join(names[:3]), ", ".join(filter(None, names[3:])))), fontsize=8)
    _save(figure, picture)


def draw_bars(bars: Sequence[Bar], picture: Path, *, title: str, measure: str) -> None:
    """Draw values beside each other in groups, with their intervals, and marks where somebody else prints a number.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    series = list(dict.fromkeys(bar.series for bar in bars))
    places = list(dict.fromkeys(bar.place for bar in bars))
    width = 0.8 / max(1, len(series))
    figure = _figure(max(6.0, 1.5 + 0.28 * len(series) * len(places) + 0.5 * len(places)), 4.2)
    axes = figure.subplots()
    for number, name in enumerate(series):
        own = [bar for bar in bars if bar.series == name]
        x = [places.index(bar.place) + (number - (len(series) - 1) / 2) * width for bar in own]
        axes.bar(x, [bar.value or 0.0 for bar in own], width * 0.92, label=name)
        _draw_intervals(axes, x, own)
        printed = [(at, bar.printed) for at, bar in zip(x, own, strict=True) if bar.printed is not None]
        if printed:
            axes.scatter(*zip(*printed, strict=True), marker="_", s=90, color="black", zorder=3)
    axes.set_xticks(range(len(places)), places, rotation=20 if len(places) > 3 else 0, ha="center")
    # Where all is 0, an axis of its own choice would begin below.
    axes.set_ylim(bottom=0, top=None if any(bar.value or bar.printed for bar in bars) else 1)
    axes.set_ylabel(measure)
    axes.set_title(title, fontsize=10)
    axes.grid(axis="y", alpha=0.3)
    if any(bar.printed is not None for bar in bars):
        axes.scatter([], [], marker="_", s=90, color="black", label="as printed")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, picture)


def _draw_intervals(axes: Any, x: Sequence[float], bars: Sequence[Bar]) -> None:
    for at, bar in zip(x, bars, strict=True):
        if bar.low is not None and bar.high is not None:
            axes.vlines(at, bar.low, bar.high, color="#444444", linewidth=1)


def _figure(width: float, height: float) -> Any:
    figures: Any = require("matplotlib.figure", extra="evaluate", purpose="Drawing results")
    return figures.Figure(figsize=(width, height), dpi=110, layout="constrained")


def _save(figure: Any, picture: Path) -> None:
    with replacing_path(picture) as part:
        figure.savefig(part, format="png")
