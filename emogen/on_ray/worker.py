"""A worker: an actor that takes shards, one after the other, and makes samples of them as a run without Ray does."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
import uuid
from collections.abc import Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emogen.admission import Limits
from emogen.asking import Asker
from emogen.backends import Backend, HasAnswerFormats
from emogen.errors import CredentialError, EmovitError, InputError
from emogen.event_loop import new_event_loop
from emogen.garbage import search_rarely
from emogen.on_ray.desk import Parcel
from emogen.on_ray.lease import Lease, Report
from emogen.on_ray.leased_admission import LeasedAdmission
from emogen.on_ray.line import Line
from emogen.on_ray.outbox import Outbox, ShardAnswers
from emogen.on_ray.parcels import ASKED, DONE, FAILED, NOTE, Failure, Shard, Tally
from emogen.on_ray.wire import Address
from emogen.opening import backend_of, renderer_of, sight_of
from emogen.patience import Patience
from emogen.pipeline import generate
from emogen.prices import Price
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageRecord, Rejection, Sample
from emogen.settings import RunSettings
from emogen.settings.reading import read_settings
from emogen.sight import Sight
from emogen.store import made_of
from emogen.terminal import notes_to

__all__ = ["Errand", "ShardWorker"]


@dataclass(frozen=True)
class Errand:
    """What all workers of a run are told.

    Attributes:
        settings: Of the run, its paths absolute; a key is not among them.
        limits: For all workers together.
        price: Of the run's model; None where it is unknown.
        image_root: Where the images are that the model sees; None tells it of them in words alone.
        hashes: Instruction type → hashes of its template and its seed examples, as the run's manifest has them.
        resumed: Whether a model was asked in this run before.
    """

    settings: Mapping[str, Any]
    limits: Limits
    price: Price | None
    image_root: Path | None
    hashes: Mapping[str, tuple[str | None, str | None]]
    resumed: bool


class ShardWorker:
    """An actor that is called with the number of one shard after the other; it works on an event loop of its own.

    Args:
        desk: Where the desk is.
        errand: See `Errand`.
    """

    def __init__(self, desk: Address, errand: Errand) -> None:
        self._desk = desk
        self._errand = errand
        self._name = uuid.uuid4().hex

    async def work(self, number: int) -> None:
        """Make all rows of a shard; they are in the run folder when this returns."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._work(number), self._loop))

    def close(self) -> None:
        """Let go of the connections and end the loop; a worker that Ray ends does so with its process."""
        asyncio.run_coroutine_threadsafe(self._aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _aclose(self) -> None:
        if self._told.model is not None:
            await self._told.model.admission.aclose()
            await self._told.model.backend.aclose()
        await self._line.aclose()

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        # Ray's own loop is asyncio's, on which a row takes a sixth more CPU.
        loop = new_event_loop()
        threading.Thread(target=loop.run_forever, name="rows", daemon=True).start()
        return loop

    async def _hand_in(self, parcel: Parcel) -> Any:
        return await self._line.ask(parcel)

    async def _renew(self, report: Report) -> Lease:
        lease: Lease = await self._line.ask(report)
        return lease

    async def _work(self, number: int) -> None:
        shard: Shard | None = await self._hand_in(Parcel(ASKED, number))
        if shard is None:
            # The run has ended.
            return
        try:
            replayed, estimated = await self._made(shard)
        except EmovitError as error:
            await self._outbox.flush()
            await self._hand_in(Parcel(FAILED, Failure.of(error)))
        except Exception:
            await self._hand_in(Parcel(FAILED, traceback.format_exc()))
        else:
            await self._hand_in(Parcel(DONE, Tally(number, replayed, estimated)))

    async def _made(self, shard: Shard) -> tuple[int, int]:
        """Make the rows of a shard; return how many answers were known, and of how many the tokens are estimated."""
        told = self._told
        asker = None
        if told.model is not None:
            backend = told.model.backend
            if shard.answer_format is not None and isinstance(backend, HasAnswerFormats) and not backend.fell:
                backend.go_on_with(shard.answer_format)
            answers = ShardAnswers(shard.known, self._outbox)
            asker = Asker(backend, told.model.admission, answers, told.model.price)

        def keep(outcome: Sample | Rejection) -> None:
            self._outbox.add(made_of(outcome))

        samples = generate(
            _records(shard),
            types=told.settings.types,
            renderer=told.renderer,
            skip=shard.skip,
            on_rejection=keep,
            asker=asker,
            corrections=told.settings.corrections,
            tokens_per_row=told.settings.limits.tokens_per_row,
            sight=told.sight,
            checks=told.settings.checks,
            patience=told.model.patience if told.model else None,
        )
        async with aclosing(samples) as rows:
            async for sample in rows:
                keep(sample)
                await self._outbox.room()
        await self._outbox.flush()
        return (asker.replayed, asker.estimated) if asker else (0, 0)

    @cached_property
    def _line(self) -> Line:
        return Line(self._desk)

    @cached_property
    def _outbox(self) -> Outbox:
        return Outbox(self._hand_in)

    @cached_property
    def _told(self) -> _Told:
        """Open what the run's settings name; within the loop, when the first shard is there."""
        notes_to(self._note)
        # Ray is not searched for garbage, row after row.
        gc.freeze()
        search_rarely()
        errand = self._errand
        settings = read_settings(errand.settings, lambda key: f"as a worker was told: {key}")
        renderer = renderer_of(settings)
        backend = _backend_of(settings)
        _refuse_other_files(errand, renderer, guided=backend is not None and backend.guided)
        model = None
        if backend is not None:
            gate = LeasedAdmission(self._name, self._renew, errand.limits)
            model = _Model(backend, gate, errand.price, Patience(backend, resumed=errand.resumed))
        return _Told(settings, renderer, sight_of(settings, errand.image_root), model)

    def _note(self, text: str) -> None:
        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self._hand_in(Parcel(NOTE, text)), self._loop)


@dataclass(frozen=True)
class _Model:
    """Who is asked, for all shards of a worker."""

    backend: Backend
    admission: LeasedAdmission
    price: Price | None
    patience: Patience


@dataclass(frozen=True)
class _Told:
    """What a worker has opened."""

    settings: RunSettings
    renderer: PromptRenderer
    sight: Sight | None
    model: _Model | None


def _records(shard: Shard) -> Iterator[ImageRecord]:
    return map(ImageRecord.model_validate_json, shard.lines)


def _backend_of(settings: RunSettings) -> Backend | None:
    try:
        return backend_of(settings)
    except CredentialError as error:
        raise CredentialError(
            f"a worker finds {error.what}",
            remedy="Workers have the environment in which `ray start` was called on their machine: export the key "
            "there, and start Ray again.",
        ) from error


def _refuse_other_files(errand: Errand, renderer: PromptRenderer, *, guided: bool) -> None:
    """Refuse to work with other templates or seed examples than the run's: its rows would not be alike.

    Raises:
        InputError: this machine has other ones.
    """
    for name, hashes in errand.hashes.items():
        if hashes != (renderer.template_sha256(name, guided=guided), renderer.seeds_sha256(name)):
            raise InputError(
                f"a worker's machine has another template of {name}, or other seed examples",
                remedy="Install the same version on all machines; folders of yours must lie at the same path on each.",
            )
