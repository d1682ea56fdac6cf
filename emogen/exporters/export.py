"""From samples to files that a trainer reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from emogen.atomic import replacing_folder, replacing_path
from emogen.errors import CheckFailedError, EmovitError, InputError
from emogen.exporters import EXPORTERS, Problem
from emogen.exporters.drafting import Drafting
from emogen.exporters.form import MARK, form_of, refuse_to_replace
from emogen.exporters.index import find_clashes
from emogen.exporters.left_out import KEPT_PROBLEMS, LeftOut
from emogen.exporters.options import ExportOptions
from emogen.exporters.pictures import OddPictures, Pictures
from emogen.exporters.splits import assign_splits
from emogen.exporters.spool import spooling
from emogen.exporters.writing import Writing
from emogen.reviews import Heeding, Review, ReviewCounts
from emogen.schemas import Sample
from emogen.stored import StoredSample, StoredTurn

__all__ = ["KEPT_PROBLEMS", "ExportReport", "export"]


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        path: The file or folder, as named by the caller.
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

    path: Path
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
    out: Path,
    options: ExportOptions | None = None,
) -> ExportReport:
    """Write `samples` to `out`: the same bytes for the same samples, in whatever order they come.

    Rows follow record id, instruction and dialogue order, unless the format is read from one end to the other. A
    sample that breaks a rule of the consumer is left out whole and listed; text is never altered. The
    rows lie on the disk beside `out` meanwhile, and an index in the folder for temporary files.

    Args:
        samples: What a run kept.
        format: A name of `EXPORTERS`.
        out: The file or folder to write. It appears, or changes, only when all is written.
        options: What of the samples, and in which form.

    Raises:
        UnknownNameError: no such format, or it cannot have the form that is asked for.
        InputError: there are no samples, none is asked for, or `out` cannot be written.
        CheckFailedError: not one sample could be written; nothing is.
    """
    options = options or ExportOptions()
    exporter = EXPORTERS.get(format)()
    form = form_of(format, exporter, options)
    if form.folder:
        refuse_to_replace(out, overwrite=options.overwrite)
    pictures = Pictures(
        options.image_root,
        form.images,
        exporter.layout.image_prefix,
        bare_names=exporter.bare_names,
        check=options.check_images,
    )
    left_out = LeftOut()
    heeding = None
    if options.reviews is not None:
        heeding = Heeding(options.reviews, _edited, options.only_accepted)
    drafting = Drafting(exporter, options, form.turns, pictures, left_out, heeding)
    writing = Writing(exporter, options, form, pictures, left_out)
    draft: AbstractContextManager[Path] = replacing_folder(out) if form.folder else replacing_path(out)
    with draft as work, spooling(work if form.folder else work.parent) as spool:
        drafting.draft(samples, spool)
        if exporter.bare_names:
            find_clashes(spool.index)
        if options.split_by or not spool.is_unanimous:
            assign_splits(spool.index, pictures.file, options.split_by, options.split_seed)
        writing.write(spool, work, out)
        if not writing.written:
            raise _nothing_written(format, out, options, drafting, writing)
        if form.folder:
            exporter.layout.finish(work, writing.rows)
            (work / MARK).touch()
    return ExportReport(
        path=out,
        rows=dict(writing.rows),
        written=writing.written,
        not_asked=drafting.not_asked,
        other_splits=writing.other_splits,
        moved=writing.moved,
        left_out=left_out.samples,
        skipped=tuple(sorted(left_out.problems, key=lambda problem: problem.place)),
        reviewed=heeding.counts if heeding is not None else None,
        odd=pictures.odd,
    )


def _edited(sample: StoredSample, review: Review) -> StoredSample:
    turns = [StoredTurn(turn.question, turn.answer, turn.kind) for turn in review.turns]
    return StoredSample(sample.record, sample.instruction, turns, list(review.flags))


def _nothing_written(
    format: str, out: Path, options: ExportOptions, drafting: Drafting, writing: Writing
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
