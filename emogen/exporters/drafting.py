"""The first half of an export: every sample that is asked for becomes rows, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from emogen.exporters import Exporter, Problem, Turns
from emogen.exporters.examples import examples_of, place_of
from emogen.exporters.left_out import LeftOut
from emogen.exporters.options import ExportOptions
from emogen.exporters.pictures import Picture, Pictures
from emogen.exporters.spool import Spool
from emogen.exporters.text import are_plain
from emogen.schemas import Sample
from emogen.stored import StoredSample, as_stored

__all__ = ["Drafting", "is_plain"]


@dataclass
class Drafting:
    """Makes the rows of samples.

    Attributes:
        exporter: The format.
        options: Which samples are asked for.
        turns: What one row holds.
        pictures: Gets to know every image, also those of samples that are not asked for.
        left_out: Gets what breaks a rule.
        met: How many samples there were.
        not_asked: How many of them were not asked for.
    """

    exporter: Exporter
    options: ExportOptions
    turns: Turns
    pictures: Pictures
    left_out: LeftOut
    met: int = 0
    not_asked: int = 0

    def draft(self, samples: Iterable[Sample] | Iterable[StoredSample], spool: Spool) -> None:
        """Put the rows of every sample that is asked for and fits into the spool."""
        for item in samples:
            sample = item if isinstance(item, StoredSample) else as_stored(item)
            self.met += 1
            record = sample.record
            picture = self.pictures.of(record.image)
            split = record.split
            if split not in picture.own:
                picture.own = (*picture.own, split)
            if not self.options.takes(sample):
                self.not_asked += 1
                continue
            rows, problems = self._rows(sample, picture)
            if problems:
                self.left_out.add(problems)
            else:
                spool.add(record.id, sample.instruction, picture, split, rows)

    def _rows(self, sample: StoredSample, picture: Picture) -> tuple[list[bytes], list[Problem]]:
        examples = examples_of(sample, picture.name, self.turns)
        if picture.faults:
            return [], [fault.at(place_of(examples[0], 1)) for fault in picture.faults]
        if self.exporter.takes_plain and is_plain(sample):
            return [orjson.dumps(self.exporter.row(example)) for example in examples], []
        rows: list[bytes] = []
        problems: list[Problem] = []
        for example in examples:
            row = self.exporter.row(example)
            found = self.exporter.check_row(row)
            if found:
                problems += [problem.at(place_of(example, len(examples))) for problem in found]
            elif not problems:
                rows.append(orjson.dumps(row))
        return rows, problems


def is_plain(sample: StoredSample) -> bool:
    """Whether a format that takes plain text has surely nothing against this."""
    record = sample.record
    texts = [record.id, sample.instruction, record.emotion or record.id]
    for turn in sample.turns:
        texts.append(turn.question)
        texts.append(turn.answer)
    return are_plain(texts)
