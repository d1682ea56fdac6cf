"""The pipeline with backends that the tests steer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any, ClassVar

import pytest
from openai_stub import CONVERSATION, REASONING

from emogen.asking import WORKERS_PER_SLOT
from emogen.backends import RequestError
from emogen.backends.scripted import ScriptedAnswer, ScriptedBackend
from emogen.errors import BackendError, CredentialError, InputError
from emogen.judging import prompt_sha256
from emogen.pipeline import generate
from emogen.schemas import Completion, ImageRecord, Prompt, Rejection, Sample

Answer = Callable[[Prompt], Awaitable[str]]


class Steered:
    """A backend whose answers a test makes; counts what is under way."""

    name = "steered"
    model = "steered-1"
    structured = True
    guided = False
    takes_corrections = False
    rate_headers: ClassVar[dict[str, str]] = {}
    notice = ""

    def __init__(self, answer: Answer | None = None, in_flight: int = 4) -> None:
        self.in_flight = in_flight
        self.parameters: dict[str, Any] = {}
        self.started = self.running = self.most = self.cancelled = 0
        self.closed = False
        self._answer = answer

    async def complete(self, prompt: Prompt) -> Completion:
        self.started += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            text = await self._answer(prompt) if self._answer else REASONING
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return Completion(text=text, model=self.model)

    async def aclose(self) -> None:
        self.closed = True


def record(number: int) -> ImageRecord:
    return ImageRecord(
        id=f"r{number}", image=f"r{number}.jpg", emotion="awe", caption="A rocket stands there."
    )


class Source:
    """Endless records; counts how many were read, and ends in an error after `broken_after`."""

    def __init__(self, broken_after: int | None = None) -> None:
        self.read = 0
        self._broken_after = broken_after

    def __iter__(self) -> Iterator[ImageRecord]:
        while self.read != self._broken_after:
            self.read += 1
            yield record(self.read)
        raise InputError("not valid JSON", where=f"records.jsonl:{self.read + 1}")


async def collect(
    records: Any, backend: Any, **options: Any
) -> tuple[list[Sample], list[Rejection], Exception | None]:
    samples: list[Sample] = []
    rejections: list[Rejection] = []
    options = {"types": ["reasoning"], **options}
    made = generate(records, backend, on_rejection=rejections.append, **options)
    try:
        async with aclosing(made):
            async for sample in made:
                samples.append(sample)
    except Exception as error:
        return samples, rejections, error
    return samples, rejections, None


async def test_every_pair_has_one_outcome() -> None:
    """Each record and type ends once, as a sample or as a rejection, whatever the answers are."""

    async def answer(prompt: Prompt) -> str:
        number = int(prompt.record_id[1:])
        await asyncio.sleep(0.001 * (number % 3))
        if number % 5 == 0:
            raise RequestError("server_error", "HTTP 500")
        return [CONVERSATION if prompt.instruction == "conversation" else REASONING, "nonsense"][
            number % 7 == 0
        ]

    types = ["categorical", "conversation", "reasoning"]
    samples, rejections, error = await collect(
        [record(i) for i in range(1, 51)], Steered(answer), types=types
    )
    assert error is None
    outcomes = Counter([(s.record.id, s.instruction) for s in samples])
    outcomes.update((r.record_id, r.instruction) for r in rejections)
    assert outcomes == Counter((f"r{i}", name) for i in range(1, 51) for name in types)
    reasons = Counter((r.stage, r.reason) for r in rejections)
    assert reasons == {("backend", "server_error"): 20, ("parse", "unreadable"): 12}


async def test_records_are_read_as_they_are_needed() -> None:
    """Of an endless source only a bounded number is read, and stopping early cancels what is under way."""
    source, backend = Source(), Steered(in_flight=3)
    async with aclosing(generate(source, backend, types=["reasoning"])) as samples:
        async for _ in samples:
            await asyncio.sleep(0.02)
            if backend.started >= 12:
                break
    # Each worker may hold a record for which there is no slot yet.
    assert source.read <= backend.started + WORKERS_PER_SLOT * 3
    assert backend.most == 3
    assert backend.running == 0


async def test_a_slow_consumer_holds_the_work_back() -> None:
    """While nobody takes the samples, only a few rows for each request in flight are made."""
    source, backend = Source(), Steered(in_flight=3)
    async with aclosing(generate(source, backend, types=["categorical", "reasoning"])) as samples:
        await anext(samples)
        await asyncio.sleep(0.05)
        # Two types of each record; twice as many outcomes as there are workers, and the one that was taken.
        assert source.read <= 2 * WORKERS_PER_SLOT * 3 // 2 + 1


async def test_stopping_early_cancels_running_requests() -> None:
    """Inside `aclosing`, leaving the loop cancels the requests under way and leaves no task behind."""

    async def answer(prompt: Prompt) -> str:
        if prompt.record_id != "r1":
            await asyncio.sleep(60)
        return REASONING

    backend = Steered(answer)
    before = asyncio.all_tasks()
    async with aclosing(generate(Source(), backend, types=["reasoning"])) as samples:
        async for _ in samples:
            break
    assert (backend.cancelled, backend.running) == (4, 0)
    assert asyncio.all_tasks() == before


async def test_cancelling_the_consumer_cancels_the_requests() -> None:
    """A cancelled consumer, as by Ctrl-C, leaves nothing running."""

    async def answer(prompt: Prompt) -> str:
        await asyncio.sleep(60)
        return ""

    backend = Steered(answer)
    work = asyncio.create_task(collect(Source(), backend))
    await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (backend.started, backend.cancelled, backend.running) == (4, 4, 0)


async def test_a_fatal_error_stops_and_keeps_what_was_made() -> None:
    """An error for all requests cancels the others and is raised once, after every finished row was handed over."""
    finished: list[str] = []

    async def answer(prompt: Prompt) -> str:
        number = int(prompt.record_id[1:])
        if number == 9:
            raise CredentialError("the key was withdrawn")
        if number > 6:
            await asyncio.sleep(60)
        finished.append(prompt.record_id)
        return REASONING

    backend = Steered(answer)
    samples, rejections, error = await collect(Source(), backend)
    assert isinstance(error, CredentialError)
    assert [sample.record.id for sample in samples] == finished
    assert rejections == []
    assert backend.running == 0
    assert backend.started < 12


async def test_a_broken_record_loses_nothing_before_it() -> None:
    """Where the records end in an error, all rows before it are finished, then the error is raised."""

    async def answer(prompt: Prompt) -> str:
        await asyncio.sleep(0.01)
        return REASONING

    samples, _, error = await collect(Source(broken_after=6), Steered(answer, in_flight=4))
    assert isinstance(error, InputError)
    assert error.where == "records.jsonl:7"
    assert sorted(sample.record.id for sample in samples) == [f"r{i}" for i in range(1, 7)]


@pytest.mark.parametrize(("count", "asked"), [(2, 2), (500, 12)])
async def test_requests_that_all_fail(count: int, asked: int) -> None:
    """Where not one request is answered, a single error says so, early where there are many."""

    async def answer(prompt: Prompt) -> str:
        raise RequestError("server_error", "HTTP 503: busy")

    backend = Steered(answer)
    _, rejections, error = await collect([record(i) for i in range(count)], backend)
    assert isinstance(error, BackendError)
    assert "was answered; the last: server_error: HTTP 503: busy. " in str(error)
    assert backend.started <= asked
    assert len({rejection.record_id for rejection in rejections}) == len(rejections) <= asked


async def test_failures_after_a_first_answer_are_single() -> None:
    """Once a request was answered, failures are rows' own and the run goes on to its end."""

    async def answer(prompt: Prompt) -> str:
        if prompt.record_id == "r0":
            return REASONING
        raise RequestError("server_error", "HTTP 503")

    samples, rejections, error = await collect([record(i) for i in range(40)], Steered(answer, in_flight=1))
    assert error is None
    assert (len(samples), len(rejections)) == (1, 39)


