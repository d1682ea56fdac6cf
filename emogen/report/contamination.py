"""Whether a run's images are also in the test lists that models are scored on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emogen.errors import InputError

__all__ = ["Overlap", "overlap_with"]

_SHOWN = 5


@dataclass(frozen=True)
class Overlap:
    """What a run has in common with one test list.

    Attributes:
        name: The list's file name.
        listed: How many images it lists.
        same_path: How many of these are the id, or the whole path but for its ending, of an image of the run.
        same_name: Images of the run that share only their file name with another listed one: in data sets whose
            files are called 1.jpg, 2.jpg, ... it says nothing.
        examples: Some of the first kind.
    """

    name: str
    listed: int
    same_path: int
    same_name: int
    examples: tuple[str, ...]


def overlap_with(test_list: Path, images: Iterable[str], ids: Iterable[str]) -> Overlap:
    """Compare a run with a list of test images, by their names.

    Args:
        test_list: A text file with an id or a path a line, as `emovit_train datasets ids` prints them.
        images: The run's image paths.
        ids: The run's record ids.

    Raises:
        InputError: the list cannot be read or is empty.
    """
    try:
        lines = test_list.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "cannot be read as text", where=test_list, remedy="Name a file with an id or a path a line."
        ) from error
    listed = {_plain(line) for line in lines if line.strip()}
    if not listed:
        raise InputError("lists nothing", where=test_list, remedy="Name a file with an id or a path a line.")
    ours = {_plain(path): path for path in (*ids, *images)}
    same = listed & ours.keys()
    names = {_name(path) for path in listed - same}
    by_name = sum(_name(path) in names for path in map(_plain, images))
    examples = sorted(ours[path] for path in same)[:_SHOWN]
    return Overlap(test_list.name, len(listed), len(same), by_name, tuple(examples))


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _plain(path: str) -> str:
    """Return a path without its ending, in lower case, with forward slashes."""
    pure = PurePosixPath(path.strip().replace("\\", "/").lower())
    is_image = pure.suffix in {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
    return str(pure.with_suffix("") if is_image else pure)
