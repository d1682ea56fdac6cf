"""The first half of an export: every sample that is asked for becomes rows, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from emogen.exporters import Example, Exporter, Images, Problem, Row, Turns
from emogen.exporters.examples import examples_of, place_of
from emogen.exporters.left_out import LeftOut
from emogen.exporters.options import ExportOptions
from emogen.exporters.pictures import Picture, Pictures
from emogen.exporters.text import are_plain
from emogen.reviews import Heeding, Review
from emogen.schemas import Sample, Split
from emogen.stored import StoredSample, StoredTurn, as_stored

__all__ = ["Drafting", "Sink", "drafting_of", "is_plain"]


class Sink(Protocol):
    """Takes what is drafted; see `emogen.exporters.spool.Spool`."""

    def add(
        self, record_id: str, instruction: str, path: str, own_split: Split | None, rows: list[bytes]
    ) -> None:
        """Take the rows of one sample."""

    def add_values(self, values: list[Any]) -> None:
        """Take what must not occur twice among the rows of all samples."""


@dataclass
class Drafting:
    """Makes the rows of samples.

    Attributes:
        exporter: The format.
        options: Which samples are asked for.
        turns: What one row holds.
        pictures: Gets to know every image, also those of samples that are not asked for.
        left_out: Gets what breaks a rule.
        heeding: Heeds what people decided; None where nobody is asked.
        met: How many samples there were.
        not_asked: How many of them were not asked for.
    """

    exporter: Exporter
    options: ExportOptions
    turns: Turns
    pictures: Pictures
    left_out: LeftOut
    heeding: Heeding[StoredSample] | None = None
    met: int = 0
    not_asked: int = 0

    def draft(self, samples: Iterable[Sample] | Iterable[StoredSample], spool: Sink) -> None:
        """Put every sample into the spool, with its rows where it is asked for and fits."""
        # Looked up once: this loop runs for every sample.
        takes, picture_of, rows_of, add = self.options.takes, self.pictures.of, self._rows, spool.add
        heed, types = self.heeding.heed if self.heeding is not None else None, self.options.types
        for item in samples:
            sample = item if isinstance(item, StoredSample) else as_stored(item)
            self.met += 1
            record = sample.record
            picture = picture_of(record.image)
            rows: list[bytes] = []
            chosen: StoredSample | None = sample
            if heed is not None and (types is None or sample.instruction in types):
                chosen = heed(sample)
            if chosen is not None:
                if takes(chosen):
                    rows = rows_of(chosen, picture, spool)
                else:
                    self.not_asked += 1
            add(record.id, sample.instruction, picture.path, record.split, rows)

    def _rows(self, sample: StoredSample, picture: Picture, spool: Sink) -> list[bytes]:
        """Return the rows of a sample; none where one of them breaks a rule."""
        exporter = self.exporter
        examples = examples_of(sample, picture.name, self.turns)
        rows = [exporter.row(example) for example in examples]
        if picture.faults or not (exporter.takes_plain and is_plain(sample)):
            problems = self._problems(examples, rows, picture)
            if problems:
                self.left_out.add(problems)
                return []
        if exporter.unique:
            spool.add_values([row[exporter.unique] for row in rows])
        return [orjson.dumps(row) for row in rows]

    def _problems(self, examples: list[Example], rows: list[Row], picture: Picture) -> list[Problem]:
        if picture.faults:
            return [fault.at(place_of(examples[0], 1)) for fault in picture.faults]
        return [
            problem.at(place_of(example, len(examples)))
            for example, row in zip(examples, rows, strict=True)
            for problem in self.exporter.check_row(row)
        ]


def drafting_of(exporter: Exporter, options: ExportOptions, turns: Turns, images: Images) -> Drafting:
    """Return what drafts the samples of an export.

    Args:
        exporter: The format.
        options: Which samples are asked for.
        turns: What one row holds.
        images: What is done with the images.
    """
    pictures = Pictures(
        options.image_root,
        images,
        exporter.layout.image_prefix,
        bare_names=exporter.bare_names,
        check=options.check_images,
    )
    heeding = None
    if options.reviews is not None:
        heeding = Heeding(options.reviews, _edited, options.only_accepted)
    return Drafting(exporter, options, turns, pictures, LeftOut(), heeding)


def _edited(sample: StoredSample, review: Review) -> StoredSample:
    turns = [StoredTurn(turn.question, turn.answer, turn.kind) for turn in review.turns]
    return StoredSample(sample.record, sample.instruction, turns, list(review.flags))


def is_plain(sample: StoredSample) -> bool:
    """Whether a format that takes plain text has surely nothing against this."""
    record = sample.record
    texts = [record.id, sample.instruction, record.emotion or record.id]
    for turn in sample.turns:
        texts += (turn.question, turn.answer)
    return are_plain(texts)
