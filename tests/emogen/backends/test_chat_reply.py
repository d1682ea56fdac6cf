"""What servers send back, however odd."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai_stub import completion

from emogen.backends import TransientError
from emogen.backends.chat_reply import HttpReply, failure, read_completion
from emogen.backends.format_refusal import format_refusal
from emogen.backends.retry_after import MAX_WAIT_S, retry_after_s
from emogen.backends.server import Server
from emogen.errors import BackendError
from emogen.schemas import Completion, Usage

HEADERS = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "location",
]


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "7",
        {},
        {"prompt_tokens": None, "completion_tokens": "5"},
        {"prompt_tokens": 10**30, "completion_tokens": -5},
        {"prompt_tokens": 7.5, "completion_tokens": [1]},
    ],
)
def test_a_usage_that_cannot_be_is_unknown(usage: Any) -> None:
    """An answer is paid for: that its tokens are counted in nonsense is no reason to ask again."""
    raw = json.dumps({**completion("An answer."), "usage": usage}).encode()
    answer = read_completion(raw, "m")
    assert (answer.text, answer.usage) == ("An answer.", Usage())


def test_what_no_file_can_hold() -> None:
    """Half characters in the names that a server gives are replaced, so that the answer can be kept."""
    reply = {**completion("An answer."), "model": "m\ud83d"}
    reply["choices"][0]["finish_reason"] = "stop\udc00"
    answer = read_completion(json.dumps(reply).encode(), "m")
    assert (answer.model, answer.finish_reason) == ("m\ufffd", "stop\ufffd")
    assert Completion.model_validate_json(answer.model_dump_json()) == answer


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
names = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "refusal",
        "tool_calls",
        "function",
        "arguments",
        "error",
        "code",
        "usage",
    ]
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
# What most servers send, with anything at each place of it.
likely = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"message": st.dictionaries(names, values)}), max_size=2)},
    optional={"model": values, "usage": values, "error": values},
)
bodies = st.binary(max_size=60) | (values | likely).map(lambda value: json.dumps(value).encode())
SERVER = Server("http://127.0.0.1/v1", own=True, key="sk-planted-0123456789abcdef")


@given(bodies)
def test_any_body_is_an_answer_or_half_of_one(raw: bytes) -> None:
    """Whatever comes with status 200, it is a completion that a file can hold, or a failure that may pass."""
    with suppress(TransientError):
        assert read_completion(raw, "m").model_dump_json().encode()


@given(st.integers(201, 599), bodies, st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=12)))
def test_any_refusal_is_an_error_of_ours(status: int, raw: bytes, headers: dict[str, str]) -> None:
    """Whatever a server says to another status, it is one line that says what to do, and a wait that ends."""
    reply = HttpReply(status, raw, headers)
    error = failure(reply, SERVER, "m")
    assert isinstance(error, BackendError)
    assert len(str(error).splitlines()) == 1
    wait_s = getattr(error, "retry_after_s", None)
    assert wait_s is None or 0 < wait_s <= MAX_WAIT_S
    for asked in ("json_schema", "function_call", "json_object"):
        format_refusal(reply, asked, "m")


@pytest.mark.parametrize(
    "date", ["Mon, 1 Jan 99999999999 00:00:00 GMT", "Mon, 1 Jan 2026 00:00:00 +99999999", "Mon, 32 Jan 2026"]
)
def test_a_date_that_cannot_be_is_no_wait(date: str) -> None:
    """A date beyond all calendars says nothing of how long to wait."""
    assert retry_after_s({"retry-after": date}) is None
