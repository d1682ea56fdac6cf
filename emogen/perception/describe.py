"""Completes image records by what is measured on their pixels and by what models in this process say of them.

A record's own values stay. What is found is kept in a file batch by batch, so that work that was interrupted goes on
where it was; batches are always cut at the same records, so that it ends with what it would have been undisturbed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from emogen.errors import InputError
from emogen.perception import Finding, FindingStore, Named, Stage, lacks, wanted
from emogen.perception.looking import Look, looked_at
from emogen.perception.pixels import IDENTITY, MEASURED, measured_attributes
from emogen.perception.quantile_map import QuantileMaps
from emogen.perception.work import finding_key, identity_key, image_state
from emogen.schemas import ImageRecord

__all__ = ["Described", "Description", "Findings", "completed"]

_PIXELS: Final = identity_key(IDENTITY)


class Described(NamedTuple):
    """What is known of one record's image.

    Attributes:
        record: The record, completed.
        error: Why its image cannot be described, where it cannot.
    """

    record: ImageRecord
    error: InputError | None


class Findings:
    """What was found in the images of records, and where it is kept.

    Args:
        folder: What the records' `image` is relative to.
        stages: The models, in the order in which their findings count.
        found: Where findings are kept.
        maps: Maps measured values to the scale of annotations.
    """

    def __init__(
        self, folder: Path, stages: Sequence[Named], found: FindingStore, maps: QuantileMaps | None = None
    ) -> None:
        self._folder = folder
        self._named = stages
        self._found = found
        self._maps = maps

    def keys(self, record: ImageRecord) -> list[bytes]:
        """Return where the findings in a record's image are kept.

        Raises:
            InputError: there is no such image.
        """
        keys = self._keys(record)
        return [keys.pixels, *(key for _, key in keys.stages)]

    def describe(self, record: ImageRecord) -> Described:
        """Return a record with what was found in its image."""
        try:
            keys = self._keys(record)
        except InputError as error:
            return Described(record, error)
        measured = self._found.get(keys.pixels)
        if measured is None:
            changed = InputError(
                "changed while it was described", where=self._folder / record.image, remedy="Run it again."
            )
            return Described(record, changed)
        described = completed(record, *measured_attributes(measured, self._maps))
        for number, key in keys.stages:
            if finding := self._found.get(key):
                described = completed(described, finding, self._named[number].origin)
        return Described(described, None)

    @cached_property
    def _identities(self) -> list[bytes]:
        return [identity_key(stage.identity) for stage in self._named]

    def _keys(self, record: ImageRecord) -> _Keys:
        state = image_state(self._folder, record.image)
        stages = []
        for number, (stage, identity) in enumerate(zip(self._named, self._identities, strict=True)):
            if fields := wanted(record, stage.fields):
                labels = record.labels if "emotion" in fields else ()
                stages.append((number, finding_key(identity, state, f"{fields} {labels}")))
        return _Keys(finding_key(_PIXELS, state), stages)


class Description(Findings):
    """What models in this process find in the images of records; see the module.

    Args:
        folder: What the records' `image` is relative to.
        stages: The models, in the order in which their findings count.
        found: Where findings are kept.
        maps: Maps measured values to the scale of annotations.
        batch_size: How many images a model is given at once.
    """

    def __init__(
        self,
        folder: Path,
        stages: Sequence[Stage],
        found: FindingStore,
        maps: QuantileMaps | None = None,
        batch_size: int = 16,
    ) -> None:
        super().__init__(folder, stages, found, maps)
        self._stages = stages
        self._batch_size = batch_size

    def look(
        self, records: Iterable[ImageRecord], on_record: Callable[[ImageRecord, InputError | None], None]
    ) -> None:
        """Look at the images of all records that nobody has looked at yet, and keep what is found.

        Args:
            records: In the same order each time.
            on_record: Called with each record in order, and with what is wrong with its image.

        Raises:
            EmovitError: the findings cannot be written, or a model ran out of memory.
        """
        batches = ([self._look_at(record) for record in batch] for batch in _cut(records, self._batch_size))
        for batch in looked_at(batches):
            self._found.put(self._findings(batch))
            for look in batch:
                on_record(look.record, look.error)

    def _look_at(self, record: ImageRecord) -> Look:
        path = self._folder / record.image
        try:
            keys = self._keys(record)
        except InputError as error:
            return Look(record, path, error=error)
        asked = {key: self._stages[number] for number, key in keys.stages if self._found.get(key) is None}
        pixels = keys.pixels if self._found.get(keys.pixels) is None else None
        return Look(record, path, pixels, asked)

    def _findings(self, batch: list[Look]) -> Iterator[tuple[bytes, Finding]]:
        """Yield what is found in a batch; each stage is asked once, about all images that it is to look at."""
        seen = [look for look in batch if look.is_needed]
        yield from ((look.pixels, look.measured) for look in seen if look.pixels is not None)
        for stage in self._stages:
            asked = [(look, key) for look in seen for key, other in look.stages.items() if other is stage]
            if asked:
                records = [look.record for look, _ in asked]
                findings = stage.find(records, [look.prepared[key] for look, key in asked])
                yield from zip((key for _, key in asked), findings, strict=True)


class _Keys(NamedTuple):
    """Where the findings in one record's image are kept."""

    pixels: bytes
    # By the number of the stage.
    stages: list[tuple[int, bytes]]


def completed(record: ImageRecord, finding: Finding, origin: str) -> ImageRecord:
    """Return a record with those findings that it says nothing of, and their origin."""
    taken = {name: value for name, value in finding.items() if lacks(record, name)}
    if not taken:
        return record
    fields: dict[str, Any] = {name: taken.pop(name) for name in ("caption", "emotion") if name in taken}
    if "object" in taken:
        taken["object"] = tuple(taken["object"])
    if taken:
        fields["attributes"] = record.attributes.model_copy(update=taken)
    origins = {**record.origin, **dict.fromkeys([*fields.keys() - {"attributes"}, *taken], origin)}
    order = ("emotion", "caption", *MEASURED, "scene", "object", "facial_expression", "human_action")
    known = {name: origins[name] for name in order if name in origins}
    return record.model_copy(update={**fields, "origin": {**known, **origins}})


def _cut(records: Iterable[ImageRecord], size: int) -> Iterator[list[ImageRecord]]:
    rest = iter(records)
    while batch := list(islice(rest, size)):
        yield batch
