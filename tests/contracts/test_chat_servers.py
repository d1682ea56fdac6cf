"""What every way to a chat-completions server promises, against a stub: the same words, errors and waits."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from openai_stub import OpenAIStub, Reply, completion, refuse

from emogen.admission import Admission, Limits
from emogen.asking import Asker
from emogen.backends import (
    Backend,
    BackendOptions,
    FormatRefusedError,
    RequestError,
    ThrottledError,
    open_backend,
)
from emogen.errors import BackendError, CredentialError
from emogen.instructions.conversation import Conversation
from emogen.prompts import PromptRenderer
from emogen.schemas import Completion, ImageRecord, Message, Prompt

SECRET = "sk-planted-0123456789abcdef"
PROMPT = Prompt(
    record_id="r",
    instruction="reasoning",
    messages=(Message(role="user", content="Tell me."),),
    answer_schema={},
)
CONVERSATION_PROMPT = Conversation().prompt(
    ImageRecord(id="r", image="r.jpg", emotion="awe"), PromptRenderer(), structured=True
)

Open = Callable[..., Backend]


@pytest.fixture(params=["openai", "openai-sdk", "azure"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def connect(stub: OpenAIStub, way: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Open the backend that goes this way to the stub, or to another address."""
    opened: list[Backend] = []
    if way == "azure":
        monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", SECRET)

    def make(model: str = "some-model", **options: Any) -> Backend:
        url = options.pop("base_url", stub.url)
        url = url.removesuffix("/v1") if way == "azure" else url
        opened.append(open_backend(f"{way}:{model}", BackendOptions(base_url=url, **options)))
        return opened[-1]

    yield make
    for backend in opened:
        await backend.aclose()


async def ask(backend: Backend) -> Completion:
    """Ask with retries, as a run does."""
    return (await Asker(backend, Admission(Limits(in_flight=4))).ask(PROMPT)).completion


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record how long the asker would wait before asking again, and do not wait."""
    waited: list[float] = []

    async def sleep(delay_s: float) -> None:
        waited.append(delay_s)

    monkeypatch.setattr("emogen.asking.asyncio", SimpleNamespace(sleep=sleep))
    return waited


async def test_what_is_sent_and_read(stub: OpenAIStub, connect: Open) -> None:
    """A request holds model, messages and sampling; a completion holds text, model, usage and time."""
    backend = connect(temperature=0.3, max_tokens=99, seed=5)
    answer = await backend.complete(CONVERSATION_PROMPT)
    (body,) = stub.bodies
    assert body["model"] == "some-model"
    assert [message["role"] for message in body["messages"]][-1] == "user"
    assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.3, 99, 5)
    assert body["response_format"]["json_schema"]["strict"] is True
    assert backend.rate_headers == {}
    assert Conversation().parse(answer.text)
    assert (answer.model, answer.finish_reason, answer.usage.completion_tokens) == ("stub-model-1", "stop", 5)
    assert answer.latency_s > 0


def in_two_seconds(zone: str) -> str:
    text = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2.9), usegmt=True)
    return text.replace("GMT", zone)


@pytest.mark.parametrize(
    ("headers", "least_s", "most_s"),
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"Retry-After": "1.5"}, 1.5, 1.5),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25, 0.25),
        ({"retry-after-ms": "soon", "Retry-After": "3"}, 3, 3),
        ({"Retry-After": in_two_seconds("GMT")}, 0.1, 3),
        ({"Retry-After": in_two_seconds("-0000")}, 0.1, 3),
        ({"Retry-After": "86400"}, 60, 60),
        ({"Retry-After": "whenever"}, 0.1, 0.2),
        ({"Retry-After": "-1"}, 0.1, 0.2),
        ({"Retry-After": "nan"}, 0.1, 0.2),
        ({}, 0.1, 0.2),
    ],
)
async def test_429_waits_as_long_as_it_says(
    stub: OpenAIStub,
    connect: Open,
    waits: list[float],
    headers: dict[str, str],
    least_s: float,
    most_s: float,
) -> None:
    """A 429 is asked again after the time that it names: seconds, milliseconds or a date, a minute at most."""
    stub.plan = [Reply(429, {"error": {"message": "slow down"}}, headers)]
    await ask(connect())
    (waited,) = waits
    assert least_s <= waited <= most_s
    assert len(stub.bodies) == 2


@pytest.mark.parametrize(
    "passing",
    [Reply(500), Reply(503, b"<html>busy</html>"), Reply(408), Reply(cut=True), Reply(gone=True)],
    ids=["500", "503", "408", "cut off", "gone"],
)
async def test_passing_failures_are_asked_again(
    stub: OpenAIStub, connect: Open, waits: list[float], passing: Reply
) -> None:
    """A failure that may pass is followed by a second attempt, which succeeds."""
    stub.plan = [passing]
    answer = await ask(connect())
    assert answer.text
    assert (len(stub.bodies), len(waits)) == (2, 1)


@pytest.mark.parametrize(
    ("reply", "reason", "requests"),
    [
        (Reply(500, {"error": "it broke"}), "server_error", 5),
        (Reply(400, {"error": {"message": "no such field"}}), "bad_request", 1),
        (Reply(body=b'{"choices": [{"mess'), "unreadable_reply", 5),
        (Reply(body=b""), "unreadable_reply", 5),
        (Reply(body={"error": {"message": "upstream died"}}), "unreadable_reply", 5),
        (Reply(body={"choices": []}), "unreadable_reply", 5),
        (Reply(body=completion("", content=["a", "list"])), "unreadable_reply", 5),
        (Reply(body=[1, 2]), "unreadable_reply", 5),
        (Reply(body=completion("", tool_calls=[{"function": {}}])), "unreadable_reply", 5),
    ],
)
async def test_one_request_fails_with_a_reason(
    stub: OpenAIStub, connect: Open, waits: list[float], reply: Reply, reason: str, requests: int
) -> None:
    """A request that fails for good is a RequestError with a reason code, after as many attempts as make sense."""
    stub.default = reply
    with pytest.raises(RequestError) as caught:
        await ask(connect())
    assert caught.value.reason == reason
    assert caught.value.detail
    assert len(stub.bodies) == requests


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, {"error": {"message": "The response was filtered", "code": "content_filter"}}),
        Reply(403, {"error": {"code": 403, "message": "flagged", "metadata": {"flagged_input": "a knife"}}}),
        Reply(400, {"error": {"message": "Output blocked by content filtering policy"}}),
    ],
    ids=["Azure", "OpenRouter", "Anthropic"],
)
async def test_a_filtered_prompt_fails_alone(stub: OpenAIStub, connect: Open, reply: Reply) -> None:
    """A prompt that the provider's filter stops is no refused key, and says nothing of other prompts."""
    stub.default = reply
    with pytest.raises(RequestError) as caught:
        await ask(connect())
    assert caught.value.reason == "content_filter"


