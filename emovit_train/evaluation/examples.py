"""Captions of images of each label, shown in front of a question: in-context examples (EmoVIT, section 10, Table 6)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from emogen.config_file import read_config_file
from emogen.errors import InputError, shorten
from emogen.sources import Problem, SourceOptions, open_source

__all__ = ["SHOTS", "examples_text", "read_examples"]

# As many a label as in the paper.
SHOTS: Final = 3
_MAPPINGS: Final = (".yaml", ".yml", ".toml")
_REMEDY: Final = "Give captions for each label: YAML as `joy: [CAPTION, CAPTION]`, or records with captions."


def examples_text(captions: Mapping[str, Sequence[str]]) -> str:
    """Return label → captions as they stand in front of a question."""
    lines = [f"{caption} Emotion: {label}." for label, found in captions.items() for caption in found]
    return " ".join(lines)


def read_examples(
    file: Path, labels: Sequence[str], asked: Iterable[str] = (), shots: int = SHOTS, seed: int = 0
) -> dict[str, tuple[str, ...]]:
    """Return label → captions, from a file that lists them, or from records that have captions.

    Args:
        file: YAML or TOML with a list of captions for each label, of which the first are taken; or whatever
            `emogen records` reads, of whose training part some of each label are drawn.
        labels: Which need captions.
        asked: Ids of the images that are asked about: these are no examples.
        shots: So many captions of each label, or all where there are fewer.
        seed: Of the drawing.

    Raises:
        InputError: the file cannot be read, or has no caption of a label.
    """
    found = (
        _listed(file)
        if file.suffix.lower() in _MAPPINGS
        else _drawn(file, labels, frozenset(asked), shots, seed)
    )
    without = [label for label in labels if not found.get(label)]
    if without:
        raise InputError(f"no caption of {without[0]!r} to be an example", where=file, remedy=_REMEDY)
    return {label: tuple(found[label][:shots]) for label in labels}


def _listed(file: Path) -> dict[str, list[str]]:
    found = {}
    for label, captions in read_config_file(file).given.items():
        if not isinstance(captions, list) or not all(
            isinstance(each, str) and each.strip() for each in captions
        ):
            raise InputError(
                f"not a list of captions: {shorten(captions)!r}", where=f"{file}: {label}", remedy=_REMEDY
            )
        found[str(label)] = [each.strip() for each in captions]
    return found


def _drawn(
    file: Path, labels: Sequence[str], asked: frozenset[str], shots: int, seed: int
) -> dict[str, list[str]]:
    """Draw from the records that are no test images; the same ones in whatever order they come."""
    problems: list[Problem] = []
    known: dict[str, dict[str, str]] = {}
    for record in open_source(file, SourceOptions(labels=tuple(labels))).records(problems.append):
        learnt = record.split in (None, "train") and record.id not in asked
        if learnt and record.caption and record.emotion:
            known.setdefault(record.emotion, {})[record.id] = record.caption
    drawn = {}
    for label, captions in known.items():
        ids = sorted(captions)
        chosen = random.Random(f"examples {seed} {label}").sample(ids, min(shots, len(ids)))
        drawn[label] = [captions[each] for each in chosen]
    return drawn
