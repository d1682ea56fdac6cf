"""Charts as elements of a page: the page's colours, ids of their own, and labels that are only words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from emogen.report.charts import Chart, draw

BARS = Chart(
    "Title <1>",
    "Note & more",
    ["a$x$_{1}", "<b>", "_c"],
    {"one": [1, 2, 3], "_two": [3, 0, 1]},
    "rows",
    "stacked",
)


def test_labels_are_only_words() -> None:
    """Dollars, tags and underscores in labels stand as they are, in text that a reader can select."""
    tree = ElementTree.fromstring(draw(BARS, "c1", BARS.top).replace("xlink:", ""))
    said = "".join(tree.itertext())
    assert "a$x$_{1}" in said
    assert "<b>" in said
    assert "two" in said
    assert "Title <1>" in said
    assert BARS.top == 4


def test_a_chart_takes_the_pages_colours_and_fonts() -> None:
    """No colour, font or size of its own is left but that of nothing; each reference leads to an id of the chart."""
    svg = draw(BARS, "c1", 4)
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= {"#000000"}
    assert "font-family" not in svg
    assert "<style" not in svg
    ids = re.findall(r'id="([^"]+)"', svg)
    assert len(set(ids)) == len(ids)
    assert all(name.startswith("c1-") for name in ids)
    assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', svg)) <= set(ids)
    assert draw(BARS, "c1", 4) == svg


def test_lines_and_ranges() -> None:
    """The other forms are drawn, too, with their legend."""
    lines = Chart("t", "n", [0, 5], {"a": [0.1, 0.2], "b": [0.3, 0.4]}, "share", "lines", "words")
    spans = Chart("t", "n", ["awe"], {"25%": [0.2], "median": [0.3], "75%": [0.6]}, "brightness", "ranges")
    assert "words" in draw(lines, "l", lines.top)
    assert spans.top == 1
    assert "median" in draw(spans, "r", spans.top)
