"""What questions and answers are like: how long, how different, and how close to what is known of the images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from emogen.report.blocks import Block, Facts, Table
from emogen.report.charts import Chart
from emogen.report.figures import Figures, Spread
from emogen.report.measures import Measures
from emogen.report.sections.wording import percent

__all__ = ["diversity", "grounded", "texts"]

# Words of a text from which on longer ones are counted together.
LONGEST: Final = 200
WIDTH: Final = 5
# Different numbers of turns that are drawn.
TURNS: Final = 12


def texts(run: Figures) -> Iterator[Block]:
    """Yield how long questions and answers are, how many turns there are, and how questions begin."""
    for of in ("question", "answer"):
        edges = list(range(0, LONGEST + WIDTH, WIDTH))
        counts = {kind: _shares(parts[of], edges) for kind, parts in run.word_counts.items() if of in parts}
        last = (
            max(
                (place for values in counts.values() for place, value in enumerate(values) if value),
                default=0,
            )
            + 2
        )
        yield Chart(
            f"Words of {'a question' if of == 'question' else 'an answer'}",
            f"Share of turns of each kind by their number of words, in steps of {WIDTH}.",
            edges[:last],
            {kind: values[:last] for kind, values in counts.items()},
            "share of turns",
            "lines",
            "words",
        )
    yield Table(
        "Words",
        "How long questions and answers are.",
        ["kind", "of", "turns", "mean", "5%", "median", "95%", "longest"],
        [[kind, of, *_words(spread)] for kind, parts in run.words.items() for of, spread in parts.items()],
    )
    for title, unit, counted in (
        ("Turns of a sample", "samples", run.turns_per_sample),
        ("Turns about an image", "images", run.turns_per_image),
    ):
        shown = dict(list(counted.items())[:TURNS])
        yield Chart(
            title, f"How many {unit} have so many turns.", list(shown), {unit: list(shown.values())}, unit
        )
    yield Table(
        "How questions begin",
        "The most frequent first two words, with their share of the kind's turns.",
        ["kind", "first words", "turns", "share"],
        [
            [kind, opening, count, percent(count / run.words[kind]["question"].count)]
            for kind, openings in run.openings.items()
            if kind != "categorical"
            for opening, count in openings.items()
        ],
    )


def _words(spread: Spread) -> list[Any]:
    places = (spread.p5, spread.median, spread.p95, spread.highest)
    return [spread.count, f"{spread.mean:.1f}", *(f"{place:.0f}" for place in places)]


def _shares(counts: Mapping[int, int], edges: Sequence[int]) -> list[float]:
    """Return the share of the counts from each edge to the next, the last with all that is longer."""
    total = sum(counts.values())
    shares = [0.0] * len(edges)
    for words, count in counts.items():
        shares[min(words // WIDTH, len(edges) - 1)] += count / total
    return shares


def diversity(run: Figures, measures: Measures) -> Iterator[Block]:
    """Yield how different answers are."""
    yield Table(
        "How different answers are",
        "Measured on a drawn sample of turns of each kind, the same number in every report: different words "
        "(distinct-1) and pairs of words (distinct-2) among all of them, and how much an answer shares with the others "
        "(self-BLEU-4, 0 to 100, lower is more diverse).",
        ["kind", "turns measured", "distinct-1", "distinct-2", "self-BLEU-4", "different questions"],
        [
            [
                kind,
                found.measured,
                f"{found.distinct_1:.3f}",
                f"{found.distinct_2:.3f}",
                "–" if found.self_bleu_4 is None else f"{found.self_bleu_4:.1f}",
                percent(found.questions),
            ]
            for kind, found in measures.diversity.items()
        ],
    )


def grounded(run: Figures, measures: Measures) -> Iterator[Block]:
    """Yield how far answers keep to what is known, and speak of the label."""
    scores = run.scores.get("ungrounded", {})
    yield Table(
        "Claims without support",
        "Of what samples claim of EmoSet's vocabularies (objects, scenes, expressions, actions), the share that "
        "neither caption nor attributes support; samples that claim nothing are left out.",
        ["type", "samples that claim", "unsupported claims, mean", "samples with any"],
        [
            [kind, spread.count, percent(spread.mean), percent(run.unsupported[kind])]
            for kind, spread in scores.items()
        ],
    )
    names = sorted({name for shares in measures.named.values() for name in shares})
    yield Table(
        "Given attributes that answers name",
        "Share of the records' values that the answer takes up, on the drawn sample.",
        ["kind", *(name.replace("_", " ") for name in names)],
        [[kind, *(shares.get(name, "–") for name in names)] for kind, shares in measures.named.items()],
        heat=True,
    )
    ways = sorted({way for counts in run.labels.values() for way in counts})
    totals = {kind: sum(counts.values()) for kind, counts in run.labels.items()}
    yield Chart(
        "How answers speak of the label",
        "Whether the last emotion that an answer names is the label of the image.",
        list(run.labels),
        {way: [counts.get(way, 0) / totals[kind] for kind, counts in run.labels.items()] for way in ways},
        "share of turns",
        "stacked",
    )
    yield Facts(
        "Questions that name the label",
        "They give the answer away; categorical questions list all labels.",
        {
            kind: f"{run.leaking.get(kind, 0):,} of {totals[kind]:,}"
            for kind in run.labels
            if kind != "categorical"
        },
    )
