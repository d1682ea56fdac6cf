"""`emogen records` and `emogen describe`: parse, call, print."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from emogen.errors import CheckFailedError
from emogen.settings import DataSettings, RunSettings
from emogen.settings.reading import read_settings
from emogen.terminal import progress, say, show_remarks

if TYPE_CHECKING:
    from emogen.dataset import Dataset
    from emogen.recording import Description, Report
    from emogen.schemas import ImageRecord

__all__ = ["describe", "records"]


def _option(name: str, **rules: Any) -> Any:
    """Return the option of a setting, with the setting's own description."""
    fields = RunSettings.model_fields | DataSettings.model_fields
    help = fields[name].description
    return typer.Option(f"--{name.replace('_', '-')}", help=help, **rules)


Location = Annotated[Path, typer.Argument(help=RunSettings.model_fields["records"].description)]
Out = Annotated[Path, typer.Option("--out", help="The records file to write (JSON Lines).")]
Layout = Annotated[str | None, _option("source")]
Metadata = Annotated[Path | None, _option("metadata")]
CaptionsFile = Annotated[Path | None, _option("captions")]
Labels = Annotated[
    str | None, typer.Option("--labels", help="Label set: a known name (mikels-8) or joy,anger,fear.")
]
SHOWN_DIFFERENCES: Final = 4
SPLITS: Final = ("train", "val", "test", None)


def records(
    data: Location,
    out: Out,
    source: Layout = None,
    metadata: Metadata = None,
    captions: CaptionsFile = None,
    labels: Labels = None,
    preset: Annotated[str | None, _option("preset")] = None,
    split: Annotated[str | None, _option("split")] = None,
    class_rows: Annotated[str | None, _option("class_rows")] = None,
    per_class: Annotated[int | None, _option("per_class")] = None,
    sample: Annotated[str | None, _option("sample")] = None,
    limit: Annotated[int | None, _option("limit")] = None,
    selection_seed: Annotated[int | None, _option("selection_seed")] = None,
) -> None:
    """Write the records of a data set in any known layout, all of them or a selection, with their counts."""
    from emogen.opening import dataset_of

    dataset = dataset_of(
        _settings(
            {"records": data, "source": source, "labels": labels, "limit": limit},
            metadata=metadata,
            captions=captions,
            preset=preset,
            split=split,
            class_rows=class_rows,
            per_class=per_class,
            sample=sample,
            selection_seed=selection_seed,
        )
    )
    report = _write(dataset, out, None, "reading")
    say(f"wrote {report.written:,} records → {out}")
    _show_counts(report.counts)
    _show_comparison(dataset)
    if report.missing_images:
        say(
            f"{report.missing_images:,} of the images are not there, the first is {report.first_missing}: text alone "
            "can be generated, but nothing trained",
            err=True,
        )
    _show_problems(report, out)


def describe(
    data: Location,
    out: Out,
    source: Layout = None,
    metadata: Metadata = None,
    captions: CaptionsFile = None,
    labels: Labels = None,
    objects: Annotated[
        bool,
        typer.Option("--objects/--no-objects", help="Name objects with EfficientNet-Lite0 (needs torch)."),
    ] = True,
) -> None:
    """Describe images: measure them, name their objects, join what you know, write records."""
    from emogen.opening import dataset_of
    from emogen.recording import Description

    given = {"records": data, "source": source, "labels": labels}
    dataset = dataset_of(_settings(given, metadata=metadata, captions=captions))
    report = _write(dataset, out, Description(objects), "describing")
    rows = report.written + report.problems.left_out
    say(f"described {report.written:,} of {rows:,} images → {out}")
    _show_problems(report, out)


def _settings(given: dict[str, Any], **data: Any) -> RunSettings:
    """Validate what was given, with the option's name where something is wrong with it."""
    said = {key: value for key, value in given.items() if value is not None}
    said["data"] = {key: value for key, value in data.items() if value is not None}
    return read_settings(said, lambda key: f"--{key.rpartition('.')[2].replace('_', '-')}")


def _write(dataset: Dataset, out: Path, description: Description | None, doing: str) -> Report:
    from emogen.recording import refuse_place, write_records

    refuse_place(dataset, out)
    with progress(doing, dataset.count()) as advance:

        def show(record: ImageRecord) -> None:
            advance(note=record.id)

        report = write_records(dataset, out, description=description, on_record=show)
    if dataset.captions is not None:
        say(str(dataset.captions.counts))
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


def _show_problems(report: Report, out: Path) -> None:
    """Print the first problems; where rows were left out, or nothing is written, the command has failed."""
    from emogen.recording import problems_file

    show_remarks(report.problems.lines())
    if report.problems.left_out:
        raise CheckFailedError(
            f"{report.problems.left_out:,} rows or images are not in {out}",
            remedy=f"All are listed in {problems_file(out)}.",
        )
    if not report.written:
        raise CheckFailedError("there is not a single record", where=out, remedy="Select more.")
    if report.problems.lacking:
        say(f"All remarks are listed in {problems_file(out)}.", err=True)
