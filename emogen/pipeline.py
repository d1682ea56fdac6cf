"""The order of things: record → prompt → completion → turns → checks → sample or rejection.

This is the only file that knows it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import platform
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from typing import Any, Final, cast

import orjson

from emogen.admission import Admission, CostLimitError, Limits
from emogen.asking import Answered, Asker
from emogen.backends import Backend, RequestError, open_backend
from emogen.checks import CHECKS, Answer, findings
from emogen.errors import BackendError, InputError
from emogen.instructions import INSTRUCTIONS, AskedInstruction, DirectInstruction, Unreadable
from emogen.journal import Entry, Journal
from emogen.prompts import PromptRenderer
from emogen.resources import sha256_text
from emogen.schemas import Completion, ImageRecord, Message, Prompt, Provenance, Rejection, Sample, Turn
from emogen.store import JOURNAL, SAMPLES, RunFolder, read_manifest, read_rejections, read_samples, rewrite

__all__ = [
    "DEFAULT_TYPES",
    "generate",
    "generate_into",
    "instruction",
    "manifest_of",
    "prompt_sha256",
    "rebuild",
]

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
    asker: Asker | None = None,
    corrections: int = 1,
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
        asker: The backend with journal, limits and prices around it; takes the place of `backend`.
        corrections: How often a model is shown what is wrong with an answer that cannot be read.

    Raises:
        BackendError: no request can succeed.
        InputError: a type is unknown, or a type asks a model and no backend was given.
    """
    kinds = [instruction(name) for name in types]
    opened = open_backend(backend) if isinstance(backend, str) else None
    asked = opened if isinstance(backend, str) else backend
    if asker is None and asked is not None:
        asker = Asker(asked, Admission(Limits(in_flight=asked.in_flight)))
    if asker is None and any(kind.asks_model for kind in kinds):
        raise InputError("no backend given", remedy="Name one, or make only the categorical type.")
    try:
        work = _Work(_pairs(records, kinds, skip), asker, renderer or PromptRenderer(), corrections)
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
        asker: Asker | None,
        renderer: PromptRenderer,
        corrections: int,
    ) -> None:
        self._pairs = pairs
        self._asker = asker
        self._renderer = renderer
        self._corrections = corrections if asker is not None and asker.backend.takes_corrections else 0
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
        # Twice as many as may be in flight, so that rows that wait out a refusal leave no slot unused.
        workers = 2 * self._asker.backend.in_flight if self._asker else 1
        # A slow consumer holds the workers back instead of filling the memory.
        room = asyncio.Semaphore(workers + 1)
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
        except CostLimitError as error:
            # What is under way is paid for: it is waited for.
            self._broken = error
            self._pairs = iter(())
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
        try:
            return await self._ask(record, cast(AskedInstruction, kind))
        except RequestError as error:
            return self._failure(record, kind, error)

    async def _ask(self, record: ImageRecord, kind: AskedInstruction) -> Outcome:
        """Ask, and ask again with a correction where the answer cannot be read."""
        assert self._asker is not None
        backend = self._asker.backend
        prompt = kind.prompt(record, self._renderer, structured=backend.structured, guided=backend.guided)
        provenance = _provenance(prompt, backend)
        asked, cost = prompt, 0.0
        outcome: Outcome | None = None
        for revision in range(self._corrections + 1):
            context = {
                "record": record.model_dump(mode="json"),
                "provenance": provenance.model_dump(mode="json"),
                "parameters": backend.parameters,
            }
            try:
                answer = await self._asker.ask(asked, revision=revision, context=context)
            except RequestError:
                if outcome is None:
                    raise
                # The first answer stands, with what was wrong with it.
                return outcome
            self._answered = True
            cost += answer.cost or 0.0
            known = _answered(provenance, answer, revision, None if answer.cost is None else cost)
            outcome = judge(record, kind, answer.completion, known)
            if isinstance(outcome, Sample) or outcome.stage != "parse" or outcome.reason in CAUSES.values():
                return outcome
            asked = _corrected(prompt, answer.completion, outcome)
        assert outcome is not None
        return outcome

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
    record: ImageRecord, kind: AskedInstruction, completion: Completion, provenance: Provenance
) -> Outcome:
    """Read and check one completion: the part of the way that costs nothing and can be repeated."""

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


def _provenance(prompt: Prompt, backend: Backend) -> Provenance:
    """Return what is known before the answer."""
    return Provenance(
        backend=backend.name,
        model=backend.model,
        prompt_sha256=prompt_sha256(prompt),
        template_sha256=prompt.template_sha256,
        seed_ids=prompt.seed_ids,
    )


