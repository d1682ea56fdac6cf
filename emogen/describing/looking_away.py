"""Images looked at by Ray's workers, each with models of its own; what they find is kept here, as if found here."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from emogen import event_loop
from emogen.admission import Limits
from emogen.describing.plan import Plan, stages_of
from emogen.errors import EmovitError, InputError
from emogen.on_ray.cluster import connected
from emogen.on_ray.desk import Parcel
from emogen.on_ray.line import BlockingLine
from emogen.on_ray.parcels import ASKED, FAILED, NOTE, Failure
from emogen.on_ray.pool import Pool, run_pool
from emogen.on_ray.serving import Serving
from emogen.on_ray.shards import ShardFile
from emogen.on_ray.wire import Address
from emogen.perception import Finding
from emogen.perception.describe import Description
from emogen.perception.work import FoundFile
from emogen.schemas import ImageRecord
from emogen.terminal import notes_to

__all__ = ["Away", "look_on_ray"]

# What parcels hold beside those of `emogen.on_ray.parcels`: who looks; keys of which the findings are asked for;
# findings; records that were looked at, with what is wrong with their images.
STAGES: Final = "stages"
KNOWN: Final = "known"
FOUND: Final = "found"
LOOKED: Final = "looked"


@dataclass(frozen=True)
class Away:
    """Where the work is done.

    Attributes:
        pool: The workers.
        address: Of the cluster; None is one of this machine alone.
    """

    pool: Pool
    address: str | None


@dataclass(frozen=True)
class _Label:
    """What is known here of a worker's model."""

    fields: tuple[str, ...]
    origin: str
    identity: Mapping[str, Any]


