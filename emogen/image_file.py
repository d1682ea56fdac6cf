"""Opens any image file as upright 8-bit RGB, the one form that everything here measures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from emogen.errors import InputError, shorten
from emogen.registry import require

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["read_rgb"]

_SIXTEEN_BIT_MAX = 65535


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _decode(path)
        except InputError:
            raise
        # Decoders meet broken bytes with all kinds of exceptions, SyntaxError and struct.error among them.
        except Exception as error:
            raise _unreadable(path, error) from error


def _decode(path: Path) -> Image:
    from PIL import Image, ImageOps

    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(path) as file:
        image: Image.Image = ImageOps.exif_transpose(file)
        if image.mode[0] in "IF":
            image = _eight_bit(image, path)
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return image.convert("RGB")


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


def _unreadable(path: Path, error: Exception) -> InputError:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        limit = f"{Image.MAX_IMAGE_PIXELS:,}"
        return InputError(f"more than {limit} pixels", where=path, remedy="Make the image smaller.")
    if isinstance(error, UnidentifiedImageError):
        return InputError("not an image, or a damaged one", where=path, remedy="Replace the file.")
    return InputError(f"damaged image: {shorten(error)}", where=path, remedy="Replace the file.")