async def test_what_is_left_is_learnt_from_the_headers(stub: OpenAIStub, connect: Open) -> None:
    """The rate-limit headers of the last answer are at hand, their names in lower case, and nothing else is."""
    stub.plan = [Reply(headers={"X-RateLimit-Limit-Requests": "500", "x-ratelimit-remaining-tokens": "9"})]
    backend = connect()
    await backend.complete(PROMPT)
    learnt = {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-tokens": "9"}
    assert backend.rate_headers == learnt
    stub.plan = [Reply(429, headers={"x-ratelimit-limit-requests": "1"})]
    with pytest.raises(ThrottledError):
        await backend.complete(PROMPT)
    assert backend.rate_headers == learnt


@pytest.mark.parametrize("bad", [b"\xff", b"\xe2\x82"], ids=["no UTF-8", "half a character"])
async def test_a_bad_byte_costs_no_answer(stub: OpenAIStub, connect: Open, bad: bytes) -> None:
    """An answer with a byte that is no UTF-8 is read, with a replacement character in its place."""
    body = json.dumps(completion("A calm @ sea.")).encode().replace(b"@", bad)
    stub.plan = [Reply(body=body)]
    assert (await connect().complete(PROMPT)).text == "A calm \ufffd sea."


async def test_endless_429s_fail_the_request(
    stub: OpenAIStub, connect: Open, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 429 uses up no attempt; a request that is refused for longer than the patience lasts is given up."""
    stub.plan = [Reply(429)] * 20
    assert (await ask(connect())).text
    assert len(stub.bodies) == 21
    monkeypatch.setattr("emogen.asking.MAX_THROTTLED_S", 0.0)
    stub.default = Reply(429, {"error": {"message": "slow down"}})
    with pytest.raises(RequestError, match="slow down") as caught:
        await ask(connect())
    assert caught.value.reason == "rate_limited"


async def test_a_refusal_is_named_by_its_finish_reason(stub: OpenAIStub, connect: Open) -> None:
    """A structured refusal arrives as text with the finish reason `refusal`."""
    stub.plan = [Reply(body=completion("", content=None, refusal="I will not."))]
    answer = await ask(connect())
    assert (answer.text, answer.finish_reason) == ("I will not.", "refusal")


LADDER = ("json_schema", "function_call", "json_object")


def formats(stub: OpenAIStub) -> list[str]:
    """Return how the answers were asked for, in order."""
    return [
        "function_call" if "tools" in body else body.get("response_format", {"type": "text"})["type"]
        for body in stub.bodies
    ]


@pytest.mark.parametrize("rungs", [0, 1, 2])
async def test_a_refused_format_is_replaced_by_the_next(
    stub: OpenAIStub, connect: Open, capsys: pytest.CaptureFixture[str], rungs: int
) -> None:
    """A refused format costs no attempt; the next one is asked for at once, and alone from then on."""
    stub.rule = refuse(*LADDER[:rungs])
    backend = connect()
    asker = Asker(backend, Admission(Limits(in_flight=4)))
    first, second = [await asker.ask(CONVERSATION_PROMPT) for _ in range(2)]
    assert formats(stub) == [*LADDER[: rungs + 1], LADDER[rungs]]
    for answered in (first, second):
        assert (answered.attempts, answered.completion.answer_format) == (1, LADDER[rungs])
        assert Conversation().parse(answered.completion.text)
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" gives no answers as ")[1].split()[0] for line in said] == list(LADDER[:rungs])


async def test_text_needs_another_prompt(stub: OpenAIStub, connect: Open) -> None:
    """Where every structured format is refused, the request ends, as its prompt has to be rendered anew."""
    stub.rule = refuse(*LADDER)
    backend = connect()
    assert backend.structured
    for _ in range(2):
        with pytest.raises(FormatRefusedError):
            await backend.complete(CONVERSATION_PROMPT)
    assert formats(stub) == list(LADDER)
    assert not backend.structured
    plain = CONVERSATION_PROMPT.model_copy(update={"answer_schema": None})
    assert (await backend.complete(plain)).answer_format == "text"


async def test_many_refused_at_once_fall_one_rung(
    stub: OpenAIStub, connect: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 64 requests that are refused while all are under way, each is asked again once, one rung lower."""
    no_schema = refuse("json_schema")
    stub.rule = lambda body: (held := no_schema(body)) and replace(held, delay_s=0.3)
    backend = connect(in_flight=64)
    answers = await asyncio.gather(*(backend.complete(CONVERSATION_PROMPT) for _ in range(64)))
    assert {answer.answer_format for answer in answers} == {"function_call"}
    assert sorted(formats(stub)) == ["function_call"] * 64 + ["json_schema"] * 64
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("forced", LADDER)
async def test_a_forced_format_is_never_left(stub: OpenAIStub, connect: Open, forced: str) -> None:
    """A server that refuses the user's own choice ends the run, with what it said and what to do."""
    stub.rule = refuse(*LADDER)
    with pytest.raises(
        BackendError, match=f"no answers as {forced}.*not supported.*--answer-format"
    ) as caught:
        await connect(answer_format=forced).complete(CONVERSATION_PROMPT)
    assert not isinstance(caught.value, RequestError)
    assert formats(stub) == [forced]


async def test_a_plain_bad_request_is_no_refusal(stub: OpenAIStub, connect: Open) -> None:
    """A bad request about anything else fails alone, and the format stays."""
    stub.plan = [Reply(400, {"error": {"message": "'seed' is not supported", "param": "seed"}})]
    backend = connect()
    with pytest.raises(RequestError) as caught:
        await backend.complete(CONVERSATION_PROMPT)
    assert caught.value.reason == "bad_request"
    assert (await backend.complete(CONVERSATION_PROMPT)).answer_format == "json_schema"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "Here it is.", "tool_calls": [{"function": {"arguments": '{"a": 1}'}}]}, '{"a": 1}'),
        ({"content": None, "tool_calls": [{"function": {"arguments": {"a": 1}}}]}, '{"a":1}'),
        ({"content": "No call.", "tool_calls": []}, "No call."),
        ({"content": "No call.", "tool_calls": None}, "No call."),
    ],
)
async def test_a_calls_arguments_are_the_answer(
    stub: OpenAIStub, connect: Open, message: dict[str, Any], text: str
) -> None:
    """The answer is what the function was called with, as text or as an object; without a call, what was said."""
    stub.plan = [Reply(body=completion("", **message))]
    answer = await connect(answer_format="function_call").complete(CONVERSATION_PROMPT)
    assert (answer.text, answer.answer_format) == (text, "function_call")


