"""From what is measured on pixels to the scale that EmoSet's annotations have: a monotone map of quantiles.

EmoSet publishes no formula for its brightness and colorfulness. The map gives measured values the distribution of the
annotated ones and keeps their order. It is an approximation: images whose order the annotators saw otherwise stay so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emogen.atomic import write_text
from emogen.errors import InputError
from emogen.registry import require

__all__ = ["LEAST_IMAGES", "QuantileMap", "QuantileMaps", "fit_maps"]

# With fewer, the quantiles are those of single images.
LEAST_IMAGES: Final = 20
KNOTS: Final = 101
# Every so-manieth image is left out of the fit whose error is reported.
HELD_OUT: Final = 5

Values = Annotated[tuple[float, ...], Field(min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QuantileMap(_Frozen):
    """The map of one attribute.

    Attributes:
        measured: Strictly increasing measured values.
        annotated: What each stands for, never decreasing; between two it is interpolated, beyond the ends it is flat.
        error_before: Mean absolute error (0 to 1) of what is measured, on the images held out of a fit to the others.
        error_after: The same of what is mapped.
    """

    measured: Values
    annotated: Values
    error_before: float
    error_after: float

    @model_validator(mode="after")
    def _is_monotone(self) -> QuantileMap:
        rising = all(low < high for low, high in zip(self.measured, self.measured[1:], strict=False))
        never_falling = all(
            low <= high for low, high in zip(self.annotated, self.annotated[1:], strict=False)
        )
        if len(self.measured) != len(self.annotated) or not rising or not never_falling:
            raise ValueError("measured values must rise, and annotated ones not fall, in lists of one length")
        return self

    def mapped(self, value: float) -> float:
        """Return what a measured value stands for, 0 to 1, rounded to two decimals."""
        import numpy as np

        return round(min(max(float(np.interp(value, self.measured, self.annotated)), 0.0), 1.0), 2)


class QuantileMaps(_Frozen):
    """The maps of both attributes, as their file holds them.

    Attributes:
        kind: What the file is.
        data: The name of what they were fitted on.
        images: How many images that were.
        brightness: See `emogen.perception.image_statistics`.
        colorfulness: The same.
    """

    kind: Literal["emogen-quantile-maps-1"] = "emogen-quantile-maps-1"
    data: str
    images: int
    brightness: QuantileMap
    colorfulness: QuantileMap

    def mapped(self, name: str, value: float) -> float:
        """Return what a measured value of an attribute stands for."""
        found: QuantileMap = getattr(self, name)
        return found.mapped(value)

    def save(self, path: Path) -> None:
        """Write the file that `load` reads."""
        write_text(path, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> QuantileMaps:
        """Read a file that `save` wrote.

        Raises:
            InputError: it cannot be read, or is none.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise InputError(
                f"cannot be read: {error.strerror}", where=path, remedy="Name a map that --calibrate wrote."
            ) from error
        except ValidationError as error:
            raise InputError(
                f"is no map of quantiles: {error.errors()[0]['msg']}",
                where=path,
                remedy="Name annotated images, or a map that --calibrate wrote.",
            ) from None


def fit_maps(
    data: str,
    measured: Sequence[tuple[float, float]],
    annotated: Sequence[tuple[float, float]],
) -> QuantileMaps:
    """Fit both maps to images whose annotations are known.

    Args:
        data: What the images are from, for the file.
        measured: Of each image, brightness and colorfulness measured.
        annotated: The same annotated.

    Raises:
        InputError: there are fewer than `LEAST_IMAGES`.
    """
    require("numpy", extra="perception", purpose="Fitting a map of quantiles")
    if len(measured) < LEAST_IMAGES:
        raise InputError(
            f"only {len(measured)} images can be read and have brightness and colorfulness annotated",
            where=f"--calibrate {data}",
            remedy=f"Name a data set with at least {LEAST_IMAGES}.",
        )
    maps = [_fit([pair[place] for pair in measured], [pair[place] for pair in annotated]) for place in (0, 1)]
    return QuantileMaps(data=data, images=len(measured), brightness=maps[0], colorfulness=maps[1])


def _fit(measured: list[float], annotated: list[float]) -> QuantileMap:
    held_out = range(HELD_OUT - 1, len(measured), HELD_OUT)
    kept = [place for place in range(len(measured)) if place not in held_out]
    trial = _matched([measured[place] for place in kept], [annotated[place] for place in kept], 0.0, 0.0)
    before = [abs(measured[place] - annotated[place]) for place in held_out]
    after = [abs(trial.mapped(measured[place]) - annotated[place]) for place in held_out]
    return _matched(measured, annotated, sum(before) / len(before), sum(after) / len(after))


def _matched(measured: list[float], annotated: list[float], before: float, after: float) -> QuantileMap:
    """Return the map that takes each quantile of the one to the same quantile of the other."""
    import numpy as np

    levels = np.linspace(0.0, 1.0, KNOTS)
    from_values, to_values = np.quantile(measured, levels), np.quantile(annotated, levels)
    # Equal measured values stand for the mean of what their quantiles come to.
    knots = np.unique(from_values)
    means = [float(to_values[from_values == knot].mean()) for knot in knots]
    return QuantileMap(
        measured=tuple(map(float, knots)),
        annotated=tuple(np.maximum.accumulate(means).tolist()),
        error_before=round(before, 4),
        error_after=round(after, 4),
    )
