"""How numbers are written out in a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emogen.report.figures import Figures

__all__ = ["UNKNOWN", "money", "percent", "with_counts"]

UNKNOWN: Final = "unknown"


def percent(share: float) -> str:
    """Return a share of 1 in per cent."""
    return f"{share:.1%}"


def with_counts(counts: Mapping[str, int]) -> str:
    """Return names with how often each came."""
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items()) or "none"


def money(run: Figures) -> str:
    """Return what a run cost, in the currency of its prices."""
    if run.cost is None:
        return UNKNOWN if run.asked else "none"
    return f"{run.cost:,.4f}" + (f", without {run.unpriced:,} rows of unknown price" if run.unpriced else "")
