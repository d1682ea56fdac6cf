"""Asking: journal, admission and retries around a backend that the tests steer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from virtual_time import now_s, run_virtually

import emogen
from emogen.admission import Admission, CostLimitError, Limits
from emogen.asking import ATTEMPTS, Asker, open_asker
from emogen.backends import FormatRefusedError, RequestError, ThrottledError, TransientError
from emogen.errors import BackendError, CredentialError, EmovitError, InputError
from emogen.journal import Journal
from emogen.schemas import Completion, Message, Prompt, Usage

PRICES = 'as_of = 2026-01-01\n[per_million]\n"steered" = [0.0, 1000.0]\n'


class Steered:
    name = "steered"
    model = "steered"
    structured = guided = takes_corrections = False
    in_flight = 4
    notice = ""
    rate_headers: ClassVar[dict[str, str]] = {}

    def __init__(self, answer: Callable[[Prompt], Awaitable[None]] | None = None) -> None:
        self.parameters: dict[str, Any] = {"max_tokens": 100}
        self.sent: list[str] = []
        self.usage = Usage(prompt_tokens=10, completion_tokens=50)
        self._answer = answer

    async def complete(self, prompt: Prompt) -> Completion:
        self.sent.append(prompt.record_id)
        if self._answer is not None:
            await self._answer(prompt)
        return Completion(text=f"answer to {prompt.record_id}", model=self.model, usage=self.usage)

    async def aclose(self) -> None: ...


def prompt(number: int = 0) -> Prompt:
    return Prompt(
        record_id=f"r{number}",
        instruction="free",
        messages=(Message(role="user", content="Why?"),),
        template_sha256="",
    )


def failing(*errors: Exception) -> Callable[[Prompt], Awaitable[None]]:
    left = list(errors)

    async def answer(_: Prompt) -> None:
        await asyncio.sleep(0)
        if left:
            raise left.pop(0)

    return answer


def asker_of(backend: Steered, journal: Any = None, **limits: Any) -> Asker:
    clock = asyncio.get_running_loop().time
    return Asker(backend, Admission(Limits(**{"in_flight": 4, **limits}), clock=clock), journal)


def free(asker: Asker) -> bool:
    gate = asker.admission
    return gate._in_flight == 0 and gate._reserved == 0 and not gate._waiting


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return path


async def test_a_known_answer_costs_nothing(tmp_path: Path) -> None:
    """The same request again is answered from the journal: nothing is sent, and it cost what it cost."""
    backend = Steered()
    with Journal(tmp_path / "j.sqlite") as journal:
        asker = asker_of(backend, journal)
        first = await asker.ask(prompt())
        again = await asker.ask(prompt())
        other = await asker.ask(prompt(), revision=1)
    assert (first.replayed, again.replayed, other.replayed) == (False, True, False)
    assert again.completion == first.completion
    assert backend.sent == ["r0", "r0"]
    assert asker.replayed == 1


async def test_when_an_answer_came_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is known by the second at which it came in, whenever it is used again."""
    with Journal(tmp_path / "j.sqlite") as journal:
        asker = asker_of(Steered(), journal)
        monkeypatch.setattr("time.time", lambda: 1_790_000_000.9)
        first = await asker.ask(prompt())
        monkeypatch.setattr("time.time", lambda: 1_790_000_060.0)
        again, corrected = await asker.ask(prompt()), await asker.ask(prompt(), revision=1)
    came = [answer.answered_at for answer in (first, again, corrected)]
    assert came == [1_790_000_000, 1_790_000_000, 1_790_000_060]


def test_a_slot_is_held_until_the_answer_is_committed() -> None:
    """While commits hang, no more is sent than may be in flight."""

    class Hanging:
        def get(self, key: bytes) -> None: ...

        async def put(self, entry: Any) -> None:
            await hung.wait()

    async def work() -> tuple[int, int]:
        nonlocal hung
        hung = asyncio.Event()
        backend = Steered()
        asker = asker_of(backend, Hanging())
        tasks = [asyncio.create_task(asker.ask(prompt(number))) for number in range(20)]
        await asyncio.sleep(60)
        before = len(backend.sent)
        hung.set()
        await asyncio.gather(*tasks)
        assert free(asker)
        return before, len(backend.sent)

    hung = asyncio.Event()
    assert run_virtually(work()) == (4, 20)


