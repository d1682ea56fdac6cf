"""The order of things: record → prompt → completion → turns → checks → sample or rejection.

This is the only file that knows it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import platform
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, cast

from emogen.backends import Backend, RequestError, open_backend
from emogen.checks import CHECKS, Answer, findings
from emogen.errors import BackendError, InputError
from emogen.instructions import INSTRUCTIONS, AskedInstruction, DirectInstruction, Unreadable
from emogen.prompts import PromptRenderer
from emogen.resources import sha256_text
from emogen.schemas import Completion, ImageRecord, Prompt, Provenance, Rejection, Sample, Turn
from emogen.store import RunFolder

__all__ = ["DEFAULT_TYPES", "generate", "generate_into", "instruction", "manifest_of", "prompt_sha256"]

DEFAULT_TYPES: Final = ("categorical", "conversation", "reasoning")
# So many requests in a row that fail before a single one succeeded mean that none will.
HOPELESS_AFTER: Final = 5

# How a model ended → why its answer cannot be read.
CAUSES: Final = {"length": "truncated", "max_tokens": "truncated", "refusal": "refusal"}

Instruction = DirectInstruction | AskedInstruction
Outcome = Sample | Rejection


def instruction(name: str) -> Instruction:
    """Return the instruction type `name`."""
    return INSTRUCTIONS.get(name)()


async def generate(
    records: Iterable[ImageRecord],
    backend: Backend | str | None = None,
    *,
    types: Sequence[str] = DEFAULT_TYPES,
    renderer: PromptRenderer | None = None,
    skip: Collection[tuple[str, str]] = frozenset(),
    on_rejection: Callable[[Rejection], None] | None = None,
) -> AsyncGenerator[Sample]:
    """Make samples from records, in the order in which the answers arrive.

    Leave the loop early only inside `contextlib.aclosing`, so that running requests are cancelled:

        async with aclosing(emogen.generate(records, "embedded")) as samples:
            async for sample in samples:
                ...

    Args:
        records: Read lazily, one record at a time.
        backend: A backend, or what `--backend` takes; None is enough where no type asks a model.
        types: Instruction types to make of each record.
        renderer: Templates and seed examples; the bundled ones by default.
        skip: Pairs of record id and instruction type that are there already.
        on_rejection: Called with each answer that was not kept.

    Raises:
        BackendError: no request can succeed.
        InputError: a type is unknown, or a type asks a model and no backend was given.
    """
    kinds = [instruction(name) for name in types]
    opened = open_backend(backend) if isinstance(backend, str) else None
    asked = opened if isinstance(backend, str) else backend
    if asked is None and any(kind.asks_model for kind in kinds):
        raise InputError("no backend given", remedy="Name one, or make only the categorical type.")
    try:
        work = _Work(_pairs(records, kinds, skip), asked, renderer or PromptRenderer())
        async with aclosing(work.outcomes()) as outcomes:
            async for outcome in outcomes:
                if isinstance(outcome, Sample):
                    yield outcome
                elif on_rejection is not None:
                    on_rejection(outcome)
    finally:
        if opened is not None:
            await opened.aclose()


def _pairs(
    records: Iterable[ImageRecord], kinds: Sequence[Instruction], skip: Collection[tuple[str, str]]
) -> Iterator[tuple[ImageRecord, Instruction]]:
    for record in records:
        for kind in kinds:
            if (record.id, kind.name) not in skip:
                yield record, kind


class _Work:
    """A bounded pool of workers over lazily read pairs; one row never fails another."""

    def __init__(
        self,
        pairs: Iterator[tuple[ImageRecord, Instruction]],
        backend: Backend | None,
        renderer: PromptRenderer,
    ) -> None:
        self._pairs = pairs
        self._backend = backend
        self._renderer = renderer
        self._ready: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self._broken: Exception | None = None
        self._fatal: Exception | None = None
        self._answered = False
        self._failed = 0
        self._last_failure: RequestError | None = None

    async def outcomes(self) -> AsyncGenerator[Outcome]:
        """Yield outcomes as they come, and raise what ended the work once all that was made is yielded.

        An error of a backend cancels the requests under way; where the records end in an error, the requests of
        those before it are waited for.
        """
        workers = self._backend.in_flight if self._backend else 1
        # A slow consumer holds the workers back instead of filling the memory.
        room = asyncio.Semaphore(2 * workers)
        tasks = [asyncio.create_task(self._work(room)) for _ in range(workers)]
        running = workers
        try:
            while running and self._fatal is None:
                outcome = await self._ready.get()
                if outcome is None:
                    running -= 1
                    continue
                yield outcome
                room.release()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        while not self._ready.empty():
            if (left := self._ready.get_nowait()) is not None:
                yield left
        error = self._fatal or self._broken or self._nothing_answered()
        if error is not None:
            raise error

    async def _work(self, room: asyncio.Semaphore) -> None:
        try:
            while self._fatal is None:
                # Room is taken before the work, so that what was made can always be handed over.
                await room.acquire()
                pair = self._next()
                if pair is None:
                    break
                self._ready.put_nowait(await self._make(*pair))
        except Exception as error:
            self._fatal = self._fatal or error
        finally:
            self._ready.put_nowait(None)

    def _next(self) -> tuple[ImageRecord, Instruction] | None:
        try:
            return next(self._pairs, None)
        except Exception as error:
            self._broken = error
            return None

    async def _make(self, record: ImageRecord, kind: Instruction) -> Outcome:
        if not kind.asks_model:
            return _direct(record, cast(DirectInstruction, kind))
        assert self._backend is not None
        asked = cast(AskedInstruction, kind)
        prompt = asked.prompt(record, self._renderer, structured=self._backend.structured)
        try:
            completion = await self._backend.complete(prompt)
        except RequestError as error:
            return self._failure(record, kind, error)
        self._answered = True
        return judge(record, asked, prompt, completion, self._backend)

    def _failure(self, record: ImageRecord, kind: Instruction, error: RequestError) -> Rejection:
        self._failed += 1
        self._last_failure = error
        if self._failed >= HOPELESS_AFTER and error.reason != "bad_request":
            hopeless = self._nothing_answered()
            if hopeless is not None:
                raise hopeless from error
        return Rejection(
            record_id=record.id,
            instruction=kind.name,
            stage="backend",
            reason=error.reason,
            detail=error.detail,
        )

    def _nothing_answered(self) -> BackendError | None:
        if self._answered or self._last_failure is None:
            return None
        return BackendError(
            f"not one of {self._failed} requests was answered; the last: {self._last_failure.what}",
            remedy="Check the model, and the server and its address (--base-url), then run the same command again.",
        )


def _direct(record: ImageRecord, kind: DirectInstruction) -> Outcome:
    turns = kind.turns(record)
    if isinstance(turns, Unreadable):
        return Rejection(
            record_id=record.id,
            instruction=kind.name,
            stage="prompt",
            reason=turns.reason,
            detail=turns.detail,
        )
    provenance = Provenance(backend="none", model="none", prompt_sha256="", template_sha256="")
    return Sample(record=record, instruction=kind.name, turns=turns, provenance=provenance)


def judge(
    record: ImageRecord, kind: AskedInstruction, prompt: Prompt, completion: Completion, backend: Backend
) -> Outcome:
    """Read and check one completion: the part of the way that costs nothing and can be repeated."""
    provenance = _provenance(prompt, completion, backend)

    def reject(stage: Any, reason: str, detail: str) -> Rejection:
        return Rejection(
            record_id=record.id,
            instruction=kind.name,
            stage=stage,
            reason=reason,
            detail=detail,
            raw_answer=completion.text,
            provenance=provenance,
        )

    turns = kind.parse(completion.text)
    if isinstance(turns, Unreadable):
        return reject("parse", _cause(record, kind.name, completion) or turns.reason, turns.detail)
    flags: list[str] = []
    for finding in findings(Answer(record, kind.name, turns, completion)):
        if finding.action == "reject":
            return reject("check", finding.reason, finding.detail)
        flags.append(finding.reason)
    return Sample(
        record=record, instruction=kind.name, turns=turns, flags=tuple(flags), provenance=provenance
    )


def _cause(record: ImageRecord, name: str, completion: Completion) -> str | None:
    """Return why an answer is unreadable where the answer itself shows it: it was cut, or it declines."""
    if completion.finish_reason in CAUSES:
        return CAUSES[completion.finish_reason]
    whole = (Turn(question="(asked)", answer=completion.text or "(nothing)", kind="basic"),)
    declined = CHECKS.get("refusal")(Answer(record, name, whole, completion))
    return "refusal" if declined else None


def _provenance(prompt: Prompt, completion: Completion, backend: Backend) -> Provenance:
    return Provenance(
        backend=backend.name,
        model=completion.model,
        prompt_sha256=prompt_sha256(prompt),
        template_sha256=prompt.template_sha256,
        seed_ids=prompt.seed_ids,
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        latency_s=completion.latency_s,
    )


def prompt_sha256(prompt: Prompt) -> str:
    """Return the hash of what the model is asked: the messages and the answer's schema."""
    messages = (part for message in prompt.messages for part in (message.role, message.content))
    return sha256_text(*messages, repr(prompt.answer_schema), repr(prompt.guide))


