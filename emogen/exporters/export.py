"""From samples to files that a trainer reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emogen.errors import CheckFailedError, EmovitError, InputError
from emogen.exporters import EXPORTERS, Problem, ShardLayout
from emogen.exporters.drafting import Drafting, drafting_of
from emogen.exporters.form import MARK, form_of
from emogen.exporters.hands import Hands, Here
from emogen.exporters.index import find_clashes
from emogen.exporters.left_out import KEPT_PROBLEMS
from emogen.exporters.options import ExportOptions
from emogen.exporters.outlet import outlet_to
from emogen.exporters.pictures import OddPictures
from emogen.exporters.splits import assign_splits
from emogen.exporters.spool import spooling
from emogen.exporters.writing import Writing
from emogen.reviews import ReviewCounts
from emogen.schemas import Sample
from emogen.storage import address_of, refuse_address
from emogen.stored import StoredSample

__all__ = ["KEPT_PROBLEMS", "ExportReport", "export", "export_by"]


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        path: The file or folder, or its address.
        rows: Rows written, by split; one file holds those of all splits asked for.
        written: Samples written, each with all its rows.
        not_asked: Samples of other instruction types, or with flags that are dropped.
        other_splits: Samples of other splits than the one asked for.
        moved: Samples that went into another split than their record says, because another record of the same
            image is held out.
        left_out: Samples that the consumer could not read.
        skipped: Why: at least one problem for each sample left out; the first `KEPT_PROBLEMS` that were met.
        reviewed: What people's decisions came to; None where they were not heeded.
        odd: Images that trainers see otherwise than they are, where images were decoded.
    """

    path: Path | str
    rows: Mapping[str, int]
    written: int
    not_asked: int
    other_splits: int
    moved: int
    left_out: int
    skipped: tuple[Problem, ...]
    reviewed: ReviewCounts | None = None
    odd: OddPictures = field(default_factory=OddPictures)


def export(
    samples: Iterable[Sample] | Iterable[StoredSample],
    format: str,
    out: Path | str,
    options: ExportOptions | None = None,
) -> ExportReport:
    """Write `samples` to `out`: the same bytes for the same samples, in whatever order they come.

    Rows follow record id, instruction and dialogue order, unless the format is read from one end to the other. A
    sample that breaks a rule of the consumer is left out whole and listed; text is never altered. The
    rows lie on the disk beside `out` meanwhile, and an index in the folder for temporary files.

    Args:
        samples: What a run kept.
        format: A name of `EXPORTERS`.
        out: The file or folder to write, or its address in a store (`s3://bucket/x`). On a disk it appears, or
            changes, only when all is written.
        options: What of the samples, and in which form.

    Raises:
        UnknownNameError: no such format, or it cannot have the form that is asked for.
        InputError: there are no samples, none is asked for, or `out` cannot be written.
        CheckFailedError: not one sample could be written; nothing is.
    """
    return export_by(Here(samples), format, out, options)


def export_by(
    hands: Hands, format: str, out: Path | str, options: ExportOptions | None = None
) -> ExportReport:
    """Write what `hands` draft; otherwise as `export`."""
    options = options or ExportOptions()
    exporter = EXPORTERS.get(format)()
    form = form_of(format, exporter, options)
    if form.images == "link":
        refuse_address(out, "An export whose images are links")
    layout = exporter.layout
    drafting = drafting_of(exporter, options, form.turns, form.images)
    pictures, left_out = drafting.pictures, drafting.left_out
    writing = Writing(exporter, options, form, pictures, left_out, hands)
    with outlet_to(out, folder=form.folder, overwrite=options.overwrite) as outlet:
        work = outlet.work
        with spooling(work if form.folder else work.parent) as spool:
            hands.draft(drafting, spool)
            if exporter.bare_names:
                find_clashes(spool.index)
            if options.split_by or not spool.is_unanimous:
                assign_splits(spool.index, pictures.file, options.split_by, options.split_seed)
            writing.write(spool, outlet, Path(out))
        if not writing.written:
            raise _nothing_written(format, out, options, drafting, writing)
        if form.folder:
            if options.shard_rows is not None:
                assert isinstance(layout, ShardLayout), "`form_of` refuses the others"
                layout.finish_shards(work, writing.rows)
            else:
                layout.finish(work, writing.rows)
            (work / MARK).touch()
    return ExportReport(
        path=address_of(out) or Path(out),
        rows=dict(writing.rows),
        written=writing.written,
        not_asked=drafting.not_asked,
        other_splits=writing.other_splits,
        moved=writing.moved,
        left_out=left_out.samples,
        skipped=tuple(sorted(left_out.problems, key=lambda problem: problem.place)),
        reviewed=drafting.heeding.counts if drafting.heeding is not None else None,
        odd=pictures.odd,
    )


def _nothing_written(
    format: str, out: Path | str, options: ExportOptions, drafting: Drafting, writing: Writing
) -> EmovitError:
    """Return why there is nothing to write."""
    left_out = drafting.left_out
    if left_out.samples:
        return CheckFailedError(
            f"not one of {left_out.samples} samples can be written as {format}; the first: {left_out.problems[0]}",
            where=out,
            remedy="Nothing was written.",
        )
    if writing.other_splits:
        return InputError(f"no sample is in the split {options.split!r}", remedy="Try --split all.")
    if drafting.not_asked:
        return InputError(
            f"none of {drafting.met} samples is of the types and flags asked for",
            remedy="Try without --types and --flags.",
        )
    if drafting.heeding is not None and drafting.met:
        return drafting.heeding.nothing_left(drafting.met)
    return InputError("no samples to export", remedy="Generate some first, or name another run.")
