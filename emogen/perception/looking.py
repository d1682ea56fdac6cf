"""Decodes images in threads while models work on those before: each file once, whatever is asked about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError, shorten
from emogen.image_file import read_rgb
from emogen.perception import Stage
from emogen.perception.pixels import measure
from emogen.schemas import MODEL_ORIGIN, ImageRecord

__all__ = ["Look", "looked_at"]

THREADS: Final = 4
# Batches that are decoded before the models ask for them.
AHEAD: Final = 2


@dataclass
class Look:
    """One image and what is wanted of it.

    Attributes:
        record: Its record.
        path: Its file.
        pixels: Where what is measured on it will be kept; None where it is known.
        stages: Where its findings will be kept → the stage that is to look at it.
        measured: Brightness and colorfulness.
        prepared: The image as each of the stages takes it, by the same key.
        error: What is wrong with the file; nothing else is known of it then.
    """

    record: ImageRecord
    path: Path
    pixels: bytes | None = None
    stages: Mapping[bytes, Stage] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)
    prepared: dict[bytes, Any] = field(default_factory=dict)
    error: InputError | None = None

    @property
    def is_needed(self) -> bool:
        """Whether the file must be decoded at all."""
        return self.error is None and (self.pixels is not None or bool(self.stages))


def looked_at(batches: Iterable[list[Look]]) -> Iterator[list[Look]]:
    """Yield the batches, their images decoded, in order; of each image no more is kept than the stages take."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="decoding") as pool:
        waiting: deque[tuple[list[Look], list[Future[None]]]] = deque()
        try:
            for batch in batches:
                waiting.append((batch, [pool.submit(_look, look) for look in batch if look.is_needed]))
                if len(waiting) > AHEAD:
                    yield _finished(*waiting.popleft())
            while waiting:
                yield _finished(*waiting.popleft())
        finally:
            for _, futures in waiting:
                for future in futures:
                    future.cancel()


def _finished(batch: list[Look], futures: list[Future[None]]) -> list[Look]:
    for future in futures:
        future.result()
    return batch


def _look(look: Look) -> None:
    try:
        image = read_rgb(look.path)
    except InputError as error:
        look.error = error
        return
    if look.pixels is not None:
        look.measured = measure(image)
    for key, stage in look.stages.items():
        try:
            look.prepared[key] = stage.prepare(image)
        # What image processors make of an image of one pixel, say.
        except (ValueError, ZeroDivisionError) as error:
            name = stage.origin.removeprefix(MODEL_ORIGIN)
            look.error = InputError(
                f"{name} takes no image of {image.width} x {image.height} pixels: {shorten(error)}",
                where=look.path,
                remedy="Replace the file, or leave the image out.",
            )
            return