async def test_a_full_disk_frees_the_slot() -> None:
    """Where an answer cannot be kept, that ends the run, and no slot is left behind."""

    class Full:
        def get(self, key: bytes) -> None: ...

        async def put(self, entry: Any) -> None:
            raise EmovitError("disk full")

    asker = asker_of(Steered(), Full())
    with pytest.raises(EmovitError, match="disk full"):
        await asker.ask(prompt())
    assert free(asker)


def test_refusals_use_up_no_attempt() -> None:
    """A row that is refused often is answered at its first attempt, and others use its slot meanwhile."""

    async def work() -> tuple[int, list[str], float]:
        backend = Steered(failing(*[ThrottledError("busy", 10.0)] * 20))
        asker = asker_of(backend, in_flight=1)
        refused = asyncio.create_task(asker.ask(prompt(0)))
        await asyncio.sleep(195)
        await asker.ask(prompt(1))
        answered = await refused
        assert free(asker)
        return answered.attempts, backend.sent[-2:], now_s()

    assert run_virtually(work()) == (1, ["r1", "r0"], 200.0)


def test_refusals_without_end() -> None:
    """A request that is refused for more than half an hour fails by itself."""

    async def work() -> float:
        asker = asker_of(Steered(failing(*[ThrottledError("busy", 60.0)] * 100)))
        with pytest.raises(RequestError, match="rate_limited: busy"):
            await asker.ask(prompt())
        assert free(asker)
        return now_s()

    assert 1800 < run_virtually_with_clock(work) <= 1900


def run_virtually_with_clock(work: Callable[[], Any]) -> Any:
    async def inside() -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("emogen.asking.time.monotonic", asyncio.get_running_loop().time)
            return await work()

    return run_virtually(inside())


def test_refusals_without_a_time_are_waited_out_longer_and_longer() -> None:
    """Where the server does not say how long to wait, it is asked ever less often, up to some seconds."""

    async def work() -> int:
        backend = Steered(failing(*[ThrottledError("busy")] * 500))
        task = asyncio.create_task(asker_of(backend).ask(prompt()))
        await asyncio.sleep(300)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return len(backend.sent)

    assert 60 < run_virtually(work()) < 180


def test_five_failures() -> None:
    """A request that fails five times fails with the last reason; four times is an answer at the fifth attempt."""

    async def work() -> int:
        errors = [TransientError("server_error", f"HTTP 500: {number}") for number in range(2 * ATTEMPTS - 1)]
        backend = Steered(failing(*errors))
        asker = asker_of(backend)
        with pytest.raises(RequestError, match=r"server_error: HTTP 500: 4") as failed:
            await asker.ask(prompt())
        assert failed.value.reason == "server_error"
        assert len(backend.sent) == ATTEMPTS == 5
        answered = await asker.ask(prompt())
        assert free(asker)
        return answered.attempts

    assert run_virtually(work()) == 5


@pytest.mark.parametrize(
    "error", [RequestError("bad_request", "no"), CredentialError("no key"), ValueError("a bug")]
)
async def test_fatal_errors(error: Exception) -> None:
    """What no attempt mends is raised at once, and leaves no slot behind."""
    backend = Steered(failing(error))
    asker = asker_of(backend)
    with pytest.raises(type(error)):
        await asker.ask(prompt())
    assert free(asker)
    assert len(backend.sent) == 1


