"""Reads what is trained on: the `samples.jsonl` of a run, or a file that was exported from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError, shorten
from emogen.reviews import Heeding, Review, reviews_to_heed
from emogen.schemas import ImageRecord, Sample, Split
from emovit_train.jsonl import read_objects, read_text, validated

__all__ = [
    "SAMPLES",
    "Row",
    "data_file",
    "heeding_of",
    "image_root",
    "read_records",
    "read_rows",
    "split_rows",
]

SAMPLES: Final = "samples.jsonl"
# Splits of what is trained on.
TRAINED: Final = (None, "train")


@dataclass(frozen=True)
class Row:
    """One question about one photograph, with its answer.

    Attributes:
        image: The photograph's file.
        question: What is asked.
        answer: What is to be answered.
        kind: The kind of turn, or `exported` where the file does not tell.
        instruction: The instruction type (`categorical`, `conversation`, `reasoning`); empty where the file does not
            tell.
        context: The record's caption, where there is one.
        record_id: Which record the row belongs to.
        split: `train`, `val`, `test`; None where there is no split.
        emotion: The record's emotion, where known.
        labels: The record's label set, where known.
    """

    image: Path
    question: str
    answer: str
    kind: str
    record_id: str
    split: Split | None = None
    emotion: str | None = None
    labels: tuple[str, ...] = ()
    instruction: str = ""
    context: str | None = None


def data_file(path: Path) -> Path:
    """Return the file to read: `path` itself, or the `samples.jsonl` of a run folder."""
    return path / SAMPLES if path.is_dir() else path


def image_root(file: Path, images: Path | None) -> Path:
    """Return the folder that relative image paths start from.

    It is `images` where given, else `image_root` of the `run.json` beside the file, else the file's folder.

    Raises:
        InputError: `images` is no folder, or `run.json` cannot be read.
    """
    if images is not None:
        if not images.is_dir():
            raise InputError(
                f"no such folder: {images}", where="--image-root", remedy="Name the images' folder."
            )
        return images
    manifest = file.parent / "run.json"
    root = _object(manifest).get("image_root") if manifest.is_file() else None
    return file.parent / root if isinstance(root, str) else file.parent


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"not valid JSON: {error.msg}", where=path, remedy="Generate the run again."
        ) from error
    return value if isinstance(value, dict) else {}


def heeding_of(path: Path, reviewed: str) -> Heeding[Sample] | None:
    """Return what heeds the decisions of people about what is to be read; None where there are none, or for `all`.

    Args:
        path: See `read_rows`.
        reviewed: One of `emogen.reviews.HEEDED`.

    Raises:
        InputError: only accepted samples are asked for, and there are none; or the decisions cannot be read.
    """
    file = data_file(path)
    reviews = reviews_to_heed(file.parent if file.name == SAMPLES else None, reviewed)
    return Heeding(reviews, _edited, only_accepted=reviewed == "accepted") if reviews else None


def _edited(sample: Sample, review: Review) -> Sample:
    return sample.model_copy(update={"turns": review.turns, "flags": review.flags})


def read_rows(path: Path, images: Path | None = None, heeding: Heeding[Sample] | None = None) -> list[Row]:
    """Read all rows, one per turn.

    Samples lie in their file as the answers came, which no two runs repeat: their rows are ordered by record and
    instruction type, as exports order them, so that the same samples train alike.

    Args:
        path: A run folder, `samples.jsonl`, or an exported `.json` list (LLaVA or InstructBLIP).
        images: Folder of the photographs; see `image_root`.
        heeding: Leaves out, or edits, what people decided about; None to read all as it was made.

    Raises:
        InputError: the file is missing, empty or malformed; the message names the line. A photograph is both trained
            on and held out. Nothing is left by the reviewers.
    """
    from emovit_train.exported import exported_rows

    file = data_file(path)
    text = read_text(file)
    root = image_root(file, images)
    if text.lstrip().startswith("["):
        return exported_rows(file, text, root)
    samples = [_sample(value, where) for where, value in read_objects(file)]
    # What people think of a question does not change where its photograph belongs.
    _refuse_both_sides(samples, root, file)
    kept = samples if heeding is None else [each for each in map(heeding.heed, samples) if each is not None]
    if heeding is not None and samples and not kept:
        raise heeding.nothing_left(len(samples))
    kept.sort(key=lambda sample: (sample.record.id, sample.instruction))
    return [row for sample in kept for row in _sample_rows(sample, root)]


def _refuse_both_sides(samples: Iterable[Sample], root: Path, file: Path) -> None:
    sides: dict[bool, set[Path]] = {True: set(), False: set()}
    for sample in samples:
        sides[sample.record.split in TRAINED].add(root / sample.record.image)
    both = sorted(sides[True] & sides[False])
    if both:
        raise InputError(
            f"{len(both)} images are both trained on and held out: {shorten(both[0])}",
            where=file,
            remedy="Put every image into one split.",
        )


def _sample(value: dict[str, Any], where: str) -> Sample:
    if "record" not in value and "image" in value:
        raise InputError(
            "this is a record, and training needs samples",
            where=where,
            remedy="Make them with: emogen generate",
        )
    return validated(Sample, value, where)


def _sample_rows(sample: Sample, root: Path) -> list[Row]:
    record = sample.record
    return [
        Row(
            image=root / record.image,
            question=turn.question,
            answer=turn.answer,
            kind=turn.kind,
            record_id=record.id,
            split=record.split,
            emotion=record.emotion,
            labels=record.labels,
            instruction=sample.instruction,
            context=record.caption,
        )
        for turn in sample.turns
    ]


def read_records(path: Path, images: Path | None = None) -> list[tuple[ImageRecord, Path]]:
    """Read the labelled records of `samples.jsonl` or `records.jsonl`, each once, with its photograph.

    Raises:
        InputError: the file is missing, empty or malformed, or no record has an emotion.
    """
    file = data_file(path)
    root = image_root(file, images)
    records: dict[str, ImageRecord] = {}
    for where, value in read_objects(file):
        is_sample = "turns" in value
        record = validated(Sample, value, where).record if is_sample else validated(ImageRecord, value, where)
        records.setdefault(record.id, record)
    labelled = [record for record in records.values() if record.emotion is not None]
    if not labelled:
        raise InputError(
            f"none of the {len(records)} records has an emotion",
            where=file,
            remedy='Add the field "emotion".',
        )
    return [(record, root / record.image) for record in labelled]


def split_rows(rows: Sequence[Row], where: Path) -> tuple[list[Row], list[Row]]:
    """Return the rows to train on (split `train` or none) and the held-out ones (`val`, `test`).

    Raises:
        InputError: nothing is left to train on.
    """
    training = [row for row in rows if row.split in TRAINED]
    if not training:
        raise InputError(
            f"all {len(rows)} rows are held out" if rows else "there are no rows",
            where=where,
            remedy='Give some records the split "train".',
        )
    return training, [row for row in rows if row.split not in TRAINED]
