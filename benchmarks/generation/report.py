"""The result as a table: each target beside what was measured, met or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Line", "lines", "markdown"]


@dataclass(frozen=True)
class Line:
    """One line of the table; `met` is None where nothing was promised."""

    figure: str
    target: str
    measured: str
    met: bool | None


def lines(parts: dict[str, Any]) -> Iterator[Line]:
    """Yield the lines of the parts that were measured."""
    for name, make in (
        ("cpu", _cpu),
        ("startup", _start_up),
        ("memory", _memory),
        ("faults", _faults),
        ("full-server", _full_server),
        ("kills", _stops),
        ("interrupts", _stops),
    ):
        if name in parts:
            yield from make(parts[name])


def markdown(result: dict[str, Any]) -> str:
    """Return `results.md`."""
    verdict = {True: "met", False: "**missed**", None: ""}
    table = "\n".join(
        f"| {line.figure} | {line.target} | {line.measured} | {verdict[line.met]} |"
        for line in lines(result["parts"])
    )
    where = "\n".join(
        f"| {name} | {part['machine']['date']} | {part['machine']['revision']} | {part['machine']['load_before']} |"
        for name, part in result["parts"].items()
    )
    # Parts may be measured again one by one: all machines are named.
    machines = "\n".join(dict.fromkeys(_machine(part["machine"]) for part in result["parts"].values()))
    return (
        "# `emogen generate`, measured\n\n"
        "Written by `make bench-generation`; what each line means is in [the benchmarks' README](../README.md).\n"
        "Ratios compare two clients, or a client and its server's plan, in one run on one machine.\n\n"
        f"| figure | target | measured | |\n|---|---|---|---|\n{table}\n\n"
        f"{machines}\n\n"
        f"| part | date (UTC) | revision | load before |\n|---|---|---|---|\n{where}\n"
    )


def _machine(about: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    return (
        f"Machine: {about['cpu']}, {about['cores']} cores, {about['memory']}, {about['disk']}, {about['system']}. "
        f"Python {about['python']}; {packages}."
    )


def _cpu(part: dict[str, Any]) -> Iterator[Line]:
    emogen, bare = part["emogen"], part["bare"]
    yield Line(
        "CPU of one more row, beside bare aiohttp",
        "≤ 2 x",
        f"{part['ratio']} x ({emogen['cpu_ms_per_row']:.2f} and {bare['cpu_ms_per_row']:.2f} ms)",
        part["ratio"] <= 2 and not part["missing"],
    )
    yield Line(
        f"time of {part['rows'][-1]} rows (ideal {part['ideal_s']:.2f} s)",
        "",
        f"{emogen['wall_s']:.2f} s (bare {bare['wall_s']:.2f} s)",
        None,
    )


def _start_up(part: dict[str, Any]) -> Iterator[Line]:
    emogen, bare = part["emogen"]["cpu_s"], part["bare"]["cpu_s"]
    yield Line("CPU of one row", "≤ 0.6 s", f"{emogen:.2f} s (bare {bare:.2f} s)", emogen <= 0.6)


def _memory(part: dict[str, Any]) -> Iterator[Line]:
    emogen, bare = part["emogen"], part["bare"]
    for i, rows in enumerate(part["rows"]):
        peak = emogen["peak_mb"][i]
        yield Line(
            f"peak memory at {rows} rows",
            "≤ 80 MB" if i == 0 else "",
            f"{peak:.0f} MB (bare {bare['peak_mb'][i]:.0f} MB)",
            peak <= 80 if i == 0 else None,
        )
    growth = emogen["growth_kb_per_row"]
    yield Line(
        f"growth of it, {part['rows'][0]} to {part['rows'][-1]} rows",
        "≤ 0.2 kB a row",
        f"{growth:.2f} kB a row (bare {bare['growth_kb_per_row']:.2f})",
        growth <= 0.2 and not part["missing"],
    )


def _faults(part: dict[str, Any]) -> Iterator[Line]:
    yield _kept("rows kept from a faulty server", part)
    yield Line(
        "time of it, beside the least that its plan allows",
        "≤ 1.2 x",
        f"{part['ratio']} x ({part['wall_s']:.1f} of {part['least_s']:.1f} s; "
        f"with foresight {part['bound_s']:.1f} s)",
        part["ratio"] <= 1.2 and part["kept"] == part["rows"],
    )
    yield Line("repeats before the server allowed them", "0", str(part["too_early"]), part["too_early"] == 0)


def _full_server(part: dict[str, Any]) -> Iterator[Line]:
    yield _kept(f"rows kept from a server that holds {part['capacity']}, {part['in_flight']} in flight", part)
    yield Line(
        "time of it, beside the ideal",
        "≤ 1.6 x",
        f"{part['ratio']} x ({part['wall_s']:.2f} of {part['ideal_s']:.2f} s)",
        part["ratio"] <= 1.6 and part["kept"] == part["rows"],
    )
    yield Line("429s of it", "< 300", str(part["refused_429"]), part["refused_429"] < 300)


def _stops(part: dict[str, Any]) -> Iterator[Line]:
    trials = len(part["trials"])
    stopped = sum(trial["exit_code"] != 0 for trial in part["trials"])
    name = f"{part['signal']} at {trials} moments ({stopped} before the end)"
    # Without a journal nothing was committed, and nothing can be said to be kept.
    kept = part["lost"] == 0 and part["committed"] > 0
    yield Line(f"{name}: committed answers lost", "0", f"{part['lost']} of {part['committed']}", kept)
    yield Line(f"{name}: rows twice", "0", str(part["duplicates"]), part["duplicates"] == 0)
    whole = not (part["missing"] or part["failed_resumes"])
    yield Line(f"{name}: rows missing after the resume", "0", str(part["missing"]), whole)
    most, allowed = part["paid_twice_at_most"], part["in_flight"]
    within = most <= allowed and part["committed_and_asked_again"] == 0
    yield Line(f"{name}: answers paid twice, at most", f"≤ {allowed} in flight", str(most), within)


def _kept(figure: str, part: dict[str, Any]) -> Line:
    return Line(figure, f"{part['rows']}", f"{part['kept']}", part["kept"] == part["rows"])