def look_on_ray(
    away: Away,
    plan: Plan,
    folder: Path,
    records: Iterable[ImageRecord],
    found: FoundFile,
    done: Callable[[str, InputError | None], None],
) -> Sequence[_Label]:
    """Let workers look at the images of all records that nobody has looked at yet.

    Args:
        away: Where.
        plan: By what.
        folder: What the records' `image` is relative to; the workers find it at the same path.
        records: In the same order each time.
        found: Where findings are kept.
        done: Called with the id of each record, and what is wrong with its image.

    Returns:
        What the workers' models are called in findings.

    Raises:
        EmovitError: a model cannot be loaded there, or Ray gave up; what was found is kept.
    """
    # Batches are cut where they are cut without Ray, so that the findings are the same.
    batches = -(-away.pool.shard_records // plan.batch_size)
    with ShardFile(found.path.parent, ("",), batches * plan.batch_size) as shards:
        shards.fill(records, frozenset())
        watch = _Watch(shards, found, done)
        errand = (_elsewhere(plan), folder.resolve())

        async def serve(ray: Any) -> None:
            await watch.serve(
                ray,
                Limits(),
                lambda desk, ending: run_pool(
                    ray,
                    away.pool,
                    LookingWorker,
                    (desk, *errand),
                    len(shards),
                    ending,
                    at_once=1,
                    loads_models=bool(plan.captioner or plan.tagger),
                ),
            )

        with connected(away.address) as ray:
            event_loop.run(serve(ray))
    return watch.stages


def _elsewhere(plan: Plan) -> Plan:
    """Return the plan with absolute paths, without what is said of other machines."""

    def place(spec: str | None) -> str | None:
        return str(Path(spec).resolve()) if spec and Path(spec).is_dir() else spec

    return replace(plan, captioner=place(plan.captioner), tagger=place(plan.tagger), calibrate=None)


class _Watch(Serving):
    """Keeps findings, and hands out shards of records."""

    def __init__(
        self, shards: ShardFile, found: FoundFile, done: Callable[[str, InputError | None], None]
    ) -> None:
        super().__init__()
        self.stages: Sequence[_Label] = ()
        self._shards = shards
        self._found = found
        self._done = done
        self._seen: set[str] = set()

    async def keep(self, parcels: list[Parcel]) -> None:
        """Keep findings, and count records; after a broken line, both may have come before."""
        findings = [finding for parcel in parcels if parcel.kind == FOUND for finding in parcel.content]
        if findings:
            self._found.put(findings)
        for parcel in parcels:
            if parcel.kind == LOOKED:
                for record_id, failure in parcel.content:
                    self._count(record_id, failure)

    def _count(self, record_id: str, failure: Failure | None) -> None:
        if record_id not in self._seen:
            self._seen.add(record_id)
            error = failure.error() if failure else None
            assert error is None or isinstance(error, InputError)
            self._done(record_id, error)

    def reply(self, parcel: Parcel) -> Any:
        """Hand out a shard, unless the run is ending, or what is known of images."""
        if parcel.kind == ASKED:
            return None if self.error else self._shards.lines(parcel.content)
        if parcel.kind == KNOWN:
            known = ((key, self._found.get(key)) for key in parcel.content)
            return {key: finding for key, finding in known if finding is not None}
        if parcel.kind == STAGES:
            self.stages = parcel.content
        return None


class LookingWorker:
    """An actor that is called with the number of one shard after the other.

    Args:
        desk: Where the desk is.
        plan: By what the images are looked at.
        folder: Where they are.
    """

    def __init__(self, desk: Address, plan: Plan, folder: Path) -> None:
        self._line = BlockingLine(desk)
        self._plan = plan
        self._folder = folder

    def work(self, number: int) -> None:
        """Look at all images of a shard; what is found is kept when this returns."""
        lines: list[bytes] | None = self._hand_in(ASKED, number)
        if lines is None:
            return
        try:
            self._look([ImageRecord.model_validate_json(line) for line in lines])
        except EmovitError as error:
            self._hand_in(FAILED, Failure.of(error))
        except Exception:
            self._hand_in(FAILED, traceback.format_exc())

    def _hand_in(self, kind: str, content: Any) -> Any:
        return self._line.ask(Parcel(kind, content))

    @cached_property
    def _found(self) -> _Found:
        return _Found(self._hand_in)

    @cached_property
    def _description(self) -> Description:
        """Load the models, and say which they are."""
        notes_to(lambda text: self._hand_in(NOTE, text))
        stages = stages_of(self._plan)
        labels = [_Label(tuple(stage.fields), stage.origin, dict(stage.identity)) for stage in stages]
        self._hand_in(STAGES, labels)
        return Description(self._folder, stages, self._found, batch_size=self._plan.batch_size)

    def _look(self, records: list[ImageRecord]) -> None:
        description = self._description
        self._found.fetch(key for record in records for key in _keys(description, record))
        looked: list[tuple[str, Failure | None]] = []

        def done(record: ImageRecord, error: InputError | None) -> None:
            looked.append((record.id, Failure.of(error) if error else None))
            if len(looked) == self._plan.batch_size:
                self._hand_in(LOOKED, [*looked])
                looked.clear()

        description.look(records, done)
        self._hand_in(LOOKED, looked)


def _keys(description: Description, record: ImageRecord) -> list[bytes]:
    try:
        return description.keys(record)
    except InputError:
        # It is told when it is looked at.
        return []


class _Found:
    """Findings that are kept elsewhere.

    Args:
        hand_in: Hands in a parcel, and returns the reply.
    """

    def __init__(self, hand_in: Callable[[str, Any], Any]) -> None:
        self._hand_in = hand_in
        self._known: dict[bytes, Finding] = {}

    def fetch(self, keys: Iterable[bytes]) -> None:
        """Get what is known of the images of a shard, all at once."""
        self._known = dict(self._hand_in(KNOWN, [*keys]))

    def get(self, key: bytes) -> Finding | None:
        """Return what was found; None where nobody looked."""
        return self._known.get(key)

    def put(self, findings: Iterable[tuple[bytes, Finding]]) -> None:
        """Hand in findings; they are durable when this returns."""
        kept = [*findings]
        if kept:
            self._hand_in(FOUND, kept)
            self._known.update(kept)
