"""Images that were drawn of a run, with what was asked and answered about them."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from emogen.errors import InputError
from emogen.image_file import small_jpeg
from emogen.registry import require
from emogen.report.figures import told_reason
from emogen.report.rows import RecordRow, RejectionRow, SampleRow, TurnRow
from emogen.report.tally import NO_EMOTION, NO_REASON, Tally
from emogen.schemas import Turn
from emogen.store import JOURNAL

__all__ = ["EDITED", "Card", "Run", "Shown", "cards_of"]

# Stands among the reasons of a sample that a person edited.
EDITED: Final = "edited by a reviewer"

THUMBNAIL: Final = 240
_QUALITY: Final = 70
_TEXT: Final = 1500


@dataclass(frozen=True)
class Run:
    """A run to be shown.

    Attributes:
        name: What it is called in the report.
        path: Its folder.
        image_root: Where its image paths start from.
        counted: Its rows.
    """

    name: str
    path: Path
    image_root: Path
    counted: Tally


@dataclass(frozen=True)
class Shown:
    """One row about an image.

    Attributes:
        run: The run's name.
        instruction: The instruction type.
        reasons: Why it was rejected, or what it is flagged for.
        kept: Whether it is a sample that no person rejects.
        turns: Questions and answers, shortened; of an edited sample, what the edit says.
        made: The same as they were before somebody edited them; empty where nobody did.
        detail: What exactly was wrong.
        raw: The rejected answer, shortened.
        near_duplicate_of: See `emogen.schemas.Sample`.
    """

    run: str
    instruction: str
    reasons: Sequence[str]
    kept: bool
    turns: Sequence[tuple[str, str]] = ()
    made: Sequence[tuple[str, str]] = ()
    detail: str = ""
    raw: str = ""
    near_duplicate_of: str | None = None

    def is_rejected_for(self, reason: str) -> bool:
        """Whether this is why it is not kept; the other reasons are flags."""
        return not self.kept and self.reasons[0] == reason


@dataclass
class Card:
    """One image with the rows about it that were drawn.

    Attributes:
        id: The record's.
        image: Its path, as the record says.
        emotion: Its label.
        caption: Its caption.
        known: Its attributes, in words.
        picture: A small copy as a data address; empty where there is none.
        why_not: Why there is none.
        rows: What was made of it.
    """

    id: str
    image: str = ""
    emotion: str = NO_EMOTION
    caption: str = ""
    known: str = ""
    picture: str = ""
    why_not: str = "the run does not say which image this is"
    rows: list[Shown] = field(default_factory=list)


def cards_of(runs: Sequence[Run]) -> list[Card]:
    """Return the drawn images of one or more runs, by emotion; the same record of several runs is one card.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    require("PIL.Image", extra="report", purpose="Showing images")
    cards: dict[str, Card] = {}
    for run in runs:
        for name, record, row in _rows(run):
            card = cards.setdefault(name, Card(name))
            card.rows.append(row)
            if record is not None and not card.image:
                _describe(card, record, run.image_root)
    for card in cards.values():
        # Of one type, the rows of all runs stand together, in the order of the runs.
        card.rows.sort(key=lambda row: row.instruction)
    return sorted(cards.values(), key=lambda card: (card.emotion, card.id))


def _rows(run: Run) -> Iterator[tuple[str, RecordRow | None, Shown]]:
    samples = {
        (row.record.id, row.instruction): row for draw in run.counted.drawn.values() for row in draw.rows()
    }
    for sample in samples.values():
        yield sample.record.id, sample.record, _kept(run, sample)
    rejections = [row for draw in run.counted.refused.values() for row in draw.rows()]
    known = dict(run.counted.known)
    known.update(_from_journal(run.path / JOURNAL, {row.record_id for row in rejections} - known.keys()))
    for rejection in rejections:
        yield rejection.record_id, known.get(rejection.record_id), _rejected(run.name, rejection)


def _kept(run: Run, row: SampleRow) -> Shown:
    """Return a sample as its reviewers want it."""
    turns, verdict = _turns(row.turns), run.counted.reviews.verdict(row)
    sample = Shown(run.name, row.instruction, row.flags, True, turns, near_duplicate_of=row.near_duplicate_of)
    if verdict.last is None or verdict.decision == "accept":
        return sample
    if verdict.decision == "edit":
        reasons = (EDITED, *verdict.last.flags)
        return replace(sample, reasons=reasons, turns=_turns(verdict.last.turns), made=turns)
    reasons = (told_reason(verdict.last.reason or NO_REASON), *row.flags)
    return replace(sample, reasons=reasons, kept=False, detail=_short(verdict.last.note))


def _turns(turns: Sequence[TurnRow] | Sequence[Turn]) -> list[tuple[str, str]]:
    return [(_short(turn.question), _short(turn.answer)) for turn in turns]


def _rejected(run: str, row: RejectionRow) -> Shown:
    raw = _short(row.raw_answer or "")
    return Shown(run, row.instruction, (row.reason,), False, detail=_short(row.detail), raw=raw)


def _describe(card: Card, record: RecordRow, image_root: Path) -> None:
    card.image, card.emotion = record.image, record.emotion or NO_EMOTION
    card.caption = _short(record.caption or "")
    known = msgspec.to_builtins(record.attributes)
    card.known = _short(
        "; ".join(f"{name.replace('_', ' ')}: {_words(value)}" for name, value in known.items() if value)
    )
    try:
        card.picture, card.why_not = _thumbnail(image_root / record.image), ""
    except InputError as error:
        card.why_not = error.what


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _thumbnail(path: Path) -> str:
    """Return a small copy of an image as a data address; raises as `small_jpeg`."""
    return "data:image/jpeg;base64," + base64.b64encode(small_jpeg(path, THUMBNAIL, _QUALITY)).decode()


def _from_journal(journal: Path, wanted: Iterable[str]) -> Iterator[tuple[str, RecordRow]]:
    """Find records in a journal, which is not written to; what it does not hold, or no journal, is passed over."""
    names = list(wanted)
    if not names or not journal.is_file():
        return
    marks = ", ".join("?" * len(names))
    try:
        # Read as it lies on the disk: a lock or a log beside it would be a change to the run.
        with closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            query = f"SELECT record_id, body FROM answers WHERE record_id IN ({marks}) GROUP BY record_id"
            for name, body in opened.execute(query, names):
                context = msgspec.json.decode(body).get("context", {})
                if "record" in context:
                    yield name, msgspec.convert(context["record"], RecordRow)
    except (sqlite3.Error, msgspec.MsgspecError):
        return
