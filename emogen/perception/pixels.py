"""Brightness and colorfulness as a stage of a description; every image passes it, and so is known to be readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emogen.perception import Finding
from emogen.perception.image_statistics import brightness, colorfulness
from emogen.perception.quantile_map import QuantileMaps

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["IDENTITY", "MEASURED", "measure", "measured_attributes"]

MEASURED: Final = ("brightness", "colorfulness")
IDENTITY: Final = {"stage": "pixels", "version": 1}


def measure(image: Image) -> dict[str, float]:
    """Return both attributes of an image of mode RGB."""
    return {"brightness": brightness(image), "colorfulness": colorfulness(image)}


def measured_attributes(finding: Finding, maps: QuantileMaps | None) -> tuple[dict[str, float], str]:
    """Return the attributes as a record has them, mapped where there is a map, and their origin."""
    if maps is None:
        return dict(finding), "pixels"
    return {name: maps.mapped(name, finding[name]) for name in MEASURED}, "pixels+map"
