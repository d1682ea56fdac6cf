"""What an export becomes: a file or a folder, with which rows and where its images are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emogen.errors import InputError, UnknownNameError
from emogen.exporters import Exporter, Images, ShardLayout, Turns
from emogen.exporters.options import ExportOptions

__all__ = ["MARK", "Form", "form_of", "refuse_to_replace"]

# In every folder that an export made, so that the next one may replace it. Readers of folders skip hidden files.
MARK = ".emogen-export"


@dataclass(frozen=True)
class Form:
    """How one export is written.

    Attributes:
        turns: What a row holds.
        images: What is done with the images.
        folder: Whether it is a folder, with a part for each split; else it is one file.
    """

    turns: Turns
    images: Images
    folder: bool


def form_of(format: str, exporter: Exporter, options: ExportOptions) -> Form:
    """Return what the options make of a format.

    Raises:
        UnknownNameError: the format cannot have it so.
        InputError: it cannot be cut into shards.
    """
    layout = exporter.layout
    turns = options.turns or exporter.turns[0]
    if turns not in exporter.turns:
        raise UnknownNameError(f"kind of row in {format}", turns, exporter.turns, where="--turns")
    images = options.images or layout.images[0]
    if images not in layout.images:
        raise UnknownNameError(f"way to hold images in {format}", images, layout.images, where="--images")
    several_parts = options.split_by is not None and options.split == "all"
    if options.shard_rows is not None:
        several_parts = True
        if not isinstance(layout, ShardLayout):
            raise InputError(
                f"{format} has one file for each split, which cannot be cut into shards",
                where="--shard-rows",
                remedy="Leave it out, or choose another format.",
            )
    return Form(turns, images, layout.always_folder or several_parts or images in ("copy", "link"))


def refuse_to_replace(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds anything, unless it is an earlier export that may be replaced.

    Raises:
        InputError: with what to do.
    """
    try:
        if not out.is_dir() or not any(out.iterdir()):
            return
    except OSError as error:
        raise InputError(
            f"cannot be looked at: {error.strerror}", where=out, remedy="Name another folder."
        ) from error
    if not (out / MARK).is_file():
        raise InputError(
            "holds files that no export made", where=out, remedy="Name a folder that does not exist yet."
        )
    if not overwrite:
        raise InputError(
            "holds an earlier export", where=out, remedy="Name another folder, or replace it by --overwrite."
        )
