"""What is known of the images, by emotion."""

from __future__ import annotations

from collections.abc import Iterator

from emogen.report.blocks import Block, Table
from emogen.report.charts import Chart
from emogen.report.figures import Figures
from emogen.report.tally import ATTRIBUTES, PIXELS

__all__ = ["known"]


def known(run: Figures) -> Iterator[Block]:
    """Yield which attributes records have, and how bright and colourful images are."""
    yield Table(
        "Attribute coverage by emotion",
        "Share of records that have each attribute.",
        ["emotion", "records", *(name.replace("_", " ") for name in ATTRIBUTES)],
        [
            [emotion, run.records_by_emotion[emotion], *(shares[name] for name in ATTRIBUTES)]
            for emotion, shares in run.attributes.items()
        ],
        heat=True,
    )
    for name in PIXELS:
        spreads = {emotion: parts[name] for emotion, parts in run.pixels.items() if name in parts}
        yield Chart(
            f"{name.capitalize()} by emotion",
            f"Where the middle half of the images lies, and the median; 0 is least, 1 most {name}.",
            list(spreads),
            {
                "25%": [spread.p25 for spread in spreads.values()],
                "median": [spread.median for spread in spreads.values()],
                "75%": [spread.p75 for spread in spreads.values()],
            },
            name,
            "ranges",
        )