async def test_a_run_that_goes_on_is_more_patient() -> None:
    """Rows that failed before are asked first on resume: that these fail again does not keep the others from it."""

    async def answer(prompt: Prompt) -> str:
        if int(prompt.record_id[1:]) < 20:
            raise RequestError("server_error", "HTTP 503")
        return REASONING

    made = generate(
        [record(i) for i in range(40)],
        Steered(answer, in_flight=1),
        types=["reasoning"],
        skip={("earlier", "reasoning")},
    )
    async with aclosing(made) as samples:
        assert len([sample async for sample in samples]) == 20


async def test_a_bug_in_a_backend_is_raised_as_it_is() -> None:
    """What is no error of ours keeps its type."""

    async def answer(prompt: Prompt) -> str:
        raise ZeroDivisionError("a bug")

    _, _, error = await collect(Source(), Steered(answer))
    assert isinstance(error, ZeroDivisionError)


async def test_what_is_there_is_not_asked_again() -> None:
    """Pairs in `skip` are passed over, others of the same record are not."""
    backend = Steered()
    samples, _, _ = await collect(
        [record(0), record(1)], backend, types=["categorical", "reasoning"], skip={("r0", "reasoning")}
    )
    assert {sample.id for sample in samples} == {"r0/categorical", "r1/categorical", "r1/reasoning"}
    assert backend.started == 1


