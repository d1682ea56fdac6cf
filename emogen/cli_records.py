"""`emogen records`: parse, call, print."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from emogen.cli_data import (
    CaptionsFile,
    ImageRoot,
    Labels,
    Layout,
    Location,
    Metadata,
    Out,
    figures,
    option,
    settings_of,
    show_captions,
    show_labelling,
    show_problems,
)
from emogen.cli_split import SplitBy, SplitSeed
from emogen.counting import counted
from emogen.terminal import AsJson, progress, say, show_json

if TYPE_CHECKING:
    from emogen.dataset import Dataset
    from emogen.recording import Report, SplitOf
    from emogen.schemas import ImageRecord

__all__ = ["records"]


SHOWN_DIFFERENCES: Final = 4
SPLITS: Final = ("train", "val", "test", None)


def records(
    data: Location,
    out: Out,
    source: Layout = None,
    metadata: Metadata = None,
    image_root: ImageRoot = None,
    captions: CaptionsFile = None,
    labels: Labels = None,
    preset: Annotated[str | None, option("preset")] = None,
    split: Annotated[str | None, option("split")] = None,
    class_rows: Annotated[str | None, option("class_rows")] = None,
    per_class: Annotated[int | None, option("per_class")] = None,
    sample: Annotated[str | None, option("sample")] = None,
    limit: Annotated[int | None, option("limit")] = None,
    selection_seed: Annotated[int | None, option("selection_seed")] = None,
    split_by: SplitBy = None,
    split_seed: SplitSeed = 0,
    as_json: AsJson = False,
) -> None:
    """Write a records file of a data set, or of a selection of it.

    The layout is recognised by what is there. Counts are printed, and what is wrong with the data.
    """
    from emogen.opening import dataset_of

    dataset = dataset_of(
        settings_of(
            {"records": data, "source": source, "labels": labels, "limit": limit},
            data={
                "metadata": metadata,
                "image_root": image_root,
                "captions": captions,
                "preset": preset,
                "split": split,
                "class_rows": class_rows,
                "per_class": per_class,
                "sample": sample,
                "selection_seed": selection_seed,
            },
        )
    )
    report = _write(dataset, out, _splitting(split_by, split_seed))
    say(f"wrote {counted(report.written, 'record')} → {out}")
    _show_counts(report.counts)
    show_labelling(report)
    _show_comparison(dataset)
    if report.missing_images:
        say(
            f"{report.missing_images:,} of the images are not there, the first is {report.first_missing}: text alone "
            "can be generated, but nothing trained",
            err=True,
        )
    if as_json:
        show_json({**figures(report, out), "differences": dataset.differences()})
    show_problems(report, out)


def _splitting(shares: str | None, seed: int) -> SplitOf | None:
    """Return what gives images a split that have none; None where they are to have none.

    Raises:
        InputError: the shares cannot be read.
    """
    if shares is None:
        return None
    from emogen.exporters.options import fractions
    from emogen.exporters.splits import split_of_image

    by = fractions(shares)
    return lambda file, path: split_of_image(file, path, by, seed)


def _write(dataset: Dataset, out: Path, split_of: SplitOf | None) -> Report:
    from emogen.recording import refuse_place, write_records

    refuse_place(dataset, out)
    with progress("reading", dataset.count()) as advance:

        def show(record: ImageRecord) -> None:
            advance(note=record.id)

        report = write_records(dataset, out, split_of=split_of, on_record=show)
    show_captions(dataset)
    return report


def _show_counts(counts: Counter[tuple[str | None, str | None]]) -> None:
    """Print a table of how many records there are of each emotion in each split."""
    splits = [split for split in SPLITS if any(key[0] == split for key in counts)]
    emotions = sorted({emotion for _, emotion in counts}, key=lambda name: (name is None, name or ""))
    numbers = {emotion: [counts[split, emotion] for split in splits] for emotion in emotions}
    totals = [sum(column) for column in zip(*numbers.values(), strict=True)]
    rows = [["", *(split or "no split" for split in splits), "all"]]
    for name, found in [
        *((emotion or "no label", numbers[emotion]) for emotion in emotions),
        ("all", totals),
    ]:
        rows.append([name, *(f"{number:,}" for number in [*found, sum(found)])])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        say("  ".join(["", row[0].ljust(widths[0]), *cells[1:]]))


def _show_comparison(dataset: Dataset) -> None:
    published, differences = dataset.source.published, dataset.differences()
    if published is None or differences is None:
        return
    total = sum(published.images.values())
    if not differences:
        say(f"the source is complete: {total:,} images, as published of {published.dataset}")
        return
    more = f" and {len(differences) - SHOWN_DIFFERENCES} more" if len(differences) > SHOWN_DIFFERENCES else ""
    say(
        f"the source is not {published.dataset} as published: {dataset.read.total():,} of {total:,} images; "
        f"{'; '.join(differences[:SHOWN_DIFFERENCES])}{more}",
        err=True,
    )
