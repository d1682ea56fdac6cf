"""From samples to a file that a trainer reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emogen.atomic import replacing
from emogen.errors import CheckFailedError, InputError, shorten
from emogen.exporters import EXPORTERS, Exporter, Problem, Row
from emogen.exporters.json_list import JsonListWriter
from emogen.exporters.row_check import RowCheck
from emogen.schemas import Sample

__all__ = ["ExportReport", "export"]


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        path: The file, as named by the caller.
        rows: Rows in the file.
        written: Samples in the file, each with all its rows.
        left_out: Samples that are not in the file, because the consumer could not read them.
        skipped: Why: at least one problem for each sample left out, in the file's order.
    """

    path: Path
    rows: int
    written: int
    left_out: int
    skipped: tuple[Problem, ...]


def export(samples: Iterable[Sample], format: str, out: Path) -> ExportReport:
    """Write `samples` to `out`: the same bytes for the same samples, in whatever order they come.

    Rows follow record id, instruction and dialogue order. A sample that breaks a rule of the consumer is left
    out whole and listed; text is never altered. All samples are in memory meanwhile: they have to be sorted.

    Args:
        samples: What a run kept.
        format: A name of `EXPORTERS`.
        out: The file to write or replace. It appears, or changes, only when all is written.

    Raises:
        UnknownNameError: no such format.
        InputError: there are no samples, or `out` cannot be written.
        CheckFailedError: not one sample could be written; nothing is.
    """
    exporter = EXPORTERS.get(format)()
    ordered = sorted(samples, key=_order)
    if not ordered:
        raise InputError("no samples to export", remedy="Generate some first, or name another run.")
    skipped: list[Problem] = []
    written = 0
    with replacing(out) as file:
        writer = JsonListWriter(file)
        for rows, problems in _checked(ordered, exporter):
            skipped += problems
            written += not problems
            for row in () if problems else rows:
                writer.add(row)
        writer.close()
        if not written:
            raise _nothing_fits(format, out, skipped, len(ordered))
    return ExportReport(out, writer.rows, written, len(ordered) - written, tuple(skipped))


def _order(sample: Sample) -> tuple[object, ...]:
    """Return what samples are sorted by; of two with one id, the text decides which comes first."""
    turns = tuple((turn.question, turn.answer) for turn in sample.turns)
    return sample.record.id, sample.instruction, sample.record.image, turns


def _checked(ordered: Iterable[Sample], exporter: Exporter) -> Iterator[tuple[list[Row], list[Problem]]]:
    """Yield each sample's rows with what is wrong with them."""
    check = RowCheck(exporter)
    last_kept: tuple[str, str] | None = None
    for sample in ordered:
        rows = list(exporter.rows(sample))
        places = _places(sample, len(rows))
        problems = [p for row, place in zip(rows, places, strict=True) for p in check.problems(row, place)]
        if (sample.record.id, sample.instruction) == last_kept:
            problems = [_repeated(sample)]
        if not problems:
            last_kept = (sample.record.id, sample.instruction)
            for row, place in zip(rows, places, strict=True):
                check.remember(row, place)
        yield rows, problems


def _places(sample: Sample, rows: int) -> list[str]:
    name = shorten(sample.id)
    return [name] if rows == 1 else [f"{name} (turn {turn + 1} of {rows})" for turn in range(rows)]


def _repeated(sample: Sample) -> Problem:
    rule = "must occur once: another sample of the same record and instruction is in the file"
    return Problem(
        "id", rule, "Give each record its own id, or export one run at a time.", shorten(sample.id)
    )


def _nothing_fits(format: str, out: Path, skipped: Sequence[Problem], samples: int) -> CheckFailedError:
    return CheckFailedError(
        f"not one of {samples} samples can be written as {format}; the first: {skipped[0]}",
        where=out,
        remedy="Nothing was written.",
    )