@pytest.mark.parametrize("rest_s", [0.0, 1.0, 2.5])
def test_cancelled(rest_s: float) -> None:
    """A request that is cancelled while it is sent, or rests before its next attempt, leaves no slot behind."""

    async def slow(_: Prompt) -> None:
        await asyncio.sleep(2)
        raise ThrottledError("busy", 10.0)

    async def work() -> None:
        asker = asker_of(Steered(slow))
        task = asyncio.create_task(asker.ask(prompt()))
        await asyncio.sleep(rest_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert free(asker)

    run_virtually(work())


Pairs = list[tuple[Prompt, Completion | RequestError]]


async def collected(answers: AsyncGenerator[Any], into: Pairs | None = None) -> Pairs:
    found: Pairs = [] if into is None else into
    async with aclosing(answers) as pairs:
        async for pair in pairs:
            found.append(pair)
    return found


async def test_complete_asks_every_prompt_once() -> None:
    """`complete` yields every prompt with its own answer, reads lazily, and asks once."""
    backend = Steered()
    pairs = await collected(emogen.complete(map(prompt, range(100)), backend))
    assert sorted(backend.sent) == sorted(f"r{number}" for number in range(100))
    assert {asked.record_id: cast(Completion, got).text for asked, got in pairs} == {
        f"r{number}": f"answer to r{number}" for number in range(100)
    }


async def test_one_failure_does_not_end_the_others() -> None:
    """A request that fails for good is yielded as its error, and the others as their answers."""
    backend = Steered(failing(RequestError("bad_request", "no")))
    pairs = await collected(emogen.complete(map(prompt, range(10)), backend))
    errors = [got for _, got in pairs if isinstance(got, RequestError)]
    assert [error.reason for error in errors] == ["bad_request"]
    assert len(pairs) == 10


async def test_a_schema_may_be_a_wish(tmp_path: Path) -> None:
    """Where schemas are wishes, a server that refuses them is asked for text, and what it had answered is not lost."""
    refusing = False

    class Falling(Steered):
        async def complete(self, asked: Prompt) -> Completion:
            if refusing and asked.answer_schema is not None:
                self.structured = False
                raise FormatRefusedError("no schemas")
            return await super().complete(asked)

    def wishes(count: int) -> Iterator[Prompt]:
        for number in range(count):
            messages = (Message(role="user", content=f"Why {number}?"),)
            yield prompt(number).model_copy(update={"messages": messages, "answer_schema": {}})

    backend = Falling()
    backend.structured = True
    journal = tmp_path / "answers.sqlite"
    for count in (2, 4, 4):
        answers = await collected(
            emogen.complete(wishes(count), backend, journal=journal, schema_is_wish=True)
        )
        assert all(isinstance(got, Completion) for _, got in answers)
        assert len(answers) == count
        refusing = True
    assert sorted(backend.sent) == ["r0", "r1", "r2", "r3"]
    strict = await collected(emogen.complete([*wishes(5)][4:], backend))
    assert [type(got) for _, got in strict] == [FormatRefusedError]


def test_what_ends_everything_ends_it_at_once() -> None:
    """Where no request can succeed, those that rest before their next attempt are not waited for."""

    async def answer(asked: Prompt) -> None:
        if asked.record_id == "r1":
            await asyncio.sleep(1)
            raise CredentialError("no key")
        raise ThrottledError("busy", 60.0)

    async def work() -> float:
        with pytest.raises(CredentialError):
            await asyncio.wait_for(collected(emogen.complete(map(prompt, range(4)), Steered(answer))), 30)
        return now_s()

    assert run_virtually(work()) == pytest.approx(1.0)


async def test_prompts_that_end_in_an_error() -> None:
    """An error of the prompts is raised once what was read before it is answered."""

    def broken() -> Iterator[Prompt]:
        yield prompt(0)
        raise InputError("no more")

    pairs: Pairs = []
    with pytest.raises(InputError, match="no more"):
        await collected(emogen.complete(broken(), Steered()), pairs)
    assert [asked.record_id for asked, _ in pairs] == ["r0"]


async def test_the_cost_limit_answers_first_what_is_under_way(prices: Path) -> None:
    """The money is never exceeded, what was paid for is yielded, and what is left would not pay one more request."""
    backend = Steered(lambda _: asyncio.sleep(0.01))
    answered: Pairs = []
    limits = Limits(in_flight=4, max_cost=1.02)
    with pytest.raises(CostLimitError, match="--max-cost"):
        await collected(
            emogen.complete(map(prompt, range(100)), backend, limits=limits, prices=prices), answered
        )
    # An answer costs 0.05, and 0.1 at most, which is what is reserved.
    assert len(answered) == len(backend.sent) == 19


async def test_a_server_that_states_no_usage_is_not_free(prices: Path) -> None:
    """Where the server does not say what an answer took, an estimate is counted against the money, and marked."""
    backend, answered = Steered(), Pairs()
    backend.usage = Usage()
    with pytest.raises(CostLimitError):
        await collected(
            emogen.complete(map(prompt, range(100)), backend, limits=Limits(max_cost=0.2), prices=prices),
            answered,
        )
    # An answer of 12 or 13 letters is taken for 3 or 4 tokens, which cost 0.003 or 0.004.
    assert 25 <= len(backend.sent) <= 35
    (first, *_) = answered
    assert isinstance(first[1], Completion)
    assert first[1].usage.estimated
    assert first[1].usage.completion_tokens == 3
    assert first[1].usage.prompt_tokens > 0


async def test_an_unknown_price_cannot_be_limited() -> None:
    """A limit on money needs a price."""
    with pytest.raises(InputError, match=r"price of 'steered' is unknown.*--prices"):
        await collected(emogen.complete([prompt()], Steered(), limits=Limits(max_cost=1.0)))


async def test_the_journal_is_used_again(tmp_path: Path, prices: Path) -> None:
    """A second call with the same journal asks only what is new, and counts what the first one spent."""
    backend, path = Steered(), tmp_path / "j.sqlite"
    await collected(emogen.complete(map(prompt, range(10)), backend, journal=path, prices=prices))
    pairs = await collected(emogen.complete(map(prompt, range(12)), backend, journal=path, prices=prices))
    assert len(pairs) == len(backend.sent) == 12
    with Journal(path) as journal:
        price = emogen.prices.price_of("steered", prices)  # type: ignore[attr-defined]
        assert open_asker(backend, Limits(), price, journal).admission.spent == pytest.approx(0.6)


async def test_answers_of_unknown_price_are_counted_once_it_is_known(tmp_path: Path, prices: Path) -> None:
    """What was spent before the price was known counts against the money, too."""
    backend, path = Steered(), tmp_path / "j.sqlite"
    await collected(emogen.complete(map(prompt, range(10)), backend, journal=path))
    limits = Limits(max_cost=0.52)
    with pytest.raises(CostLimitError, match=r"spent 0\.5000"):
        await collected(
            emogen.complete(map(prompt, range(11)), backend, journal=path, limits=limits, prices=prices)
        )
    assert len(backend.sent) == 10


async def test_leaving_early_cancels_what_runs() -> None:
    """Whoever leaves the loop early leaves no request behind."""
    cancelled = 0

    async def answer(asked: Prompt) -> None:
        nonlocal cancelled
        if asked.record_id != "r0":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1
                raise

    async with aclosing(emogen.complete(map(prompt, range(100)), Steered(answer))) as answers:
        async for asked, _ in answers:
            assert asked.record_id == "r0"
            break
    assert cancelled >= 3


async def test_no_backend_can_succeed_without_a_key() -> None:
    """A backend is also taken by its name, with that backend's own errors."""
    with pytest.raises(BackendError, match="OPENAI_API_KEY"):
        await collected(emogen.complete([prompt()], "gpt-4.1"))


async def test_attempts_that_may_have_been_charged_count_towards_the_limit(prices: Path) -> None:
    """A server that answers too late for us may charge for it all the same: the money ends, not only the answers."""

    async def too_late(_: Prompt) -> None:
        raise TransientError("timeout", "no answer within 1 s", retry_after_s=0.001)

    backend = Steered(too_late)
    with pytest.raises(CostLimitError, match=r"spent 0\.0000 and perhaps \d\.\d+ more"):
        await collected(
            emogen.complete(map(prompt, range(100)), backend, limits=Limits(max_cost=1.0), prices=prices)
        )
    # 0.1 at most was reserved for each.
    assert len(backend.sent) in (9, 10)


def test_nobody_pauses_after_a_time_out() -> None:
    """Another attempt follows a time-out at once: it was waited for long enough. Other failures are paused for."""
    timeout, error = TransientError("timeout", "no answer"), TransientError("server_error", "HTTP 500")

    async def took_s(*failures: Exception) -> float:
        begin_s = now_s()
        await Asker(Steered(failing(*failures)), Admission(Limits(), clock=now_s)).ask(prompt())
        return now_s() - begin_s

    assert run_virtually(took_s(timeout, timeout)) == 0.0
    assert run_virtually(took_s(error)) >= 0.1


async def test_the_same_prompt_twice_at_once_is_asked_once(tmp_path: Path) -> None:
    """Whoever asks what is being asked already gets the same answer, from the journal."""
    backend = Steered(lambda _: asyncio.sleep(0.01))
    pairs = await collected(emogen.complete([prompt()] * 3, backend, journal=tmp_path / "j.sqlite"))
    assert backend.sent == ["r0"]
    assert {completion.text for _, completion in pairs if isinstance(completion, Completion)} == {
        "answer to r0"
    }
    assert len(pairs) == 3
