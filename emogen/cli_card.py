"""`emogen card`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.errors import InputError
from emogen.terminal import progress, say

__all__ = ["card"]


def card(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write. Default: README.md in the run folder.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="What the data set is called. Default: the run folder's name."),
    ] = None,
    text_license: Annotated[
        str | None,
        typer.Option(
            "--text-license", help="Licence of the questions and answers: cc-by-nc-4.0, or in words."
        ),
    ] = None,
    image_license: Annotated[
        str | None, typer.Option("--image-license", help="Licence of the images.")
    ] = None,
    image_source: Annotated[
        str | None, typer.Option("--image-source", help="A sentence that says where the images are from.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="Of the texts, as ISO 639 calls it.")] = "en",
    test_ids: Annotated[
        list[Path] | None,
        typer.Option(
            "--test-ids",
            help="A list of test images to compare with, an id or a path a line. May be given several times.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Write a dataset card for the Hugging Face Hub, of a run's numbers."""
    from emogen.atomic import writable_folder, write_text
    from emogen.report.card import CardOptions, card_of
    from emogen.report.contamination import overlap_with
    from emogen.report.figures import figures_of
    from emogen.report.tally import tally
    from emogen.store import read_manifest

    place = out or run / "README.md"
    if place.is_dir():
        raise InputError("is a folder", where=place, remedy="Name a file.")
    if out is not None:
        writable_folder(out.parent)
    if place.exists() and not overwrite:
        raise InputError("is there already", where=place, remedy="Name another --out, or add --overwrite.")
    with progress("reading", None) as advance:
        counted = tally(run, advance=advance)
    figures = figures_of(run.resolve().name, counted, read_manifest(run))
    options = CardOptions(
        name=name or figures.name,
        text_license=text_license,
        image_license=image_license,
        image_source=image_source,
        language=language,
        overlaps=[overlap_with(path, counted.images, counted.records) for path in test_ids or ()],
    )
    write_text(place, card_of(figures, counted.example(), options))
    say(f"wrote {place}")
    for option, value in (("--text-license", text_license), ("--image-license", image_license)):
        if value is None:
            say(f"it states no licence: give {option}", err=True)
    if not test_ids:
        say("it says that the images were compared with no test list: give --test-ids", err=True)
