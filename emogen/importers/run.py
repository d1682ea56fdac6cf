"""Makes a run folder of a file that somebody has, so that it can be checked, exported and tuned on like any run."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from emogen.checks import Answer
from emogen.checks.findings import Examiner
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.errors import InputError
from emogen.importers.grouping import CATEGORICAL
from emogen.importers.reading import UNREADABLE, Importing
from emogen.schemas import Completion, Rejection, Sample
from emogen.store import MANIFEST, REJECTIONS, SAMPLES, RunFolder

__all__ = ["ImportReport", "import_run"]

SHOWN: int = 10
# Where images that came inside of a file lie in the run folder.
IMAGES = "images"


@dataclass
class ImportReport:
    """What an import did.

    Attributes:
        kept: Samples, by instruction type.
        rejected: Rows and samples that are not among them, by reason.
        unreadable: Why the first `SHOWN` rows could not become a sample; each begins with its place.
    """

    kept: Counter[str]
    rejected: Counter[str]
    unreadable: list[str]


def import_run(
    importing: Importing,
    out: Path,
    *,
    image_root: Path,
    checks: CheckSettings | None = None,
    overwrite: bool = False,
    on_row: Callable[[], object] = lambda: None,
) -> ImportReport:
    """Write what a file says into a run folder.

    Args:
        importing: The file.
        out: The run folder.
        image_root: The folder that the rows' image paths start from, where the file does not hold the images
            itself: these are written into the folder `images` of the run.
        checks: What the samples are checked by, as generated ones are; None takes them as they are.
        overwrite: Whether a run that is there is replaced.
        on_row: Called for each row that is read; each is read twice.

    Raises:
        InputError: the file cannot be read or holds no rows, or the folder holds a run or cannot be written.
    """
    if not overwrite and any((out / name).exists() for name in (SAMPLES, REJECTIONS, MANIFEST)):
        raise InputError("holds a run", where=out, remedy="Name another --out, or replace it by --overwrite.")
    # Before the folder is made, or a run in it replaced: a broken file does neither.
    images = out / IMAGES
    outcomes = importing.outcomes(on_row, images)
    if importing.holds_images:
        image_root = images
    unreadable: list[str] = []
    with RunFolder(out, _manifest(importing, out, image_root, checks), overwrite=True) as folder:
        for outcome in _checked(outcomes, checks):
            folder.add(outcome)
            if isinstance(outcome, Rejection) and outcome.reason == UNREADABLE and len(unreadable) < SHOWN:
                unreadable.append(f"{outcome.record_id}: {outcome.detail}")
        return ImportReport(folder.kept, folder.rejected, unreadable)


def _manifest(
    importing: Importing, out: Path, image_root: Path, checks: CheckSettings | None
) -> dict[str, Any]:
    path = importing.path
    sha256 = None
    if path.is_file():
        with path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
    return {
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "imported": {"file": path.name, "format": importing.format, "sha256": sha256},
        "image_root": os.path.relpath(image_root.resolve(), out.resolve()),
        "labels": list(importing.labels) if importing.labels else None,
        "checks": checks.model_dump(mode="json") if checks else None,
    }


def _checked(
    outcomes: Iterator[Sample | Rejection], checks: CheckSettings | None
) -> Iterator[Sample | Rejection]:
    """Yield the outcomes, each sample of text judged as if a model that saw the image had just answered so."""
    examiner = Examiner(checks or DEFAULT_CHECKS)
    for outcome in outcomes:
        if checks is None or isinstance(outcome, Rejection) or outcome.instruction == CATEGORICAL:
            yield outcome
        else:
            yield _judged(outcome, examiner)


def _judged(sample: Sample, examiner: Examiner) -> Sample | Rejection:
    text = "\n".join(part for turn in sample.turns for part in (turn.question, turn.answer))
    completion = Completion(text=text, model=sample.provenance.model)
    findings, scores = examiner.examine(
        Answer(sample.record, sample.instruction, sample.turns, completion, image_seen=True)
    )
    for finding in findings:
        if finding.action == "reject":
            return Rejection(
                record_id=sample.record.id,
                instruction=sample.instruction,
                stage="check",
                reason=finding.reason,
                detail=finding.detail,
                raw_answer=text,
                provenance=sample.provenance,
            )
    flags = tuple(dict.fromkeys(finding.reason for finding in findings))
    return sample.model_copy(update={"flags": flags, "scores": dict(scores)})
