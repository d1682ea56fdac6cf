"""`emogen import`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.completion import completion_of, names_in
from emogen.counting import counted
from emogen.errors import CheckFailedError
from emogen.terminal import AsJson, progress, say, show_counts, show_json, show_remarks

__all__ = ["import_file"]


def import_file(
    file: Annotated[Path, typer.Argument(help="A file, or the folder of an export, by whomever.")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="emovit, imagefolder, instructblip, lavis-llava, llava, messages, parquet, sharegpt, webdataset.",
            autocompletion=names_in("emogen.importers:IMPORTERS"),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The run folder to write.")],
    image_root: Annotated[
        Path | None,
        typer.Option("--image-root", help="Folder of the images. Default: the file's own."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="Label set: a known name (mikels-8) or joy,anger,fear. Default: by the questions.",
            autocompletion=completion_of("labels"),
        ),
    ] = None,
    checks: Annotated[
        bool, typer.Option("--checks", help="Reject or flag samples by the checks that generated ones pass.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a run of an instruction file that you have.

    It can then be checked, looked at, and written in another format. Images that are inside of the file are written
    into images/ of the run folder. What cannot become a sample goes to rejections.jsonl with its place and reason;
    the exit code is 1 then.
    """
    from emogen.checks.settings import DEFAULT_CHECKS
    from emogen.importers.reading import UNREADABLE, Importing
    from emogen.importers.run import import_run
    from emogen.labels import label_set
    from emogen.storage import refuse_address

    refuse_address(file, "What is imported")
    importing = Importing(file, format, label_set(labels) if labels else None)
    with progress("reading", None) as advance:
        report = import_run(
            importing,
            out,
            image_root=image_root or _image_root(file, format),
            checks=DEFAULT_CHECKS if checks else None,
            overwrite=overwrite,
            on_row=advance,
        )
    if as_json:
        show_json({"out": out, "kept": report.kept, "rejected": report.rejected})
    else:
        show_counts(report.kept, report.rejected)
    unreadable = report.rejected[UNREADABLE]
    show_remarks(report.unreadable)
    if unreadable > len(report.unreadable):
        say(f"  … and {unreadable - len(report.unreadable):,} more", err=True)
    if unreadable:
        raise CheckFailedError(
            f"{counted(unreadable, 'row')} could not be read as samples",
            where=file,
            remedy=f"They are in {out / 'rejections.jsonl'}.",
        )


def _image_root(file: Path, format: str) -> Path:
    """Return where the images of a file lie, as far as the file's own place tells."""
    folder = file if file.is_dir() else file.parent
    # Rows of EmoVIT's name images by their file names alone, so that an export with them has a folder of its own.
    inside = folder / "images"
    return inside if format == "emovit" and inside.is_dir() else folder