async def generate_into(
    folder: RunFolder,
    records: Iterable[ImageRecord],
    backend: Backend | None,
    *,
    types: Sequence[str],
    renderer: PromptRenderer,
    on_outcome: Callable[[Outcome], None],
) -> None:
    """Run `generate` into an open run folder, skipping what it already holds."""

    def keep(outcome: Outcome) -> None:
        folder.add(outcome)
        on_outcome(outcome)

    samples = generate(
        records, backend, types=types, renderer=renderer, skip=frozenset(folder.done), on_rejection=keep
    )
    async with aclosing(samples) as rows:
        async for sample in rows:
            keep(sample)


def manifest_of(
    *,
    records: Path,
    out: Path,
    types: Sequence[str],
    labels: str | None,
    backend: Backend | None,
    renderer: PromptRenderer,
) -> dict[str, Any]:
    """Return what makes a run repeatable: inputs, model, parameters, prompt hashes and versions."""
    asked = [kind.name for kind in map(instruction, types) if kind.asks_model]
    images = records if records.is_dir() else records.parent
    return {
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "records": records.name,
        # Relative, so that the run folder and the images can be moved together.
        "image_root": os.path.relpath(images.resolve(), out.resolve()),
        "types": list(types),
        "labels": labels,
        "backend": backend.name if backend else None,
        "model": backend.model if backend else None,
        "parameters": backend.parameters if backend else {},
        "notice": backend.notice if backend else "",
        "templates": {name: renderer.template_sha256(name) for name in asked},
        "seeds": {name: renderer.seeds_sha256(name) for name in asked},
        "examples": renderer.examples,
        "seed": renderer.seed,
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in ("emovit-toolkit", "aiohttp", "jinja2", "pydantic", "xllamacpp"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
