"""Draws charts as SVG that stands in the page itself: in the page's colours, light or dark, and without a script."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final, Literal

from emogen.errors import shorten
from emogen.registry import require
from emogen.terminal import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Chart", "draw"]

# Narrow enough for a phone, so that letters keep their size there.
WIDTH_IN: Final = 4.6
LABEL_LENGTH: Final = 24
# Colours that stand for the page's own: matplotlib knows no CSS variables.
_INK: Final = "#010203"
_FAINT: Final = "#040506"
_SERIES: Final = tuple(f"#0a0b{number:02x}" for number in range(12))
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "emogen",
    # A dollar in a label is a dollar.
    "text.parse_math": False,
    "text.usetex": False,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _FAINT,
    "grid.linewidth": 0.5,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Chart:
    """What is drawn; the same numbers stand in a table below it.

    Attributes:
        title: What it is.
        note: What one sees in it, in a sentence.
        labels: Of the bars, or places on the x axis.
        series: Name → a value for each label.
        unit: What the values count.
        form: `stacked` and `bars` are horizontal, `ranges` goes from the first series to the last with the middle
            one marked, `lines` goes over numbers.
        axis: What the labels are, for `lines`.
    """

    title: str
    note: str
    labels: Sequence[Any]
    series: Mapping[str, Sequence[float]]
    unit: str
    form: Literal["bars", "stacked", "ranges", "lines"] = "bars"
    axis: str = ""

    @property
    def top(self) -> float:
        """Where the axis of the values ends: the highest that is drawn, or 1 for `ranges`."""
        if self.form == "ranges":
            return 1.0
        if self.form == "stacked":
            return max((sum(values) for values in zip(*self.series.values(), strict=True)), default=0.0)
        return max((value for values in self.series.values() for value in values), default=0.0)


def draw(chart: Chart, name: str, top: float) -> str:
    """Return a chart as an SVG element.

    Args:
        chart: What to draw.
        name: Unique in the page, of letters and digits.
        top: Where the axis of the values ends, so that two runs are drawn to the same scale.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require("matplotlib", extra="report", purpose="Drawing charts")
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    across = chart.form != "lines"
    height = 0.9 + 0.26 * len(chart.labels) if across else 2.6
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Letters that the font lacks are drawn by the browser.
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(WIDTH_IN, height + 0.2 * (len(chart.series) > 1)), layout="constrained")
        axes = figure.add_subplot()
        (_draw_across if across else _draw_lines)(axes, chart)
        limit = top * 1.02 or 1.0
        axes.set(**({"xlim": (0, limit), "xlabel": chart.unit} if across else {"ylim": (0, limit)}))
        counts = all(isinstance(value, int) for values in chart.series.values() for value in values)
        (axes.xaxis if across else axes.yaxis).set_major_locator(MaxNLocator(nbins=6, integer=counts))
        axes.grid(axis="x" if across else "y")
        axes.set_axisbelow(True)
        if len(chart.series) > 1:
            figure.legend(loc="outside upper center", ncols=3, fontsize=8)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _for_page(file.getvalue(), chart, name)


def _draw_across(axes: Axes, chart: Chart) -> None:
    places = list(range(len(chart.labels)))
    if chart.form == "ranges":
        low, middle, high = chart.series.values()
        wide = [end - begin for begin, end in zip(low, high, strict=True)]
        axes.barh(places, wide, left=low, color=_SERIES[0], label="25% to 75%")
        axes.plot(middle, places, "|", markersize=11, markeredgewidth=2.5, color=_INK, label="median")
    else:
        _draw_bars(axes, chart, places)
    axes.set_yticks(places, [_label(label) for label in chart.labels])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)


def _draw_bars(axes: Axes, chart: Chart, places: list[int]) -> None:
    thick = 0.8 if chart.form == "stacked" else 0.8 / len(chart.series)
    begins = [0.0] * len(places)
    for number, (name, values) in enumerate(chart.series.items()):
        stacked = chart.form == "stacked"
        at = places if stacked else [place - 0.4 + thick * (number + 0.5) for place in places]
        axes.barh(
            at,
            values,
            thick,
            left=begins if stacked else None,
            label=_label(name),
            color=_SERIES[number % len(_SERIES)],
        )
        if stacked:
            begins = [begin + value for begin, value in zip(begins, values, strict=True)]


def _draw_lines(axes: Axes, chart: Chart) -> None:
    for number, (name, values) in enumerate(chart.series.items()):
        dashes = ("-", "--", ":", "-.")[number % 4]
        axes.plot(chart.labels, values, dashes, label=_label(name), color=_SERIES[number % len(_SERIES)])
    axes.set_xlabel(chart.axis)
    axes.set_ylabel(chart.unit)


def _label(text: object) -> str:
    # matplotlib leaves names that begin so out of the legend.
    return shorten(shown(str(text)), LABEL_LENGTH).lstrip("_") or "_"


def _for_page(svg: str, chart: Chart, name: str) -> str:
    """Return matplotlib's file as an element of a page: its own ids, the page's colours and letters, no fixed size."""
    body = svg[svg.index("<svg") :]
    body = re.sub(
        r"<metadata>.*?</metadata>|<!--.*?-->|<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL
    )
    box = re.search(r'viewBox="([^"]*)"', body)
    assert box is not None
    inner = body[body.index(">") + 1 : body.rindex("</svg>")]
    used = set(re.findall(r"#([\w-]+)", inner))
    inner = re.sub(
        r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", inner
    )
    inner = re.sub(r'(url\(|href=")#', rf"\1#{name}-", inner)
    inner = inner.replace(_INK, "var(--ink)").replace(_FAINT, "var(--faint)")
    for number, colour in enumerate(_SERIES):
        inner = inner.replace(colour, f"var(--s{number % 6})")
    inner = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", inner)
    inner = re.sub(r"font-family: [^;\"]*;?", "", inner)
    title, note = escape(chart.title), escape(chart.note)
    return (
        f'<svg role="img" aria-labelledby="{name}-t {name}-d" viewBox="{box[1]}">'
        f'<title id="{name}-t">{title}</title><desc id="{name}-d">{note}</desc>{inner}</svg>'
    )