@pytest.mark.parametrize(
    ("model", "reply", "kind", "expected"),
    [
        (
            "m",
            Reply(401, {"error": {"message": "bad key"}}),
            CredentialError,
            "refused the key.*bad key.*Check",
        ),
        ("m", Reply(403), CredentialError, "refused the key"),
        (
            "gpt-4",
            Reply(404, {"error": {"message": "gone"}}),
            BackendError,
            "not serve 'gpt-4'.*gone.*(Try gpt-|Check the deployment)",
        ),
        ("m", Reply(404), BackendError, r"not serve 'm'.*(/v1/models|AZURE_OPENAI_ENDPOINT|--base-url)"),
        ("m", Reply(307, headers={"Location": "https://elsewhere/v1"}), BackendError, "https://elsewhere/v1"),
        ("m", Reply(402), BackendError, "no credit left"),
        (
            "m",
            Reply(429, {"error": {"code": "insufficient_quota", "message": "pay"}}),
            BackendError,
            "no credit",
        ),
    ],
)
async def test_what_ends_the_run(
    stub: OpenAIStub, connect: Open, model: str, reply: Reply, kind: type[BackendError], expected: str
) -> None:
    """What no repetition mends is an error for the whole run, after one request, with its remedy."""
    stub.default = reply
    with pytest.raises(kind, match=expected) as caught:
        await ask(connect(model))
    assert not isinstance(caught.value, RequestError)
    assert len(stub.bodies) == 1


