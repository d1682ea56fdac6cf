"""What tells whether two image files show the same: their bytes, and how the picture looks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emogen.errors import InputError
from emogen.image_file import decode_rgb
from emogen.registry import require
from emogen.terminal import progress
from emovit_train.evaluation.look_cache import LookCache, look_cache

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Hashed", "hash_images", "looks_like", "nearest"]

# Enough for a hash of 32 x 32 pixels; JPEG files are then decoded several times faster.
_AT_LEAST: Final = (128, 128)
THREADS: Final = 4
# A picture of one colour has no structure to compare: all such pictures would be alike.
_FLAT: Final = 8
# Pairs per block of the comparison: 64 MB of distances.
_BLOCK: Final = 2**23


@dataclass(frozen=True)
class Hashed:
    """One image file.

    Attributes:
        id: Of the image in its data set.
        path: The file.
        sha256: Of its bytes; empty where it cannot be read.
        look: 64 bits that are alike where pictures look alike; None where there is nothing to compare.
    """

    id: str
    path: Path
    sha256: str = ""
    look: int | None = None


def hash_images(images: Sequence[tuple[str, Path]], what: str) -> list[Hashed]:
    """Return the hashes of each (id, file), in order; a picture that was hashed before is not decoded again.

    Args:
        images: Ids with their files; those that cannot be read get no hashes.
        what: What they are, for the progress.

    Raises:
        MissingExtraError: ImageHash is not installed.
    """
    require("imagehash", extra="evaluate", purpose="Comparing pictures")
    found = []
    with (
        look_cache() as looks,
        progress(f"hashing {what}", len(images)) as advance,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        for hashed, is_new in threads.map(lambda image: _hashed(*image, looks=looks), images):
            found.append(hashed)
            if is_new:
                looks.put(hashed.sha256, hashed.look)
            advance()
    return found


def _hashed(name: str, path: Path, *, looks: LookCache) -> tuple[Hashed, bool]:
    """Return the hashes of a file, and whether its look is a new one."""
    try:
        content = path.read_bytes()
    except OSError:
        return Hashed(name, path), False
    digest = hashlib.sha256(content).hexdigest()
    known = looks.get(digest)
    if known is not None:
        return Hashed(name, path, digest, *known), False
    try:
        return Hashed(name, path, digest, looks_like(decode_rgb(content, path, _AT_LEAST))), True
    except InputError:
        return Hashed(name, path, digest), False


def looks_like(image: Image) -> int | None:
    """Return ImageHash's `phash` of an image: which of 64 low frequencies are above their median; None of a flat one.

    Scaling, another compression and small changes of brightness or colour leave almost all bits as they are; mirror
    images and crops are other pictures to it.
    """
    import imagehash

    low, high = image.convert("L").resize((8, 8)).getextrema()
    if high - low < _FLAT:  # type: ignore[operator]  # one channel: two numbers
        return None
    return int(str(imagehash.phash(image)), 16)


def nearest(wanted: Iterable[int], among: Iterable[int]) -> list[tuple[int, int]]:
    """Return for each hash its nearest among others: how many of 64 bits differ, and its place there.

    Every pair is compared, in blocks, as numbers of 64 bits: 50,000 by 10,000 take seconds.

    Raises:
        ValueError: there are no others.
    """
    numpy: Any = require("numpy", extra="evaluate", purpose="Comparing pictures")
    there = numpy.fromiter(among, numpy.uint64)
    here = numpy.fromiter(wanted, numpy.uint64)
    if not len(there):
        raise ValueError("nothing to compare with")
    rows = max(1, _BLOCK // len(there))
    found: list[tuple[int, int]] = []
    for start in range(0, len(here), rows):
        distances = numpy.bitwise_count(here[start : start + rows, None] ^ there[None, :])
        places = distances.argmin(1)
        found += zip(distances[numpy.arange(len(places)), places].tolist(), places.tolist(), strict=True)
    return found
