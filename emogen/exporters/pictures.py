"""The image files that the samples are about: how rows name them, and whether they are there."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from emogen.errors import InputError, shorten
from emogen.exporters import Images, Problem
from emogen.exporters.image_bytes import file_begins_as_image
from emogen.exporters.images import check_image, image_path, is_plain_path
from emogen.image_file import shown_otherwise

__all__ = ["OddPictures", "Picture", "Pictures"]

# The samples of one record are seldom far from each other.
_REMEMBERED: Final = 1024


class Picture(NamedTuple):
    """One image as a record names it.

    Attributes:
        path: Relative to the image root, with forward slashes, without detours.
        name: How a row names it.
        faults: Why it cannot be exported.
    """

    path: str
    name: str
    faults: tuple[Problem, ...]


@dataclass
class OddPictures:
    """Images that programs which only convert them to RGB show otherwise than they are.

    Attributes:
        first: What they are → the first path of the kind.
    """

    first: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, set[int]] = field(default_factory=dict)

    def add(self, path: str, oddities: Iterable[str]) -> None:
        """Count an image, once."""
        for oddity in oddities:
            self.first.setdefault(oddity, path)
            self._seen.setdefault(oddity, set()).add(hash(path))

    def counts(self) -> Mapping[str, int]:
        """Return what they are → how many."""
        return {oddity: len(seen) for oddity, seen in self._seen.items()}


class Pictures:
    """The images of an export.

    Args:
        root: The folder that the records' paths start from.
        images: What is done with them.
        prefix: What comes before the name of an image that lies in the export.
        bare_names: Whether they are named by their file name alone.
        check: Whether each file is decoded whole.

    Attributes:
        images: See above.
        of: Returns the picture that a record names.
        odd: Where files are decoded, those that trainers see otherwise than they are.
    """

    def __init__(
        self, root: Path, images: Images, prefix: str, *, bare_names: bool, check: bool = False
    ) -> None:
        self._root = root
        self.images = images
        self._prefix = prefix if images in ("copy", "link") else ""
        self._bare_names = bare_names
        self._check = check
        self.odd = OddPictures()
        self.of: Callable[[str], Picture] = lru_cache(_REMEMBERED)(self._look)

    def file(self, path: str) -> Path:
        """Return the image file of a picture's path."""
        return self._root / path

    def placed(self, path: str) -> str:
        """Return where in the export the image of a picture's path lies."""
        return self._prefix + self._named(path)

    def _named(self, path: str) -> str:
        return posixpath.basename(path) if self._bare_names else path

    def _look(self, image: str) -> Picture:
        written = image_path(image)
        plain = is_plain_path(written)
        path = written if plain else posixpath.normpath(written)
        faults = () if plain else tuple(check_image(written))
        held = self.images != "reference"
        if not faults and (held or self._check):
            faults = tuple(self._check_file(path, shorten(repr(written), 60)))
        return Picture(path, self.placed(path) if held else self._named(written), faults)

    def _check_file(self, path: str, written: str) -> Iterator[Problem]:
        """Yield what is wrong with the file of an image."""
        file = self._root / path
        if not self._is_file(path):
            rule = f"must be a file that is there, not {written}"
            remedy = "Name the folder of the images by --image-root."
            if file.is_symlink():
                rule, remedy = f"{rule}, a link that leads nowhere", "Mend the link."
            yield Problem("image", rule, remedy)
        elif not file_begins_as_image(file):
            what = "does not begin as one" if file.stat().st_size else "is empty"
            yield Problem("image", f"must be an image, and {written} {what}", "Replace the file.")
        elif self._check:
            try:
                self.odd.add(path, shown_otherwise(file))
            except InputError as error:
                rule = f"must be decoded whole, and {written} is not: {error.what}"
                yield Problem("image", rule, error.remedy or "Replace the file.")

    def _is_file(self, path: str) -> bool:
        try:
            return (self._root / path).is_file()
        except OSError as error:
            raise InputError(
                f"cannot be looked at: {error.strerror}",
                where=self._root / path,
                remedy="Give the right to read it, or leave its record out.",
            ) from error
