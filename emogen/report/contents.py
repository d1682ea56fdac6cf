"""What stands in a report: its sections, and in each the facts, tables and charts, for one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from emogen.report.charts import Chart
from emogen.report.figures import Figures, Spread
from emogen.report.measures import Measures
from emogen.report.tally import ATTRIBUTES, PIXELS

__all__ = ["Block", "Facts", "Section", "Table", "sections_of"]

# Words of a text from which on longer ones are counted together.
LONGEST: Final = 200
WIDTH: Final = 5
REASONS: Final = 12
UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Facts:
    """Names and values; several runs stand in columns of one table."""

    title: str
    note: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first of each a heading; where `heat`, shares are shaded by their value."""

    title: str
    note: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    heat: bool = False

    def is_words(self, place: int) -> bool:
        """Whether a column holds words, and no numbers written out."""
        first = self.rows[0][place] if self.rows else ""
        return isinstance(first, str) and not first[:1].isdigit() and first != "–"


Block = Facts | Table | Chart


@dataclass(frozen=True)
class Section:
    """A part of the report under one heading."""

    id: str
    title: str
    blocks: Sequence[Block]


def sections_of(run: Figures, measures: Measures) -> list[Section]:
    """Return the sections of one run; those of another run have the same blocks, in the same order."""
    return [
        Section("overview", "Overview", list(_overview(run))),
        Section("made", "What was made", list(_made(run))),
        Section("funnel", "From row to kept sample", list(_funnel(run))),
        Section("texts", "Questions and answers", list(_texts(run))),
        Section("known", "What is known of the images", list(_known(run))),
        Section("diversity", "Diversity", list(_diversity(run, measures))),
        Section("grounded", "Groundedness, leakage and labels", list(_grounded(run, measures))),
        Section("cost", "Cost, tokens and time", list(_cost(run))),
        Section("again", "To make it again", list(_again(run))),
    ]


def _overview(run: Figures) -> Iterator[Block]:
    rows = run.samples + run.rejected
    yield Facts(
        "In short",
        "",
        {
            "samples": f"{run.samples:,}",
            "questions with answers": f"{run.turns:,}",
            "images": f"{run.images:,}",
            "records": f"{run.records:,}",
            "rejected rows": f"{run.rejected:,} ({_percent(run.rejected / rows)})",
            "flagged samples": f"{run.flagged:,} ({_percent(run.flagged / max(1, run.samples))})",
            "near-duplicates": "not looked for"
            if run.near_duplicates is None
            else f"{run.near_duplicates:,} flagged",
            "reviewed by people": _reviewed(run),
            "models": ", ".join(run.models) or "none was asked",
            "cost": _money(run),
            "state": str(run.manifest.get("state", UNKNOWN)),
        },
    )


def _reviewed(run: Figures) -> str:
    if not run.reviewed:
        return "none"
    people = "1 person" if run.reviewers == 1 else f"{run.reviewers} people"
    counts = ", ".join(
        f"{run.reviewed.get(decision, 0):,} {word}"
        for decision, word in (("accept", "accepted"), ("edit", "edited"), ("reject", "rejected"))
    )
    return f"{sum(run.reviewed.values()):,} by {people}: {counts}"


def _made(run: Figures) -> Iterator[Block]:
    emotions = sorted({emotion for counts in run.kept.values() for emotion in counts})
    yield Chart(
        "Samples by emotion",
        "How many samples of each instruction type there are for each emotion.",
        emotions,
        {kind: [counts.get(emotion, 0) for emotion in emotions] for kind, counts in run.kept.items()},
        "samples",
        "stacked",
    )
    yield Chart(
        "Samples by split",
        "How many samples are of images that are held out.",
        list(run.splits),
        {"samples": list(run.splits.values())},
        "samples",
    )
    yield Table(
        "Where the values are from",
        "Records by the origin of each of their values.",
        ["value", "from", "records"],
        [
            [field, origin, count]
            for field, origins in run.origins.items()
            for origin, count in origins.items()
        ],
    )


def _funnel(run: Figures) -> Iterator[Block]:
    yield Chart(
        "What is left after each step",
        "A row is a record and an instruction type.",
        list(run.funnel),
        {"rows": list(run.funnel.values())},
        "rows",
    )
    shown = run.reasons[:REASONS]
    kinds = sorted({kind for reason in shown for kind in reason.by_type})
    yield Chart(
        "Why rows were rejected",
        "Rejections by reason and instruction type, the most frequent reasons.",
        [reason.reason for reason in shown],
        {kind: [reason.by_type.get(kind, 0) for reason in shown] for kind in kinds},
        "rows",
        "stacked",
    )
    flags = run.flags[:REASONS]
    yield Chart(
        "What kept samples are flagged for",
        "A check noticed something that does not reject.",
        [flag.reason for flag in flags],
        {"samples": [flag.count for flag in flags]},
        "samples",
    )


