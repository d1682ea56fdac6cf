"""The table, the picture and the file of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from examples.miniature.outcomes import TESTS, Outcome, difference, score

__all__ = ["markdown", "picture", "summary"]


def summary(
    arms: Mapping[str, Sequence[Outcome]], reference: str, baselines: Sequence[str]
) -> dict[str, Any]:
    """Return arm → test → scores, and how each arm differs from the reference and from the baselines on Test B.

    Args:
        arms: Arm → its outcomes in all tests, folds and seeds.
        reference: The arm that further types of data are compared with.
        baselines: Arms that others are compared with, too.
    """
    rows: dict[str, Any] = {}
    for name, outcomes in arms.items():
        tests = {test: [each for each in outcomes if each.test == test] for test in (*TESTS, "val")}
        rows[name] = {test: asdict(score(these)) for test, these in tests.items() if these}
        clear = [each for each in tests["B"] if not each.near_tie]
        rows[name]["B, near ties left out"] = asdict(score(clear))
        rows[name]["B minus"] = {
            other: difference([each for each in arms[other] if each.test == "B"], tests["B"])
            for other in (reference, *baselines)
            if other != name and other in arms
        }
    return rows


def markdown(rows: Mapping[str, Any], reference: str, probe: str) -> str:
    """Return the table in Markdown; intervals are 95%, by bootstrap over emoji."""
    head = [
        "tuned on",
        "drawings of B",
        "**B** accuracy",
        "B macro-F1",
        "B, no near ties",
        f"B minus {reference}",
        f"B minus {probe}",
    ]
    lines = ["| " + " | ".join([*head, "A", "C"]) + " |", "|" + "---|" * (len(head) + 2)]
    for name, tests in rows.items():
        cells = [
            name,
            str(tests["B"]["n"]),
            _with_interval(tests["B"]),
            f"{tests['B']['macro_f1']:.2f}",
            _with_interval(tests["B, near ties left out"]),
            *(_difference(tests["B minus"].get(other)) for other in (reference, probe)),
            _with_interval(tests["A"]),
            _with_interval(tests["C"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _with_interval(found: Mapping[str, float]) -> str:
    return f"{found['accuracy']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _difference(found: Sequence[float] | None) -> str:
    if found is None:
        return ""
    value, low, high = found
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f}){'' if low > 0 or high < 0 else ', within the interval'}"


def picture(rows: Mapping[str, Any], file: Path) -> None:
    """Draw each arm's accuracy in the three tests, with intervals."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(TESTS), figsize=(10, 3), sharex=True, sharey=True)
    names = list(rows)
    for axis, (test, meaning) in zip(axes, TESTS.items(), strict=True):
        for place, name in enumerate(names):
            found = rows[name][test]
            spread = [[found["accuracy"] - found["low"]], [found["high"] - found["accuracy"]]]
            axis.errorbar(found["accuracy"], place, xerr=spread, fmt="o", capsize=3, color=f"C{place}")
        axis.set_title(f"Test {test}: {meaning}", fontsize=9)
        axis.set_xlim(0, 1)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.supxlabel("accuracy, with 95% interval", fontsize=9)
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    plt.close(figure)
