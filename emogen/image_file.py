"""Opens any image file as upright 8-bit RGB, the one form that everything here measures and shows."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emogen.errors import InputError, shorten
from emogen.registry import require

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["decode_rgb", "read_rgb", "shown_otherwise", "small_jpeg", "upright_size"]

_SIXTEEN_BIT_MAX = 65535
_ORIENTATION: Final = 0x0112
_ON_ITS_SIDE: Final = (5, 6, 7, 8)
# Whatever is larger is no photograph that one would want to decode for a small copy.
_FILE_BYTES: Final = 200_000_000


def read_rgb(path: Path) -> Image:
    """Return the image of a file (the first frame of several) as mode RGB.

    EXIF orientation is applied; transparent parts show white, as on a page; 16-bit greyscale is
    scaled to 8 bits; CMYK and palettes are converted.

    Raises:
        InputError: there is no such file, it is no image that can be decoded whole, it has more pixels
            than Pillow's limit against decompression bombs, or its pixel values have no known range.
        MissingExtraError: Pillow is not installed.
    """
    require("PIL.Image", extra="perception", purpose="Reading images")
    if not path.is_file():
        raise InputError("no such image", where=path, remedy="Mend the name, or leave the image out.")
    with _explained(path):
        return _decode(path, path, None)


def shown_otherwise(path: Path) -> tuple[str, ...]:
    """Return what programs show otherwise than `read_rgb` that only open an image and convert it to RGB.

    Most trainers do just that: pictures lie on their side, of 16 bits all but the darkest become white, and what is
    transparent becomes black.

    Raises:
        InputError: as `read_rgb`; the image is decoded whole.
    """
    read_rgb(path)
    from PIL import Image

    with _explained(path), Image.open(path) as file:
        said = {
            "turned by EXIF": file.getexif().get(_ORIENTATION, 1) not in (0, 1),
            "of 16 bits": file.mode[0] in "IF",
            "transparent": file.has_transparency_data,
            "animated": getattr(file, "n_frames", 1) > 1,
        }
    return tuple(name for name, holds in said.items() if holds)


def decode_rgb(content: bytes, path: Path, at_least: tuple[int, int]) -> Image:
    """Return the image that a file's content holds, as `read_rgb` does.

    Where the format allows it (JPEG), it is decoded smaller, which is several times faster.

    Args:
        content: What the file holds.
        path: The file, for messages.
        at_least: Width and height, upright, below which it must not be decoded.
    """
    with _explained(path):
        return _decode(io.BytesIO(content), path, at_least)


def upright_size(content: bytes, path: Path) -> tuple[int, int]:
    """Return width and height, once upright, of the image that a file's content holds.

    Of most formats only the head is decoded.
    """
    from PIL import Image

    with _explained(path), Image.open(io.BytesIO(content)) as file:
        _refuse_bomb(file, path)
        return _turned(file.size, file)


def small_jpeg(path: Path, side: int, quality: int) -> bytes:
    """Return a copy of an image file as a JPEG of at most `side` pixels a side, without the file's metadata.

    Raises:
        InputError: there is no such image, or it cannot be decoded.
    """
    try:
        if not path.is_file() or path.stat().st_size > _FILE_BYTES:
            raise InputError("the image file is missing", where=path)
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError("the image file cannot be read", where=path) from error
    picture = decode_rgb(content, path, (side, side))
    picture.thumbnail((side, side))
    picture.info.clear()
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality, optimize=True)
    return encoded.getvalue()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into an `InputError` that names the file."""
    # Warnings of decoders are about what is mended or refused here anyway. No `catch_warnings`: it is not for threads.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        yield
    except InputError:
        raise
    # Decoders meet broken bytes with all kinds of exceptions, SyntaxError and struct.error among them.
    except Exception as error:
        raise _unreadable(path, error) from error


def _decode(source: Path | io.BytesIO, path: Path, at_least: tuple[int, int] | None) -> Image:
    from PIL import Image, ImageOps

    with Image.open(source) as file:
        _refuse_bomb(file, path)
        if at_least is not None:
            file.draft(None, _turned(at_least, file))
        image: Image.Image = ImageOps.exif_transpose(file)
        if image.mode[0] in "IF":
            image = _eight_bit(image, path)
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return image.convert("RGB")


def _turned(size: tuple[int, int], file: Image) -> tuple[int, int]:
    """Return a size as it is before, or after, the image is turned upright."""
    width, height = size
    return (height, width) if file.getexif().get(_ORIENTATION) in _ON_ITS_SIDE else (width, height)


def _eight_bit(image: Image, path: Path) -> Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > _SIXTEEN_BIT_MAX:
        raise InputError(
            f"pixel values of unknown range (mode {image.mode})",
            where=path,
            remedy="Save the image with 8 or 16 bits per channel.",
        )
    return Image.fromarray(np.round(values / 257).astype(np.uint8))


def _refuse_bomb(file: Image, path: Path) -> None:
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None and file.width * file.height > Image.MAX_IMAGE_PIXELS:
        raise _too_large(path)


def _too_large(path: Path) -> InputError:
    from PIL import Image

    return InputError(
        f"more than {Image.MAX_IMAGE_PIXELS:,} pixels", where=path, remedy="Make the image smaller."
    )


def _unreadable(path: Path, error: Exception) -> InputError:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Image.DecompressionBombError):
        return _too_large(path)
    if isinstance(error, UnidentifiedImageError):
        return InputError("not an image, or a damaged one", where=path, remedy="Replace the file.")
    return InputError(f"damaged image: {shorten(error)}", where=path, remedy="Replace the file.")
