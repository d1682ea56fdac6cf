"""Captions from a file of their own, joined to records by the image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emogen.errors import InputError, shorten
from emogen.schemas import ImageRecord
from emogen.sources.caption_file import caption_pairs

__all__ = ["CaptionCounts", "Captions"]


@dataclass
class CaptionCounts:
    """What came of joining.

    Attributes:
        joined: Records that got a caption from the file.
        replaced: Those of them whose own caption, another one, gave way to it.
        missed: Records that the file has no caption for; they keep the caption that they had, if any.
        missed_first: The id of the first of them.
        repeated: Captions of the file that are not used, since an earlier one was for the same image.
    """

    joined: int = 0
    replaced: int = 0
    missed: int = 0
    missed_first: str | None = None
    repeated: int = 0

    def __str__(self) -> str:
        parts = [f"{self.joined:,} joined"]
        parts += [f"{self.replaced:,} of them in place of another"] if self.replaced else []
        parts += (
            [f"{self.missed:,} records have none, the first {self.missed_first!r}"] if self.missed else []
        )
        parts += [f"{self.repeated:,} repeated in the file and not used"] if self.repeated else []
        return f"captions: {', '.join(parts)}"


class Captions:
    """The captions of a file, each found by the name that the file has it under.

    A record is looked up by its id, then by the path of its image, with and without the suffix, and then by as much
    of the path as both have: `awe_00012`, `awe_00012.jpg` and `awe/awe_00012.jpg` all fit the image
    `image/awe/awe_00012.jpg`. A name that fits two images in this last way is an error: nobody would notice.

    Args:
        path: A file that `emogen.sources.caption_file.caption_pairs` reads.

    Raises:
        InputError: it cannot be read, or holds no caption.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_name: dict[str, str] = {}
        self._repeated = 0
        for name, caption in caption_pairs(path):
            plain = _plain(name)
            self._repeated += plain in self._by_name
            self._by_name.setdefault(plain, caption)
        # File name without its suffix → the names that have it, made when the first record asks for it.
        self._by_stem: dict[str, tuple[str, ...]] | None = None
        # Name → the image that has its caption.
        self._given: dict[str, str] = {}
        self.counts = CaptionCounts(repeated=self._repeated)

    def __len__(self) -> int:
        """Return the number of captions that can be joined."""
        return len(self._by_name)

    def join(self, records: Iterable[ImageRecord]) -> Iterator[ImageRecord]:
        """Yield the records with their captions, counting anew what comes of it.

        Raises:
            InputError: one caption fits two images.
        """
        counts = self.counts = CaptionCounts(repeated=self._repeated)
        self._given.clear()
        for record in records:
            name = self._name_of(record)
            if name is None:
                counts.missed += 1
                counts.missed_first = counts.missed_first or record.id
                yield record
                continue
            caption = self._by_name[name]
            counts.joined += 1
            counts.replaced += record.caption not in (None, caption)
            yield record.model_copy(
                update={"caption": caption, "origin": {**record.origin, "caption": "captions"}}
            )

    def _name_of(self, record: ImageRecord) -> str | None:
        image = _plain(record.image)
        for name in (record.id, image, _without_suffix(image)):
            if name in self._by_name:
                return self._claim(name, image)
        if self._by_stem is None:
            self._by_stem = _index(self._by_name)
        path = _without_suffix(image)
        fitting = [
            name for name in self._by_stem.get(_stem(path), ()) if _same_end(_without_suffix(name), path)
        ]
        if len(fitting) > 1:
            raise self._unclear(f"{fitting[0]!r} and {fitting[1]!r} both fit the image {record.image!r}")
        return self._claim(fitting[0], image) if fitting else None

    def _claim(self, name: str, image: str) -> str:
        other = self._given.setdefault(name, image)
        if other != image:
            raise self._unclear(f"{shorten(name)!r} fits both {other!r} and {image!r}")
        return name

    def _unclear(self, what: str) -> InputError:
        return InputError(
            what, where=self._path, remedy="Name the images by their whole paths, or by the records' ids."
        )


_LONGEST_SUFFIX: Final = len("jpeg")


def _plain(name: str) -> str:
    return name.strip().replace("\\", "/").removeprefix("./")


def _without_suffix(name: str) -> str:
    """Return a name without what stands behind its last dot, where that is short and of letters (`2345.1` stays)."""
    stem, dot, suffix = name.rpartition(".")
    short = dot and stem and len(suffix) <= _LONGEST_SUFFIX and suffix.isalpha()
    return stem if short else name


def _stem(path: str) -> str:
    return path.rpartition("/")[2]


def _index(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        stem = _stem(_without_suffix(name))
        found[stem] = (*found.get(stem, ()), name)
    return found


def _same_end(one: str, other: str) -> bool:
    """Return whether one path is the end of the other, whole folders at a time."""
    short, long = sorted((one, other), key=len)
    return long == short or long.endswith(f"/{short}")
