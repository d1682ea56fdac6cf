"""The files that a fold trains on and is asked about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from emogen.atomic import write_text
from emogen.schemas import ImageRecord, Sample
from examples.miniature.arms import CAPTION_QUESTION
from examples.miniature.drawings import TRAINED_STYLES
from examples.miniature.folds import Fold
from examples.miniature.records import style_and_code

__all__ = ["learnt_in", "test_of", "write_captions", "write_fold"]


def learnt_in(fold: Fold, image: str) -> bool:
    """Return whether a drawing is trained on: a learnt emoji in a trained style."""
    style, code = style_and_code(image)
    return style in TRAINED_STYLES and fold.split(code) == "train"


def test_of(fold: Fold, image: str) -> str | None:
    """Return the test that a drawing belongs to in a fold; None for those that settings and weights were made with."""
    style, code = style_and_code(image)
    part = fold.split(code)
    if style in TRAINED_STYLES:
        return {"train": None, "val": "val", "test": "A"}[part]
    return {"train": "B", "val": None, "test": "C"}[part]


def write_fold(
    folder: Path, fold: Fold, samples: Iterable[Sample], records: Iterable[ImageRecord]
) -> tuple[list[Sample], list[ImageRecord]]:
    """Write `samples.jsonl` (learnt) and `records.jsonl` (asked) of a fold, and return both.

    Args:
        folder: The fold's folder.
        fold: Who is in it.
        samples: All samples.
        records: All labelled drawings.
    """
    learnt = [sample for sample in samples if learnt_in(fold, sample.record.image)]
    asked = [
        record.model_copy(update={"split": "val" if test == "val" else "test"})
        for record in records
        if (test := test_of(fold, record.image)) is not None
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "samples.jsonl", "".join(sample.model_dump_json() + "\n" for sample in learnt))
    write_text(folder / "records.jsonl", "".join(record.model_dump_json() + "\n" for record in asked))
    return learnt, asked


def write_captions(unlabelled: Path, file: Path) -> None:
    """Write what the captioning stage learns: the names of the other emoji in the trained styles, as LLaVA's list."""
    rows = []
    for line in (unlabelled / "metadata.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["file_name"].split("/")[0] in TRAINED_STYLES:
            said = [("human", f"<image>\n{CAPTION_QUESTION}"), ("gpt", f"{row['caption']}.")]
            turns = [{"from": who, "value": text} for who, text in said]
            rows.append({"id": row["file_name"], "image": row["file_name"], "conversations": turns})
    write_text(file, json.dumps(rows, ensure_ascii=False) + "\n")