def _texts(run: Figures) -> Iterator[Block]:
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
        shown = dict(list(counted.items())[:REASONS])
        yield Chart(
            title, f"How many {unit} have so many turns.", list(shown), {unit: list(shown.values())}, unit
        )
    yield Table(
        "How questions begin",
        "The most frequent first two words, with their share of the kind's turns.",
        ["kind", "first words", "turns", "share"],
        [
            [kind, opening, count, _percent(count / run.words[kind]["question"].count)]
            for kind, openings in run.openings.items()
            if kind != "categorical"
            for opening, count in openings.items()
        ],
    )


def _known(run: Figures) -> Iterator[Block]:
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


def _diversity(run: Figures, measures: Measures) -> Iterator[Block]:
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
                _percent(found.questions),
            ]
            for kind, found in measures.diversity.items()
        ],
    )


def _grounded(run: Figures, measures: Measures) -> Iterator[Block]:
    scores = run.scores.get("ungrounded", {})
    yield Table(
        "Claims without support",
        "Of what samples claim of EmoSet's vocabularies (objects, scenes, expressions, actions), the share that "
        "neither caption nor attributes support; samples that claim nothing are left out.",
        ["type", "samples that claim", "unsupported claims, mean", "samples with any"],
        [
            [kind, spread.count, _percent(spread.mean), _percent(run.unsupported[kind])]
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


def _cost(run: Figures) -> Iterator[Block]:
    latency = run.latency_s
    rows = max(1, run.asked)
    yield Facts(
        "Cost and tokens",
        "Of rows for which a model was asked; corrections are counted in.",
        {
            "rows": f"{run.asked:,}",
            "cost": _money(run),
            "prompt tokens": f"{run.prompt_tokens:,} ({run.prompt_tokens / rows:,.0f} a row)",
            "answer tokens": f"{run.completion_tokens:,} ({run.completion_tokens / rows:,.0f} a row)",
            "rows with estimated tokens": f"{run.estimated:,}",
            "corrected rows": f"{run.corrected:,}",
            "seconds, median": f"{latency.median:.2f}" if latency else UNKNOWN,
            "seconds, 95%": f"{latency.p95:.2f}" if latency else UNKNOWN,
            "asked for as": _counts(run.formats),
            "ended by": _counts(run.finished),
        },
    )
    places = [part["rows"] for part in run.course]
    for title, key, unit in (
        ("Latency over the run", "latency_s", "seconds"),
        ("Answer length over the run", "answer_tokens", "tokens"),
    ):
        yield Chart(
            title,
            "Mean over equal parts of the kept rows, in the order in which they came.",
            places,
            {unit: [part[key] for part in run.course]},
            unit,
            "lines",
            "kept rows",
        )


def _again(run: Figures) -> Iterator[Block]:
    made = run.manifest
    facts = {
        "created": made.get("created"),
        "records": made.get("records"),
        "SHA-256 of the records": made.get("records_sha256"),
        "backend": made.get("backend"),
        "model asked for": made.get("model"),
        "model that answered": _counts(run.models),
        **{f"parameter {name}": value for name, value in _pairs(made, "parameters")},
        **{f"template of {name}": value for name, value in _pairs(made, "templates")},
        **{f"seed examples of {name}": value for name, value in _pairs(made, "seeds")},
        "seed": made.get("seed"),
        "git revision": made.get("git_revision"),
        **{f"version of {name}": value for name, value in _pairs(made, "versions")},
    }
    note = (
        "emogen generate --config RUN/run.json --out NEW makes the run again, and says what is not as it was."
    )
    yield Facts("Settings, hashes and versions", note, {name: _said(value) for name, value in facts.items()})


def _pairs(manifest: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    found = manifest.get(key)
    return list(found.items()) if isinstance(found, Mapping) else []


def _said(value: object) -> str:
    return UNKNOWN if value is None or value == "" else str(value)


def _money(run: Figures) -> str:
    if run.cost is None:
        return "unknown" if run.asked else "none"
    return f"{run.cost:,.4f}" + (f", without {run.unpriced:,} rows of unknown price" if run.unpriced else "")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items()) or "none"


def _percent(share: float) -> str:
    return f"{share:.1%}"


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
