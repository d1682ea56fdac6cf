"""Images of every awkward kind: those that can be shown, and those that cannot."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["BROKEN", "GONE", "USABLE", "bomb", "write_awkward"]

# All are white, and 9 x 6 pixels; `upright` is 6 x 9 once it is turned.
USABLE = ("16bit.png", "alpha.png", "animated.gif", "cmyk.jpg", "palette.png", "upright.jpg")
# `float` begins as an image that can be decoded, and has no known range.
BROKEN = ("bomb.png", "empty.jpg", "float.tif", "text.jpg", "truncated.jpg")
# Links that lead nowhere, and to themselves.
GONE = ("dangling.jpg", "loop.jpg")


def write_awkward(folder: Path) -> None:
    """Write one of each into a folder."""
    size, white = (9, 6), "white"
    Image.fromarray(np.full((6, 9), 65535, dtype=np.uint16)).save(folder / "16bit.png")
    Image.new("RGBA", size, (0, 0, 0, 0)).save(folder / "alpha.png")
    frames = [Image.new("RGB", size, color) for color in (white, "black")]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    Image.new("CMYK", size, (0, 0, 0, 0)).save(folder / "cmyk.jpg")
    Image.new("RGB", size, white).convert("P").save(folder / "palette.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", size, white).save(folder / "upright.jpg", exif=exif)
    (folder / "bomb.png").write_bytes(bomb())
    (folder / "empty.jpg").touch()
    Image.new("F", size, 0.5).save(folder / "float.tif")
    (folder / "text.jpg").write_text("no image")
    Image.effect_noise((90, 60), 50).save(folder / "truncated.jpg")
    whole = (folder / "truncated.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "dangling.jpg").symlink_to(folder / "nothing.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")


def bomb() -> bytes:
    """A PNG of a few bytes that claims 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )
