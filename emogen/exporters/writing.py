"""The second half of an export: rows in their order, each into the part of its split, with its image."""

from __future__ import annotations

import posixpath
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from emogen.errors import shorten
from emogen.exporters import Exporter, FileLayout, Part, Problem, ShardLayout
from emogen.exporters.form import Form
from emogen.exporters.hands import Hands
from emogen.exporters.index import Entry, values_met_twice
from emogen.exporters.left_out import LeftOut
from emogen.exporters.options import SPLITS, ExportOptions
from emogen.exporters.outlet import Outlet
from emogen.exporters.pictures import Pictures
from emogen.exporters.placing import Placing
from emogen.exporters.spool import Draft, Spool

__all__ = ["Writing"]


@dataclass
class Writing:
    """Writes the drafted rows.

    Attributes:
        exporter: The format.
        options: Which split is asked for.
        form: File or folder.
        pictures: Tell where the images are.
        left_out: Gets what cannot stand beside another sample.
        hands: Write shards of so many rows.
        rows: How many were written, by split.
        written: How many samples they are.
        other_splits: How many samples are in a split that is not asked for.
        moved: How many samples are in another split than their record says.
    """

    exporter: Exporter
    options: ExportOptions
    form: Form
    pictures: Pictures
    left_out: LeftOut
    hands: Hands
    rows: dict[str, int] = field(default_factory=dict)
    written: int = 0
    other_splits: int = 0
    moved: int = 0

    def write(self, spool: Spool, outlet: Outlet, out: Path) -> None:
        """Write everything into the outlet, which will be `out`."""
        work = outlet.work
        placing = Placing(self.form.images, work, out) if self.form.images in ("copy", "link") else None
        unique = _Unique(self.exporter.unique, values_met_twice(spool.index))
        embeds, folder = self.form.images == "embed", self.form.folder
        is_asked = self._is_asked
        with ExitStack() as opened:
            parts: dict[str, Part] = {}
            for draft in spool.in_order(mixed=self.exporter.layout.mixed):
                entry = draft.entry
                if not is_asked(entry):
                    continue
                if draft.repeated or entry.clash or not unique.add(draft):
                    self.left_out.add([_problem(draft, self.exporter.unique)])
                    continue
                split = SPLITS[entry.split] if folder else "all"
                part = parts.get(split)
                if part is None:
                    part = parts[split] = opened.enter_context(self._part(split, outlet))
                file = self.pictures.file(entry.path) if embeds else None
                for row in draft.rows:
                    part.add(row, file)
                if placing is not None:
                    base = f"{split}/" if self.exporter.layout.images_by_split else ""
                    placing.put(self.pictures.file(entry.path), base + self.pictures.placed(entry.path))
                self.rows[split] = self.rows.get(split, 0) + len(draft.rows)
                self.written += 1

    def _is_asked(self, entry: Entry) -> bool:
        """Count a sample by its split, and say whether that is asked for."""
        own, split = entry.own_split, entry.split
        if own != split and (own is not None or not self.options.split_by):
            self.moved += (own or 0) != split
        if self.options.split in ("all", SPLITS[split]):
            return True
        self.other_splits += 1
        return False

    def _part(self, split: str, outlet: Outlet) -> Part:
        layout, size = self.exporter.layout, self.options.shard_rows
        if size is not None:
            assert isinstance(layout, ShardLayout), "`form_of` refuses the others"
            return self.hands.shards(layout, outlet, split, size)
        if self.form.folder:
            return layout.part(outlet.work, split, self.options.shard_bytes)
        assert isinstance(layout, FileLayout), "the others are always a folder"
        return layout.single(outlet.work)


class _Unique:
    """Watches the field whose value must not occur twice.

    Args:
        field: The field.
        twice: The values that occur more than once among all rows; the only ones that are watched.
    """

    def __init__(self, field: str | None, twice: set[object]) -> None:
        self._field = field
        self._twice = twice
        self._seen: set[object] = set()

    def add(self, draft: Draft) -> bool:
        """Remember the values of a sample, unless another one has one of them; return whether there is none."""
        if self._field is None or not self._twice:
            return True
        values = self._twice.intersection(orjson.loads(row)[self._field] for row in draft.rows)
        if not self._seen.isdisjoint(values):
            return False
        self._seen |= values
        return True


def _problem(draft: Draft, unique: str | None) -> Problem:
    """Return why a sample cannot stand beside the others."""
    place = shorten(draft.sample_id)
    if draft.repeated:
        rule = "must occur once: another sample of the same record and instruction is in the file"
        return Problem("id", rule, "Give each record its own id, or export one run at a time.", place)
    if clash := draft.entry.clash:
        base = shorten(posixpath.basename(clash), 40)
        rule = f"must have a file name of its own: {base} is that of {shorten(clash, 40)} too"
        return Problem("image", rule, "Rename one of the files.", place)
    rule = "must occur once: that of another sample is the same"
    return Problem(str(unique), rule, "Give the record another id.", place)
