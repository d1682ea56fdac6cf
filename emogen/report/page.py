"""Puts a report together: one HTML file that opens offline, asks nobody for anything, and runs no foreign text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import jinja2
import orjson
from markupsafe import Markup

from emogen.report.blocks import Block, Facts, Section, Table
from emogen.report.charts import Chart, draw
from emogen.report.gallery import EDITED, Card, Shown
from emogen.report.tally import EXAMPLES
from emogen.resources import data_file
from emogen.terminal import shown

__all__ = ["MARK", "Column", "page_of"]

# The first bytes of every report: a file that begins otherwise is not replaced.
MARK: Final = "<!doctype html><!-- emogen report -->"


@dataclass(frozen=True)
class Column:
    """One run of a report.

    Attributes:
        name: What it is called.
        notice: What its manifest says of its texts.
        sections: Its sections.
    """

    name: str
    notice: str
    sections: Sequence[Section]


def page_of(columns: Sequence[Column], cards: Sequence[Card]) -> str:
    """Return the report of one run, or of several side by side."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters["json"] = lambda value: orjson.dumps(value).decode()
    script = _part("report.js")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return MARK + environment.get_template("report.html.j2").render(
        columns=columns,
        sections=[
            _drawn(parts, number)
            for number, parts in enumerate(zip(*(c.sections for c in columns), strict=True))
        ],
        cards=cards,
        emotions=sorted({card.emotion for card in cards}),
        types=sorted({row.instruction for card in cards for row in card.rows}),
        reasons=sorted({reason for card in cards for row in card.rows for reason in row.reasons}),
        examples=_examples(cards),
        edited=EDITED,
        style=Markup(data_file("page.css").read_text(encoding="utf-8") + _part("report.css")),
        script=Markup(script),
        script_sha256=allowed,
    )


def _part(name: str) -> str:
    return files("emogen.report").joinpath("templates", name).read_text(encoding="utf-8")


def _plain(value: Any) -> Any:
    """Return text without characters that would turn its reading direction, or that no page may hold."""
    return shown(value) if type(value) is str else value


def _drawn(parts: Sequence[Section], number: int) -> dict[str, Any]:
    """Return one section, with each block of all runs together and its charts drawn to one scale."""
    blocks = zip(*(part.blocks for part in parts), strict=True)
    return {
        "id": parts[0].id,
        "title": parts[0].title,
        "blocks": [_block(block, f"c{number}x{place}") for place, block in enumerate(blocks)],
    }


def _block(blocks: Sequence[Block], name: str) -> dict[str, Any]:
    first = blocks[0]
    common = {"kind": type(first).__name__.lower(), "title": first.title, "note": first.note}
    if isinstance(first, Facts):
        names = dict.fromkeys(key for block in blocks if isinstance(block, Facts) for key in block.values)
        rows = [
            [key, *(block.values.get(key, "–") for block in blocks if isinstance(block, Facts))]
            for key in names
        ]
        return {**common, "rows": rows}
    if isinstance(first, Table):
        return {**common, "tables": blocks}
    charts = [block for block in blocks if isinstance(block, Chart)]
    top = max(chart.top for chart in charts)
    drawn = [
        Markup(draw(chart, f"{name}r{place}", top)) if chart.labels and chart.series else ""
        for place, chart in enumerate(charts)
    ]
    tables = [
        Table(
            chart.title,
            "",
            [chart.axis or "", *chart.series],
            list(zip(chart.labels, *chart.series.values(), strict=True)),
        )
        for chart in charts
    ]
    return {**common, "pictures": list(zip(drawn, tables, strict=True))}


def _examples(cards: Sequence[Card]) -> dict[str, list[tuple[Card, Shown]]]:
    """Return, for each reason and flag, the first rows that have it."""
    found: dict[str, list[tuple[Card, Shown]]] = {}
    for card in cards:
        for row in card.rows:
            for reason in row.reasons:
                found.setdefault(reason, []).append((card, row))
    return {reason: rows[:EXAMPLES] for reason, rows in sorted(found.items())}
