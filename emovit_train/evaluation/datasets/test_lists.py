"""Which images of a data set without an official split are held out: a rule that needs no list.

An image is in the test part if the hash of the data set's name and the image's id, as a number from 0 to 1, is below
0.2. So the list is the same everywhere and for ever, whatever images a copy lacks; a fifth is what papers use. The
counts are near a fifth, not exact. Papers do not say which images theirs are, so that nobody's numbers can be met digit
by digit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

__all__ = ["TEST_SHARE", "fingerprint", "our_split"]

TEST_SHARE: Final = 0.2


def our_split(dataset: str, image_id: str) -> Literal["train", "test"]:
    """Return the part that an image is in by our rule."""
    digest = hashlib.sha256(f"emovit test list 1\n{dataset}\n{image_id}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if share < TEST_SHARE else "train"


def fingerprint(ids: Iterable[str]) -> str:
    """Return twelve hexadecimal digits that two lists of ids share if they hold the same ids."""
    digest = hashlib.sha256("\n".join(sorted(ids)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:12]
