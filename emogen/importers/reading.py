"""Reads a file of any format that can be imported: rows become samples, or are listed with the reason."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from emogen.errors import InputError, shorten
from emogen.exporters import EXPORTERS, PlacedRow, Problem
from emogen.importers import IMPORTERS, Found
from emogen.importers.emotions import Named, emotion_in, named_beside
from emogen.importers.grouping import CATEGORICAL, Draft, Placed, drafts_of, placed
from emogen.importers.images_inside import ImagesInside
from emogen.schemas import ImageRecord, Provenance, Rejection, Sample, Split, Turn

__all__ = ["Importing"]

UNREADABLE: Final = "unreadable_row"
_ORIGIN: Final = "categorical answer"
_COLUMN_ORIGIN: Final = "column"


class _Row(NamedTuple):
    split: Split | None
    row: Placed


@dataclass
class Importing:
    """Reads one file, twice: an image's emotion may stand in a later row than another question about it.

    Args:
        path: The file, or the folder of an export.
        format: A name of `IMPORTERS`.
        labels: The label set of the data; None takes what categorical questions list, or a known set.

    Raises:
        UnknownNameError: the format is none that can be read back.
    """

    path: Path
    format: str
    labels: tuple[str, ...] | None = None
    _by_record: dict[str, Named] = field(default_factory=dict)
    _by_image: dict[str, Named | None] = field(default_factory=dict)
    _columns: dict[str, str] = field(default_factory=dict)
    _inside: ImagesInside = field(default_factory=ImagesInside)
    _images: dict[str, str] = field(default_factory=dict)
    _made: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._read = IMPORTERS.get(self.format)
        self._layout = EXPORTERS.get(self.format)().layout

    @property
    def holds_images(self) -> bool:
        """Whether images are in the file itself; known as soon as `outcomes` has returned."""
        return self._inside.any

    def outcomes(
        self, on_row: Callable[[], object] = lambda: None, images: Path | None = None
    ) -> Iterator[Sample | Rejection]:
        """Return an iterator over a sample, or a rejection, for each row that cannot become one.

        The call itself reads the file to its end once: what is broken is found before anything is made of it.

        Args:
            on_row: Called for each row that is read.
            images: The folder below which images that the file holds are written while it is read again.

        Raises:
            InputError: the file cannot be read, with the place, or holds no rows.
        """
        rows = 0
        for each in self._rows(on_row):
            rows += 1
            if isinstance(each, _Row):
                self._learn(each.row)
        if not rows:
            raise InputError("holds no rows", where=self.path, remedy="Name a file of instructions.")
        return self._outcomes(on_row, images)

    def _outcomes(self, on_row: Callable[[], object], images: Path | None) -> Iterator[Sample | Rejection]:
        for key, block in groupby(self._rows(on_row, images), _block):
            if key is None:
                yield from (each for each in block if isinstance(each, Rejection))
                continue
            whole = [each for each in block if isinstance(each, _Row)]
            for draft in drafts_of([each.row for each in whole], self.labels):
                yield self._sample(draft, whole[0].split)

    def _rows(self, on_row: Callable[[], object], images: Path | None = None) -> Iterator[_Row | Rejection]:
        for read in self._layout.read(self.path):
            on_row()
            found = self._found(read)
            if isinstance(found, Problem):
                yield _unreadable(read, found)
                continue
            if images and read.content is not None:
                self._inside.write(images / found.image, read.content)
            yield _Row(read.split, placed(found))

    def _found(self, read: PlacedRow) -> Found | Problem:
        """Return what a row says, its image named as the sample will name it."""
        row = read.row
        if not isinstance(row, dict):
            return Problem("row", f"must be an object, not {shorten(repr(row), 40)}", "Mend the row.")
        found = self._read(row)
        if isinstance(found, Problem):
            return found
        image = self._inside.named(posixpath.join(read.folder, found.image), read.content)
        return image if isinstance(image, Problem) else found._replace(image=image)

    def _learn(self, row: Placed) -> None:
        """Remember the emotion that a row names, for its record and for its image."""
        if row.found.emotion:
            self._columns.setdefault(row.record_id, row.found.emotion)
        if row.instruction not in (None, CATEGORICAL) or len(row.found.pairs) > 1:
            return
        named = emotion_in(row.found.pairs[0], self.labels)
        if named is None:
            return
        self._by_record.setdefault(row.record_id, named)
        known = self._by_image.setdefault(row.found.image, named)
        if known != named:
            # Two records of one image disagree: only each itself knows.
            self._by_image[row.found.image] = None

    def _sample(self, draft: Draft, split: Split | None) -> Sample:
        record = ImageRecord(
            id=self._record_id(draft), image=draft.image, split=split, **self._known_of(draft)
        )
        return Sample(
            record=record,
            instruction=draft.instruction,
            turns=tuple(
                Turn(question=pair.question, answer=pair.answer, kind=kind)
                for pair, kind in zip(draft.pairs, draft.kinds, strict=True)
            ),
            provenance=Provenance(
                backend=f"import:{self.format}", model="unknown", prompt_sha256="", template_sha256=""
            ),
        )

    def _known_of(self, draft: Draft) -> dict[str, Any]:
        """Return the fields of a record that tell its emotion: what stands in a column goes before what is answered."""
        named = self._by_record.get(draft.record_id) or self._by_image.get(draft.image)
        origin = _ORIGIN
        column = self._columns.get(draft.record_id)
        if column is not None:
            named = named_beside(column, named.labels if named else self.labels)
            origin = _COLUMN_ORIGIN
        if named is None:
            return {"labels": self.labels} if self.labels else {}
        return {"emotion": named.emotion, "labels": named.labels, "origin": {"emotion": origin}}

    def _record_id(self, draft: Draft) -> str:
        """Return the record's id, with a number where another image, or another sample of this type, has it."""
        number = 1
        while True:
            name = draft.record_id if number == 1 else f"{draft.record_id}#{number}"
            image = self._images.setdefault(name, draft.image)
            if image == draft.image and (name, draft.instruction) not in self._made:
                self._made.add((name, draft.instruction))
                return name
            number += 1


def _block(each: _Row | Rejection) -> tuple[str, str, Split | None] | None:
    """Return what rows that may be one sample have in common."""
    if isinstance(each, Rejection):
        return None
    return each.row.record_id, each.row.found.image, each.split


def _unreadable(read: PlacedRow, problem: Problem) -> Rejection:
    return Rejection(
        record_id=read.place,
        instruction="unknown",
        stage="parse",
        reason=UNREADABLE,
        detail=str(problem),
        raw_answer=json.dumps(read.row, default=str),
    )
