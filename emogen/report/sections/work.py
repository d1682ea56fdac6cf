"""What the work took, and what it takes to do it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from emogen.counting import counted
from emogen.report.blocks import Block, Facts
from emogen.report.charts import Chart
from emogen.report.figures import Figures
from emogen.report.sections.pace import pace, pauses, when
from emogen.report.sections.wording import UNKNOWN, money, with_counts

__all__ = ["again", "cost"]


def cost(run: Figures) -> Iterator[Block]:
    """Yield cost, tokens and seconds, and how they went over the run."""
    latency = run.latency_s
    rows = max(1, run.asked)
    yield Facts(
        "Cost and tokens",
        "Of rows for which a model was asked; corrections are counted in.",
        {
            "rows": f"{run.asked:,}",
            "cost": money(run),
            "prompt tokens": f"{run.prompt_tokens:,} ({run.prompt_tokens / rows:,.0f} a row)",
            "answer tokens": f"{run.completion_tokens:,} ({run.completion_tokens / rows:,.0f} a row)",
            "rows with estimated tokens": f"{run.estimated:,}",
            "corrected rows": f"{run.corrected:,}",
            "answered": when(run),
            "at an unknown time": counted(run.pace.unknown, "row"),
            "pauses": pauses(run),
            "seconds, median": f"{latency.median:.2f}" if latency else UNKNOWN,
            "seconds, 95%": f"{latency.p95:.2f}" if latency else UNKNOWN,
            "asked for as": with_counts(run.formats),
            "ended by": with_counts(run.finished),
        },
    )
    yield from pace(run)
    yield Chart(
        "Answer length over the run",
        "Mean over equal parts of the kept rows, in the order in which they came.",
        [part["rows"] for part in run.course],
        {"tokens": [part["answer_tokens"] for part in run.course]},
        "tokens",
        "lines",
        "kept rows",
    )


def again(run: Figures) -> Iterator[Block]:
    """Yield settings, hashes and versions."""
    made = run.manifest
    facts = {
        "created": made.get("created"),
        "records": made.get("records"),
        "SHA-256 of the records": made.get("records_sha256"),
        "backend": made.get("backend"),
        "model asked for": made.get("model"),
        "model that answered": with_counts(run.models),
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
