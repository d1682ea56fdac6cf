"""The image files that the samples are about: how rows name them, whether they are there, and which are one."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emogen.errors import InputError, shorten
from emogen.exporters import Images, Problem
from emogen.exporters.image_bytes import file_begins_as_image
from emogen.exporters.images import check_image, image_path, is_plain_path
from emogen.schemas import Split

__all__ = ["Picture", "Pictures"]


@dataclass(slots=True, eq=False)
class Picture:
    """One image as the records name it.

    Attributes:
        path: Relative to the image root, with forward slashes, without detours.
        name: How a row names it.
        faults: Why it cannot be exported.
        own: The splits of its records, None among them where one has none.
        split: The split that it is exported in.
    """

    path: str
    name: str
    faults: tuple[Problem, ...]
    own: tuple[Split | None, ...] = ()
    split: Split = "train"


class Pictures:
    """All images of an export.

    Args:
        root: The folder that the records' paths start from.
        images: What is done with them.
        prefix: What comes before the name of an image that lies in the export.
        bare_names: Whether they are named by their file name alone.
    """

    def __init__(self, root: Path, images: Images, prefix: str, *, bare_names: bool) -> None:
        self._root = root
        self._images = images
        self._prefix = prefix if images in ("copy", "link") else ""
        self._bare_names = bare_names
        self._pictures: dict[str, Picture] = {}

    def of(self, image: str) -> Picture:
        """Return the picture that a record names."""
        picture = self._pictures.get(image)
        if picture is None:
            picture = self._pictures[image] = self._look(image)
        return picture

    def all(self) -> Iterable[Picture]:
        """Return every picture named so far."""
        return self._pictures.values()

    def file(self, picture: Picture) -> Path:
        """Return the image file."""
        return self._root / picture.path

    def settle_names(self) -> None:
        """Let no two images have one name: which of them has it would be a matter of chance."""
        if not self._bare_names:
            return
        paths: dict[str, set[str]] = defaultdict(set)
        for picture in self.all():
            paths[picture.name].add(picture.path)
        for picture in self.all():
            others = sorted(paths[picture.name] - {picture.path})
            if others:
                picture.faults = (*picture.faults, _shared(picture.name, others[0]))

    def _look(self, image: str) -> Picture:
        written = image_path(image)
        faults = [] if is_plain_path(written) else list(check_image(written))
        path = posixpath.normpath(written)
        if not faults and self._images != "reference" and not self._is_file(path):
            rule = f"must be a file that is there, not {shorten(repr(written), 60)}"
            faults.append(Problem("image", rule, "Name the folder of the images by --image-root."))
        if not faults and self._images == "embed" and not file_begins_as_image(self._root / path):
            rule = f"must be an image, and {shorten(repr(written), 60)} does not begin as one"
            faults.append(Problem("image", rule, "Replace the file."))
        name = written if self._images == "reference" else path
        if self._bare_names:
            name = posixpath.basename(name)
        return Picture(path, self._prefix + name, tuple(faults))

    def _is_file(self, path: str) -> bool:
        try:
            return (self._root / path).is_file()
        except OSError as error:
            raise InputError(
                f"cannot be looked at: {error.strerror}",
                where=self._root / path,
                remedy="Give the right to read it, or leave its record out.",
            ) from error


def _shared(name: str, other: str) -> Problem:
    rule = f"must have a file name of its own: {shorten(name, 40)} is that of {shorten(other, 40)} too"
    return Problem("image", rule, "Rename one of the files.")