def _answered(before: Provenance, answer: Answered, revision: int, cost: float | None) -> Provenance:
    completion = answer.completion
    return before.model_copy(
        update={
            "model": completion.model,
            "finish_reason": completion.finish_reason,
            "usage": completion.usage,
            "latency_s": completion.latency_s,
            "attempts": answer.attempts,
            "revision": revision,
            "cost": cost,
        }
    )


def _corrected(prompt: Prompt, completion: Completion, rejection: Rejection) -> Prompt:
    """Return the prompt that shows the model its answer and what is wrong with it."""
    wrong = f"That answer could not be used: {rejection.detail}. Reply once more, in exactly the format asked for."
    more = (Message(role="assistant", content=completion.text), Message(role="user", content=wrong))
    return prompt.model_copy(update={"messages": (*prompt.messages, *more)})


def prompt_sha256(prompt: Prompt) -> str:
    """Return the hash of what the model is asked: the messages and the answer's schema."""
    messages = (part for message in prompt.messages for part in (message.role, message.content))
    guide = [[turn.question, *turn.openings] for turn in prompt.guide]
    return sha256_text(*messages, orjson.dumps([prompt.answer_schema, guide]).decode())


async def generate_into(
    folder: RunFolder,
    records: Iterable[ImageRecord],
    asker: Asker | None,
    *,
    types: Sequence[str],
    renderer: PromptRenderer,
    corrections: int,
    on_outcome: Callable[[Outcome], None],
) -> None:
    """Run `generate` into an open run folder, skipping what it already holds."""

    def keep(outcome: Outcome) -> None:
        folder.add(outcome)
        on_outcome(outcome)

    samples = generate(
        records,
        types=types,
        renderer=renderer,
        skip=folder.done,
        on_rejection=keep,
        asker=asker,
        corrections=corrections,
    )
    async with aclosing(samples) as rows:
        async for sample in rows:
            keep(sample)


def rebuild(run: Path) -> tuple[Counter[str], Counter[str]]:
    """Make a run's samples anew from its journal, with the parsers and checks of today; nothing is asked.

    What needs no model is made anew from the records; rows that the journal does not know stay as they are. Rows
    stand by record and instruction type afterwards: a second time changes nothing.

    Returns:
        Counts of the kept by instruction type, and of the rejected by reason.

    Raises:
        InputError: there is no journal, or the folder cannot be written.
    """
    path = run / JOURNAL
    if not path.is_file():
        raise InputError("has no journal", where=run, remedy="Name a run folder that asked a model.")
    with Journal(path) as journal:
        return rewrite(run, _rebuilt(run, journal))


def _rebuilt(run: Path, journal: Journal) -> Iterator[Outcome]:
    manifest = read_manifest(run) or {}
    answered: set[tuple[str, str]] = set()
    for key, entries in groupby(journal.entries(), lambda entry: (entry.record_id, entry.instruction)):
        chain = _chain([entry for entry in entries if _belongs(entry, manifest)])
        if chain:
            answered.add(key)
            yield _last_outcome(chain)
    for sample in _rows_if_any(run):
        kind = instruction(sample.instruction)
        if not kind.asks_model:
            yield _direct(sample.record, cast(DirectInstruction, kind))
        elif (sample.record.id, sample.instruction) not in answered:
            yield sample
    for rejection in read_rejections(run):
        if (rejection.record_id, rejection.instruction) not in answered:
            yield rejection


def _belongs(entry: Entry, manifest: dict[str, Any]) -> bool:
    """Whether an answer is one of this run: a folder that was started anew keeps what the run before it paid for."""
    provenance = entry.context["provenance"]
    return bool(
        provenance["model"] == manifest.get("model")
        and entry.context["parameters"] == manifest.get("parameters")
        and provenance["template_sha256"] == manifest.get("templates", {}).get(entry.instruction)
    )


def _chain(entries: Sequence[Entry]) -> list[Entry]:
    """Return the newest first request of a row with the corrections that followed it."""
    begins = [position for position, entry in enumerate(entries) if entry.revision == 0]
    return list(entries[begins[-1] :]) if begins else []


def _rows_if_any(run: Path) -> Iterator[Sample]:
    return read_samples(run) if (run / SAMPLES).is_file() else iter(())


def _last_outcome(entries: Sequence[Entry]) -> Outcome:
    """Return what came of a row: the first answer that is kept, or the last."""
    cost: float | None = None
    for entry in entries:
        record = ImageRecord.model_validate(entry.context["record"])
        before = Provenance.model_validate(entry.context["provenance"])
        cost = cost if entry.cost is None else (cost or 0.0) + entry.cost
        answer = Answered(entry.completion, entry.attempts, entry.cost, replayed=True)
        kind = cast(AskedInstruction, instruction(entry.instruction))
        outcome = judge(record, kind, entry.completion, _answered(before, answer, entry.revision, cost))
        if isinstance(outcome, Sample):
            return outcome
    return outcome


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
