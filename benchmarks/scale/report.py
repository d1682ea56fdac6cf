"""The table of what Ray adds."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["markdown"]

LOCAL: Final = "local"
LARGE: Final = 200_000
MOST_SHARE: Final = 0.25
MOST_FIXED_S: Final = 15.0


def markdown(result: dict[str, Any]) -> str:
    """Return the results as a page."""
    parts = sorted(result["parts"].values(), key=lambda part: int(part["rows"]))
    lines = [
        "# What Ray adds to a run",
        "",
        "Made by `make bench-scale`; what is measured and how: [benchmarks](../README.md#beyond-one-machine). "
        "CPU is that of all processes that the command started, Ray's own among them, its start and end "
        "included; where there are several runs of an arm, these are means.",
        "",
        "| rows | engine | wall s | of these asking | CPU s | CPU beside local | memory MB | refused (429) "
        "| paid again | missing, twice |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for part in parts:
        arms = _arms(part)
        for arm, mean in arms.items():
            beside = mean["cpu_s"] / arms[LOCAL]["cpu_s"]
            lines.append(
                f"| {part['rows']:,} | {arm} | {mean['wall_s']:.1f} | {mean['asking_s']:.1f} | {mean['cpu_s']:.1f} | "
                f"{beside:.2f} | {mean['peak_mb']:.0f} | {mean['refused']:.0f} | {mean['paid_again']:.0f} | "
                f"{part['rows'] - mean['rows']:.0f}, {mean['twice']:.0f} |"
            )
    lines += ["", *_targets(parts), "", *_conditions(parts)]
    return "\n".join(lines) + "\n"


def _arms(part: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the means of each arm's runs."""
    arms: dict[str, list[dict[str, Any]]] = {}
    for run in part["runs"]:
        arms.setdefault(run["arm"], []).append(run)
    return {
        arm: {
            name: sum(run[name] for run in runs) / len(runs)
            for name in runs[0]
            if name not in ("arm", "cpu_by_process_s")
        }
        for arm, runs in arms.items()
    }


def _targets(parts: list[dict[str, Any]]) -> list[str]:
    smallest, largest = parts[0], parts[-1]
    lines = ["| target | measured | |", "|---|---|---|"]
    for arm in [arm for arm in _arms(smallest) if arm != LOCAL]:
        told = f"| {arm}: at most {MOST_FIXED_S:.0f} s more for {smallest['rows']:,} rows |"
        fixed_s = _arms(smallest)[arm]["wall_s"] - _arms(smallest)[LOCAL]["wall_s"]
        if smallest["side_by_side"]:
            lines.append(f"{told} not measured: all engines ran at the same time | |")
        else:
            lines.append(f"{told} {fixed_s:.1f} s | {_word(fixed_s <= MOST_FIXED_S)} |")
        told = f"| {arm}: at most {MOST_SHARE:.0%} more CPU for {LARGE:,} rows |"
        if largest["rows"] != LARGE or arm not in _arms(largest):
            lines.append(f"{told} not run | |")
        else:
            share = _arms(largest)[arm]["cpu_s"] / _arms(largest)[LOCAL]["cpu_s"] - 1
            lines.append(f"{told} {share:.0%} | {_word(share <= MOST_SHARE)} |")
    return lines


def _word(met: bool) -> str:
    return "met" if met else "missed"


def _conditions(parts: list[dict[str, Any]]) -> list[str]:
    lines = []
    for part in parts:
        on = part["machine"]
        lines.append(
            f"- {part['rows']:,} rows: {on['date']}, {on['cpu']}, {on['cores']} cores, load "
            f"{on['load_before']} before; {part['in_flight']} in flight in all, {part['workers']} workers, "
            f"answers after {part['latency_ms']:g} ms; {'all engines at the same time; ' * part['side_by_side']}"
            f"revision {on['revision']}. {part.get('remark', '')}".rstrip()
        )
    return lines
