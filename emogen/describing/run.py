"""A description from its first record to the finished file: local models, then models that are asked, then the file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from emogen import event_loop
from emogen.backends import Backend, open_backend, refuse_blind
from emogen.dataset import Dataset
from emogen.describing.asking_models import Interview
from emogen.describing.calibrating import Show, maps_of
from emogen.describing.looking_away import Away, look_on_ray
from emogen.describing.plan import Plan, fields_by_model, stages_of
from emogen.describing.work_folder import ANSWERS, CALIBRATION, FOUND, WorkFolder, work_folder
from emogen.errors import InputError
from emogen.opening import backend_options, limits_of
from emogen.perception import Stage
from emogen.perception.describe import Description, Findings, completed
from emogen.perception.quantile_map import QuantileMaps
from emogen.perception.work import FoundFile
from emogen.recording import Report, write_records
from emogen.schemas import ImageRecord
from emogen.sight import Sight
from emogen.sources import OnProblem, Problem
from emogen.terminal import Advance

__all__ = ["Outcome", "describe", "map_file"]


@dataclass
class Outcome:
    """What a description came to.

    Attributes:
        report: Of the file that was written.
        maps: The maps of brightness and colorfulness that were used.
        failures: Requests that failed for good; the same command asks them again.
        work: Where what is done is kept, unless all is done.
    """

    report: Report
    maps: QuantileMaps | None
    failures: int
    work: Path


def map_file(out: Path) -> Path:
    """Return where the maps that were fitted for the records file `out` are kept: `records.calibration.json`."""
    return out.with_name(f"{out.stem}.calibration.json")


def describe(dataset: Dataset, out: Path, plan: Plan, show: Show, away: Away | None = None) -> Outcome:
    """Write the records of a data set, completed from their images; see `docs/perception.md`.

    Args:
        dataset: What to describe.
        out: The records file, which appears whole or not at all.
        plan: By what and whom.
        show: Opens progress bars.
        away: The cluster whose workers look at the images; None looks at them here.

    Raises:
        EmovitError: something that is needed is not there, or no request to a model can succeed. What is found
            stays, and the same call goes on from there.
        KeyboardInterrupt: with what is kept and what to do.
    """
    backends = _backends(plan)
    stages = stages_of(plan) if away is None else []
    with work_folder(out) as folder:
        try:
            maps = maps_of(plan.calibrate, folder.path / CALIBRATION, show) if plan.calibrate else None
            if maps and not (plan.calibrate or "").endswith(".json"):
                maps.save(map_file(out))
            with FoundFile(folder.path / FOUND) as found:
                description = _Description(plan, folder, found, stages, backends, maps, show, away)
                report = write_records(dataset, out, complete=description.complete)
        except KeyboardInterrupt:
            said = f"interrupted; {folder.path} keeps what is done, and the same command goes on from there."
            raise KeyboardInterrupt(said) from None
        failures = sum(interview.failures for interview in description.interviews)
        folder.is_done = not failures
    return Outcome(report, maps, failures, folder.path)


def _backends(plan: Plan) -> dict[Backend, tuple[str, ...]]:
    """Open the models that are asked, with what each is asked for."""
    opened: dict[Backend, tuple[str, ...]] = {}
    for spec, fields in fields_by_model(plan).items():
        try:
            refuse_blind(spec)
        except InputError as error:
            error.where = "--captioner" if "caption" in fields else "--tagger"
            raise
        opened[open_backend(spec, backend_options(plan.settings))] = fields
    return opened


@dataclass
class _Description:
    """Completes records on their way into the file."""

    plan: Plan
    work: WorkFolder
    found: FoundFile
    stages: Sequence[Stage]
    backends: dict[Backend, tuple[str, ...]]
    maps: QuantileMaps | None
    show: Show
    away: Away | None = None
    interviews: list[Interview] = field(default_factory=list)

    def complete(
        self, records: Iterator[ImageRecord], folder: Path, on_problem: OnProblem
    ) -> Iterator[ImageRecord]:
        """Yield the records completed; those with an unreadable image are told and left out."""
        images = self.plan.settings.images
        with _Spool(self.work.path) as spool:
            count = spool.fill(records)
            local, unreadable = self._look(folder, spool, count)
            for backend, fields in self.backends.items():
                sight = Sight(folder, longest_side=images.image_side, jpeg_quality=images.image_quality)
                interview = Interview(backend, fields, folder, sight, self.found, self.plan.caption_prompt)
                self.interviews.append(interview)
                readable = (record for record in spool if record.id not in unreadable)
                self._ask(interview, backend, readable, count - len(unreadable))
            for record in spool:
                yield from self._completed(local, record, unreadable.get(record.id), on_problem)

    def _look(self, folder: Path, spool: _Spool, count: int) -> tuple[Findings, dict[str, InputError]]:
        """Look at all images, here or by Ray's workers; return what was found, and what cannot be read."""
        unreadable: dict[str, InputError] = {}
        with self.show("describing", count) as advance:

            def done(record_id: str, error: InputError | None) -> None:
                if error is not None:
                    unreadable[record_id] = error
                advance(note=record_id)

            if self.away is not None:
                stages = look_on_ray(self.away, self.plan, folder, spool, self.found, done)
                return Findings(folder, stages, self.found, self.maps), unreadable
            local = Description(folder, self.stages, self.found, self.maps, self.plan.batch_size)
            local.look(spool, lambda record, error: done(record.id, error))
            return local, unreadable

    def _ask(
        self, interview: Interview, backend: Backend, records: Iterator[ImageRecord], count: int
    ) -> None:
        settings = self.plan.settings

        async def ask(advance: Advance) -> None:
            try:
                await interview.ask(
                    records,
                    lambda record: advance(note=record.id),
                    journal=self.work.path / ANSWERS,
                    limits=limits_of(settings, backend),
                    prices=settings.prices,
                )
            finally:
                # Connections can be closed only by the event loop that opened them.
                await backend.aclose()

        with self.show(f"asking {backend.model}", count) as advance:
            event_loop.run(ask(advance))

    def _completed(
        self, local: Findings, record: ImageRecord, error: InputError | None, on_problem: OnProblem
    ) -> Iterator[ImageRecord]:
        described = local.describe(record)
        error = error or described.error
        if error is not None:
            what = InputError(error.what, remedy=error.remedy)
            on_problem(Problem(record.image, str(what)))
            return
        result = described.record
        for interview in self.interviews:
            said = interview.said(record)
            if said is None:
                continue
            result = completed(result, said.finding, said.origin)
            for problem in said.problems:
                on_problem(Problem(record.image, problem, left_out=False))
        yield result


class _Spool:
    """Records on the disk, to be read more than once without reading their source again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO

    def __enter__(self) -> _Spool:
        # It has no name: whatever ends the process, nothing is left of it.
        self._file = tempfile.TemporaryFile(dir=self._folder)
        return self

    def __exit__(self, *ended: object) -> None:
        self._file.close()

    def fill(self, records: Iterator[ImageRecord]) -> int:
        """Write all records, and return how many there are."""
        count = 0
        for record in records:
            self._file.write(record.model_dump_json().encode() + b"\n")
            count += 1
        return count

    def __iter__(self) -> Iterator[ImageRecord]:
        self._file.seek(0)
        return map(ImageRecord.model_validate_json, self._file)