@pytest.mark.parametrize(
    ("answer", "stage", "reason"),
    [
        (ScriptedAnswer(text="nonsense"), "parse", "unreadable"),
        (ScriptedAnswer(text='{"question": "Why', finish_reason="length"), "parse", "truncated"),
        (ScriptedAnswer(text="I'm sorry, but I cannot help with that."), "parse", "refusal"),
        (ScriptedAnswer(text="No.", finish_reason="refusal"), "parse", "refusal"),
        (ScriptedAnswer(text="", finish_reason="content_filter"), "parse", "refusal"),
        (ScriptedAnswer(text=REASONING, finish_reason="length"), "check", "truncated"),
        (ScriptedAnswer(text="Question: Why is it so?\nAnswer: Because."), "check", "length"),
    ],
)
async def test_a_rejection_names_the_cause(answer: ScriptedAnswer, stage: str, reason: str) -> None:
    """A rejection holds the stage, the cause rather than its symptom, the raw answer and how it was made."""
    backend = ScriptedBackend([answer, ScriptedAnswer(text=REASONING)])
    samples, (rejection,), error = await collect([record(0), record(1)], backend)
    assert error is None
    assert (rejection.stage, rejection.reason) == (stage, reason)
    assert rejection.raw_answer == answer.text
    assert rejection.detail
    assert rejection.provenance is not None
    assert rejection.provenance.model == "scripted"
    assert len(samples) == 1


async def test_a_sample_says_how_it_was_made() -> None:
    """A sample's provenance holds backend, model, seeds and the hash of the prompt that was sent."""
    backend = ScriptedBackend([ScriptedAnswer(text=REASONING)])
    (sample,), _, _ = await collect([record(0)], backend)
    (prompt,) = backend.prompts
    assert sample.provenance.prompt_sha256 == prompt_sha256(prompt)
    assert sample.provenance.template_sha256 == prompt.template_sha256
    assert sample.provenance.seed_ids == prompt.seed_ids
    assert (sample.provenance.backend, sample.provenance.model) == ("scripted", "scripted")


async def test_no_emotion_is_a_rejection_not_an_error() -> None:
    """A record without a label is rejected by the categorical type alone."""
    bare = ImageRecord(id="bare", image="bare.jpg", caption="A rocket stands there.")
    samples, (rejection,), error = await collect([bare], Steered(), types=["categorical", "reasoning"])
    assert error is None
    assert [sample.instruction for sample in samples] == ["reasoning"]
    assert (rejection.stage, rejection.reason) == ("prompt", "no_emotion")


async def test_no_backend() -> None:
    """Types that ask a model need a backend; the categorical type alone needs none."""
    samples, _, error = await collect([record(0)], None, types=["categorical"])
    assert (len(samples), error) == (1, None)
    _, _, error = await collect([record(0)], None)
    assert isinstance(error, InputError)


async def test_a_backend_that_generate_opened_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend given by its name is closed by `generate`, one given as an object is its owner's."""
    named, given = Steered(), Steered()
    monkeypatch.setattr("emogen.pipeline.open_backend", lambda spec: named)
    await collect([record(0)], "steered")
    await collect([record(0)], given)
    assert (named.closed, given.closed) == (True, False)
