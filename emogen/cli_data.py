"""What the commands that write a records file share: options, the writing, what is said of problems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emogen.completion import completion_of
from emogen.errors import CheckFailedError
from emogen.settings import RunSettings, setting_fields
from emogen.settings.reading import read_settings
from emogen.terminal import say, show_remarks

if TYPE_CHECKING:
    from emogen.dataset import Dataset
    from emogen.recording import Report

__all__ = [
    "CaptionsFile",
    "ImageRoot",
    "Labels",
    "Layout",
    "Location",
    "Metadata",
    "Out",
    "figures",
    "option",
    "settings_of",
    "show_captions",
    "show_labelling",
    "show_problems",
]

_FIELDS = {key[-1]: field for key, field in setting_fields()}


def option(name: str, **rules: Any) -> Any:
    """Return the option of a setting, with the setting's own description."""
    return typer.Option(
        f"--{name.removesuffix('_s').replace('_', '-')}",
        help=_FIELDS[name].description,
        autocompletion=completion_of(name),
        **rules,
    )


Location = Annotated[Path, typer.Argument(help=RunSettings.model_fields["records"].description)]
Out = Annotated[Path, typer.Option("--out", help="The records file to write (JSON Lines).")]
Layout = Annotated[str | None, option("source")]
ImageRoot = Annotated[Path | None, option("image_root")]
Metadata = Annotated[Path | None, option("metadata")]
CaptionsFile = Annotated[Path | None, option("captions")]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        help="Label set: a known name (mikels-8) or joy,anger,fear.",
        autocompletion=completion_of("labels"),
    ),
]


def settings_of(given: dict[str, Any], **groups: dict[str, Any]) -> RunSettings:
    """Validate what was given, with the option's name where something is wrong with it.

    Args:
        given: Setting → value; what is None was not given.
        groups: The same of the groups of settings (`data`, `model`).
    """
    said = {key: value for key, value in given.items() if value is not None}
    for group, values in groups.items():
        said[group] = {key: value for key, value in values.items() if value is not None}
    return read_settings(said, lambda key: f"--{key.rpartition('.')[2].replace('_', '-')}")


def show_captions(dataset: Dataset) -> None:
    """Say how many captions of a file of their own were joined."""
    if dataset.captions is not None:
        say(str(dataset.captions.counts))


def show_labelling(report: Report) -> None:
    """Say how many emotions no person has said, and how many records have none."""
    if report.labelled_by:
        models = ", ".join(f"{model} {count:,}" for model, count in report.labelled_by.most_common())
        say(f"{report.labelled_by.total():,} of the emotions are a model's word ({models})")
    without = sum(count for (_, emotion), count in report.counts.items() if emotion is None)
    if without:
        say(
            f"{without:,} of {report.written:,} records have no emotion: about these, no categorical question is asked"
        )


def figures(report: Report, out: Path) -> dict[str, object]:
    """Return what `--json` says of a records file that was written."""
    from emogen.recording import problems_file

    counts = [
        {"split": split, "emotion": emotion, "records": count}
        for (split, emotion), count in report.counts.items()
    ]
    left_out, lacking = report.problems.left_out, report.problems.lacking
    return {
        "out": out,
        "written": report.written,
        "counts": counts,
        "labelled_by_model": report.labelled_by,
        "missing_images": report.missing_images,
        "left_out": left_out,
        "lacking": lacking,
        "problems": problems_file(out) if left_out or lacking else None,
    }


def show_problems(report: Report, out: Path) -> None:
    """Print the first problems; where rows were left out, or nothing is written, the command has failed."""
    from emogen.recording import problems_file

    show_remarks(report.problems.lines())
    if left_out := report.problems.left_out:
        what = (
            f"{left_out:,} rows or images are not in {out}"
            if report.written
            else f"none of {left_out:,} rows or images can be used, and {out} is not written"
        )
        raise CheckFailedError(what, remedy=f"All are listed in {problems_file(out)}.")
    if not report.written:
        raise CheckFailedError("there is not a single record", where=out, remedy="Select more.")
    if report.problems.lacking:
        say(f"All remarks are listed in {problems_file(out)}.", err=True)
