"""The openai backend against a stub server on loopback."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import AsyncIterator, Callable
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from openai_stub import OpenAIStub, Reply, completion

from emogen.admission import Admission, Limits
from emogen.asking import Asker
from emogen.backends import BackendOptions, RequestError, open_backend
from emogen.backends.chat_request import strict_schema
from emogen.backends.openai import OpenAIBackend
from emogen.errors import BackendError, CredentialError, InputError
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

Open = Callable[..., OpenAIBackend]


@pytest.fixture
async def connect(stub: OpenAIStub) -> AsyncIterator[Open]:
    opened: list[OpenAIBackend] = []

    def make(model: str = "some-model", **options: Any) -> OpenAIBackend:
        options = {"base_url": stub.url, **options}
        opened.append(OpenAIBackend(BackendOptions(model=model, **options)))
        return opened[-1]

    yield make
    for backend in opened:
        await backend.aclose()


async def ask(backend: OpenAIBackend) -> Completion:
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
    assert Conversation().parse(answer.text)
    assert (answer.model, answer.finish_reason, answer.usage.completion_tokens) == ("stub-model-1", "stop", 5)
    assert answer.latency_s > 0


@pytest.mark.parametrize(
    ("model", "length_name", "format_type"),
    [
        ("gpt-4", "max_tokens", None),
        ("gpt-4-turbo", "max_tokens", "json_object"),
        ("gpt-4o-2024-08-06", "max_completion_tokens", "json_schema"),
        ("gpt-6-luna", "max_completion_tokens", "json_schema"),
        ("somebodys-own", "max_tokens", "json_schema"),
    ],
)
async def test_body_follows_the_capability_table(
    stub: OpenAIStub, connect: Open, model: str, length_name: str, format_type: str | None
) -> None:
    """Each model is sent the length parameter and the answer format that it takes, and no temperature unasked."""
    backend = connect(model)
    await backend.complete(CONVERSATION_PROMPT)
    (body,) = stub.bodies
    assert {"max_tokens", "max_completion_tokens"} & set(body) == {length_name}
    assert body.get("response_format", {}).get("type") == format_type
    assert "temperature" not in body
    assert backend.structured is (format_type is not None)


@pytest.mark.parametrize(
    ("answer_format", "sent"), [("json_object", {"type": "json_object"}), ("text", None)]
)
async def test_answer_format_is_the_users_choice(
    stub: OpenAIStub, connect: Open, answer_format: str, sent: object
) -> None:
    """`--answer-format` wins over the table."""
    await connect("gpt-6-luna", answer_format=answer_format).complete(CONVERSATION_PROMPT)
    assert stub.bodies[0].get("response_format") == sent


def test_temperature_is_refused_where_the_model_takes_none(stub: OpenAIStub) -> None:
    """A reasoning model with a temperature is refused before anything is sent."""
    with pytest.raises(InputError, match="gpt-6-luna accepts no temperature"):
        OpenAIBackend(BackendOptions(model="gpt-6-luna", base_url=stub.url, temperature=0.5))
    assert stub.bodies == []


def test_strict_schema_is_the_strict_subset() -> None:
    """In a strict schema every object is closed and requires all its fields, and no string length is left."""
    assert CONVERSATION_PROMPT.answer_schema is not None
    schema = strict_schema(CONVERSATION_PROMPT.answer_schema)
    objects = [schema, *schema["$defs"].values()]
    for node in objects:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
    assert "minLength" not in str(schema)
    assert strict_schema({"properties": {"title": {"type": "string", "title": "T"}}})["properties"] == {
        "title": {"type": "string"}
    }


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
        ({"Retry-After": "whenever"}, 0.25, 0.5),
        ({"Retry-After": "-1"}, 0.25, 0.5),
        ({"Retry-After": "nan"}, 0.25, 0.5),
        ({}, 0.25, 0.5),
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
    [Reply(500), Reply(503, b"<html>busy</html>"), Reply(408), Reply(cut=True)],
    ids=["500", "503", "408", "cut off"],
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
            "not serve 'gpt-4'.*gone.*Try gpt-",
        ),
        ("m", Reply(404), BackendError, r"not serve 'm'.*/v1/models"),
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
        BackendError, match=rf"cannot be reached: .*127\.0\.0\.1:{port}.*--base-url"
    ) as caught:
        await ask(connect(base_url=f"http://127.0.0.1:{port}/v1"))
    assert not isinstance(caught.value, RequestError)
    assert len(waits) == 1


async def test_a_server_that_goes_away_fails_the_request_alone(
    stub: OpenAIStub, connect: Open, waits: list[float]
) -> None:
    """Once a server has answered, losing it fails this request, not the run."""
    backend = connect()
    await ask(backend)
    stub.default = Reply(cut=True)
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


@pytest.mark.parametrize(
    "url",
    ["localhost:8000/v1", "ftp://host/v1", "http://", "http://host:port/v1", "http://host/v1?key=1", "  "],
)
def test_what_is_no_address(url: str) -> None:
    """A base URL that is none is refused with an example of one."""
    with pytest.raises(InputError, match=r"--base-url: not an address.*http://host:port/v1"):
        open_backend("openai:m", BackendOptions(base_url=url))


def test_password_in_the_address() -> None:
    """An address with a password in it is refused without repeating the password."""
    with pytest.raises(InputError, match="--api-key-env") as caught:
        open_backend("openai:m", BackendOptions(base_url=f"http://me:{SECRET}@host/v1"))
    assert SECRET not in str(caught.value)


def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, and with one that cannot be one, the variable is named and the value is not."""
    with pytest.raises(CredentialError, match=r"no key in the environment variable OPENAI_API_KEY.*export"):
        open_backend("openai:gpt-6-luna")
    monkeypatch.setenv("MY_KEY", f"{SECRET}\nX-Evil: 1")
    with pytest.raises(CredentialError, match="MY_KEY") as caught:
        open_backend("openai:gpt-6-luna", BackendOptions(api_key_env="MY_KEY"))
    assert SECRET not in str(caught.value)


def echo(status: int) -> Callable[[Any], Reply]:
    def reply(headers: Any) -> Reply:
        seen = headers["Authorization"]
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
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    stub.plan = [Reply(text="There is none.")]
    assert (await ask(connect())).text == "There is none."
