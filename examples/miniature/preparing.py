"""What every part of the miniature begins with: drawings laid out and described, and instructions about them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from emogen.atomic import write_text
from emogen.errors import InputError
from emogen.schemas import ImageRecord, Sample
from examples.miniature import drawings, fold_files, records
from examples.miniature.scores import Scored
from examples.miniature.steps import Step, run_all

__all__ = ["prepare", "read_drawings", "read_samples"]

ROWS: Final = Path(__file__).resolve().parent / "samples.jsonl.gz"


def prepare(out: Path, scored: Sequence[Scored], *, generate: bool = False) -> None:
    """Fetch the drawings, lay them out, and describe them.

    Args:
        out: The miniature's folder.
        scored: The labelled emoji.
        generate: Make the instructions anew, too.
    """
    packages = {style: drawings.fetch(style, out / "packages") for style in drawings.STYLES}
    if not (out / "unlabelled" / "metadata.jsonl").is_file():
        records.lay_out(out, packages, drawings.emoji_list(packages["google"]), scored)
    fold_files.write_captions(out / "unlabelled", out / "captions.json")
    described = out / "labelled" / "records.jsonl"
    # EfficientNet knows photographs: it names a drawn face a pick or a whistle.
    told = ("--no-objects", "--labels", "plutchik-8", "--out", str(described))
    run_all([Step("describe", ("emogen", "describe", str(out / "labelled"), *told), described, 1)], out)
    trained = [
        row for row in read_drawings(out) if records.style_and_code(row.image)[0] in drawings.TRAINED_STYLES
    ]
    text = "".join(row.model_dump_json() + "\n" for row in trained)
    learnt, run = out / "labelled" / "trained.jsonl", out / "run"
    write_text(learnt, text)
    if generate:
        command = ("emogen", "generate", str(learnt), "--backend", "embedded", "--out", str(run))
        run_all([Step("generate", command, run / "samples.jsonl", 1)], out)


def read_drawings(out: Path) -> list[ImageRecord]:
    """Return the labelled drawings of all styles."""
    lines = (out / "labelled" / "records.jsonl").read_text("utf-8").splitlines()
    return [ImageRecord.model_validate_json(line) for line in lines]


def read_samples(out: Path, scored: Sequence[Scored], *, generate: bool = False) -> list[Sample]:
    """Return the instructions: those just made, or the ones that were made before and are kept beside this file.

    Raises:
        InputError: they were made with other labels.
    """
    text = (
        (out / "run" / "samples.jsonl").read_text("utf-8")
        if generate
        else gzip.decompress(ROWS.read_bytes()).decode()
    )
    samples = [Sample.model_validate_json(line) for line in text.splitlines()]
    labels = {each.code: each.label for each in scored}
    for sample in samples:
        if sample.record.emotion != labels[records.style_and_code(sample.record.image)[1]]:
            raise InputError(
                f"{sample.record.image} has another label there than the instructions were made with",
                where="--labels",
                remedy="Name EmoTag1200-scores.csv as published, or make the instructions anew: --generate.",
            )
    return samples