async def test_nobody_listens(connect: Open, waits: list[float]) -> None:
    """A server that was never reached ends the run after the second attempt, naming the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(
        BackendError, match=rf"127\.0\.0\.1:{port}.*cannot be reached: .*--base-url"
    ) as caught:
        await ask(connect(base_url=f"http://127.0.0.1:{port}/v1"))
    assert not isinstance(caught.value, RequestError)
    assert len(waits) == 1


@pytest.mark.parametrize("lost", [Reply(cut=True), Reply(gone=True)], ids=["cut off", "gone"])
async def test_a_server_that_goes_away_fails_the_request_alone(
    stub: OpenAIStub, connect: Open, waits: list[float], lost: Reply
) -> None:
    """Once a server has answered, losing it fails this request, not the run."""
    backend = connect()
    await ask(backend)
    stub.default = lost
    with pytest.raises(RequestError) as caught:
        await ask(backend)
    assert caught.value.reason == "unreachable"
    assert len(stub.bodies) == 6


async def test_timeout(stub: OpenAIStub, connect: Open, waits: list[float]) -> None:
    """An attempt that takes longer than the time-out is given up and repeated."""
    stub.plan = [Reply(delay_s=5)]
    await ask(connect(timeout_s=0.2))
    assert len(stub.bodies) == 2
    stub.default = Reply(delay_s=5)
    with pytest.raises(RequestError, match=r"no answer within 0\.05 s") as caught:
        await ask(connect(timeout_s=0.05))
    assert caught.value.reason == "timeout"


def echo(status: int) -> Callable[[Any], Reply]:
    def reply(headers: Any) -> Reply:
        seen = headers.get("Authorization") or f"Bearer {headers['api-key']}"
        long = "x" * 185 + seen
        body = completion(f"You sent {seen}.") if status == 200 else {"error": {"message": long}}
        return Reply(status, body)

    return reply


@pytest.mark.parametrize("status", [200, 400, 401, 404])
async def test_an_echoed_key_is_cut_out(
    stub: OpenAIStub, connect: Open, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """The key is sent as a bearer token, and is in no answer or error even where the server echoes it."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    stub.plan = [echo(status)]
    backend = connect()
    if status == 200:
        seen = str(await ask(backend))
        assert "You sent Bearer ***." in seen
    else:
        with pytest.raises(BackendError) as caught:
            await ask(backend)
        seen = f"{caught.value} {caught.value.__dict__}"
        assert "Bearer" in seen
    assert "planted" not in seen
    assert "planted" not in str(backend.parameters)


async def test_a_placeholder_key_is_a_word_like_any_other(
    stub: OpenAIStub, connect: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The placeholders that local servers take as a key are not cut out of the answers."""
    for variable in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(variable, "none")
    stub.plan = [Reply(text="There is none.")]
    assert (await ask(connect())).text == "There is none."
