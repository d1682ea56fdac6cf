"""Images for models that see: scaled down, upright, without metadata, encoded once.

What leaves the machine is the picture alone. A file's EXIF data (the place where it was taken, the camera's owner),
its comments and its colour profile stay behind.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from emogen.errors import InputError
from emogen.image_file import decode_rgb, upright_size
from emogen.registry import require
from emogen.schemas import ImageInput, ImageRecord, SeenImage

__all__ = [
    "JPEG_QUALITY",
    "LONGEST_SIDE",
    "UNREADABLE_IMAGE",
    "Sight",
    "encode",
    "image_input",
]

T = TypeVar("T")

LONGEST_SIDE: Final = 768
JPEG_QUALITY: Final = 85
# Why a row is rejected before anything is asked.
UNREADABLE_IMAGE: Final = "unreadable_image"
# Decoding frees the interpreter; each thread may hold one decoded photograph.
THREADS: Final = 4
# The instruction types of a record are asked side by side: only few images are needed again.
REMEMBERED: Final = 64


def image_input(
    path: Path, *, longest_side: int = LONGEST_SIDE, jpeg_quality: int = JPEG_QUALITY
) -> ImageInput:
    """Return the image of a file as it goes along with a message; it is encoded when it is first sent.

    Args:
        path: Any image file that Pillow reads.
        longest_side: Larger images are scaled down to it, in pixels; smaller ones stay as they are.
        jpeg_quality: From 1 to 95.

    Raises:
        InputError: there is no such file, or it is no image.
        MissingExtraError: Pillow is not installed.
    """
    _require_pillow()
    return _Picture(path, longest_side, jpeg_quality).look()


class Sight:
    """Looks at the images of records; the picture of an image is encoded once for all that ask for it.

    Args:
        folder: What the records' images are relative to.
        longest_side: See `image_input`.
        jpeg_quality: See `image_input`.

    Raises:
        MissingExtraError: Pillow is not installed.
    """

    def __init__(
        self, folder: Path, *, longest_side: int = LONGEST_SIDE, jpeg_quality: int = JPEG_QUALITY
    ) -> None:
        _require_pillow()
        self._folder = folder
        self._longest_side = longest_side
        self._jpeg_quality = jpeg_quality
        self._pictures: OrderedDict[str, _Picture] = OrderedDict()

    @property
    def parameters(self) -> dict[str, Any]:
        """What influences the answers, for the manifest."""
        return {"see": {"longest_side": self._longest_side, "jpeg_quality": self._jpeg_quality}}

    def look(self, record: ImageRecord) -> ImageInput:
        """Return the record's image, of which mostly only the head is decoded.

        Raises:
            InputError: there is no such file, or it is no image.
        """
        return self._picture(record.image).look()

    async def of(self, record: ImageRecord) -> ImageInput:
        """Do the same in a thread, so that a slow disk holds up nobody else."""
        return await _in_thread(self._picture(record.image).look)

    def _picture(self, image: str) -> _Picture:
        picture = self._pictures.get(image)
        if picture is None:
            picture = _Picture(self._folder / image, self._longest_side, self._jpeg_quality)
            self._pictures[image] = picture
            if len(self._pictures) > REMEMBERED:
                self._pictures.popitem(last=False)
        return picture


async def encode(images: Iterable[ImageInput]) -> None:
    """Encode images in a thread, so that the event loop goes on; their `load` then returns at once.

    Raises:
        InputError: an image cannot be decoded, or its file changed since it was looked at.
    """
    for image in images:
        await _in_thread(image.load)


class _Picture:
    """One image file, read and encoded once, whoever asks and in whichever thread."""

    def __init__(self, path: Path, longest_side: int, quality: int) -> None:
        self._path = path
        self._longest_side = longest_side
        self._quality = quality
        self._lock = threading.Lock()
        self._seen: SeenImage | None = None
        self._jpeg = b""

    def look(self) -> ImageInput:
        with self._lock:
            if self._seen is None:
                content = _content(self._path)
                width, height = _scaled(upright_size(content, self._path), self._longest_side)
                digest = sha256(content).hexdigest()
                self._seen = SeenImage(sha256=digest, width=width, height=height, quality=self._quality)
            return ImageInput(self._seen, self.jpeg)

    def jpeg(self) -> bytes:
        with self._lock:
            if not self._jpeg:
                assert self._seen is not None
                content = _content(self._path)
                if sha256(content).hexdigest() != self._seen.sha256:
                    raise InputError(
                        "changed while the run went on",
                        where=self._path,
                        remedy="Run the same command again.",
                    )
                self._jpeg = _jpeg(content, self._path, self._seen)
            return self._jpeg


def _scaled(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    factor = min(1.0, longest_side / max(size))
    width, height = (max(1, round(side * factor)) for side in size)
    return width, height


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    # A name with a nul byte is a ValueError.
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError) as error:
        raise InputError(
            "no such image", where=path, remedy="Mend the name, or leave the image out."
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Name a file that you may read."
        ) from error


def _jpeg(content: bytes, path: Path, seen: SeenImage) -> bytes:
    """Return the picture alone: nothing of the file's metadata goes along."""
    from PIL import Image

    size = (seen.width, seen.height)
    # Decoding at twice the size leaves enough for a clean reduction, as Pillow's own thumbnails have it.
    image = decode_rgb(content, path, at_least=(2 * size[0], 2 * size[1]))
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    # Pillow writes a comment, and other parts of the file's head, into what it saves.
    image.info.clear()
    out = io.BytesIO()
    image.save(out, "JPEG", quality=seen.quality)
    return out.getvalue()


def _require_pillow() -> None:
    require("PIL.Image", extra="see", purpose="Showing images to a model")


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="images")


async def _in_thread(call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)
