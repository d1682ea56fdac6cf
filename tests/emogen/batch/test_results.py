"""Lines of results, whatever they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.backends.chat_reply import read_completion
from emogen.batch.planned import Failure
from emogen.batch.results import Answer, Garbled, NoAnswer, read_line

KEY = bytes(range(32))
BODY = {"model": "m-1", "choices": [{"message": {"content": "Nice."}, "finish_reason": "stop"}]}


def line(**fields: Any) -> bytes:
    return json.dumps({"id": "b", "custom_id": KEY.hex(), "response": None, "error": None, **fields}).encode()


def test_an_answer() -> None:
    """An answered request gives the body that it would have got online."""
    read = read_line(line(response={"status_code": 200, "body": BODY}))
    assert isinstance(read, Answer)
    assert read.key == KEY
    assert read_completion(read.body, "m").text == "Nice."


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        (
            {"error": {"code": "batch_expired", "message": "Too late."}},
            Failure("batch_expired", "Too late."),
        ),
        (
            {"response": {"status_code": 400, "body": {"error": {"message": "Bad.", "code": "x"}}}},
            Failure("bad_request", "HTTP 400: Bad."),
        ),
        (
            {
                "response": {
                    "status_code": 400,
                    "body": {"error": {"message": "No.", "code": "content_filter"}},
                }
            },
            Failure("content_filter", "HTTP 400: No."),
        ),
        (
            {"response": {"status_code": 429, "body": {"error": {"message": "Slow."}}}},
            Failure("rate_limited", "HTTP 429: Slow."),
        ),
        (
            {"response": {"status_code": 500, "body": "down"}},
            Failure("server_error", "HTTP 500: no reason given"),
        ),
        (
            {"response": {"status_code": 200, "body": None}},
            Failure("server_error", "HTTP 200: no reason given"),
        ),
        ({"error": "odd"}, Failure("no_answer", "odd")),
        ({}, Failure("no_answer", "no reason given")),
    ],
)
def test_a_failure(fields: dict[str, Any], failure: Failure) -> None:
    """A request that was not answered says why, in the provider's words."""
    read = read_line(line(**fields))
    assert isinstance(read, NoAnswer)
    assert (read.key, read.failure) == (KEY, failure)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b'{"custom_id": 3}',
        b'{"custom_id": "zz"}',
        b'{"custom_id": "00ff"}',
        b'{"response": {"status_code": 200}}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_a_line_that_names_no_request(text: bytes) -> None:
    """What cannot be read, or names no request, is said to be so."""
    assert isinstance(read_line(text), Garbled)


@pytest.mark.parametrize("bad", [b"\xff", b"\\\\ud83d"[1:]])
def test_one_bad_byte_costs_no_second_answer(bad: bytes) -> None:
    """An answer with a byte that is no UTF-8, or with half a character, is read all the same."""
    body = {"choices": [{"message": {"content": "A ZZ rocket."}}]}
    read = read_line(line(response={"status_code": 200, "body": body}).replace(b"ZZ", bad))
    assert isinstance(read, Answer)
    assert read_completion(read.body, "m").text == "A \ufffd rocket."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_line(text: bytes) -> None:
    """Whatever a line is, reading it raises nothing."""
    read_line(text)


@given(json_values, json_values, json_values)
def test_any_result_of_a_request(response: Any, body: Any, error: Any) -> None:
    """Whatever stands where a result belongs, the request that it names is known."""
    for said in (
        response,
        {"status_code": 200, "body": body},
        {"status_code": body, "body": {"error": error}},
    ):
        read = read_line(line(response=said, error=error))
        assert not isinstance(read, Garbled)
        assert read.key == KEY
