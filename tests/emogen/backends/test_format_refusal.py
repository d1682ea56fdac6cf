"""Which errors mean that an answer format is refused, in the words of many servers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.backends import AnswerFormat
from emogen.backends.chat_reply import HttpReply
from emogen.backends.format_refusal import format_refusal


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


def refusal(status: int, body: Any, asked: AnswerFormat, model: str = "m-1") -> str | None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return format_refusal(HttpReply(status, raw), asked, model)


NO_SCHEMA = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
EXTRA = "[{'loc': ('body', 'tools'), 'msg': 'Extra inputs are not permitted', 'input': [{'a': 1}]}]"


@pytest.mark.parametrize(
    ("status", "asked", "body"),
    [
        (400, "json_schema", said(NO_SCHEMA, param="response_format")),
        (
            400,
            "json_schema",
            said("response_format value as json_schema is enabled only for api versions X and later"),
        ),
        (400, "json_schema", said("This response_format type is unavailable now")),
        (422, "json_schema", b"response_format.type: unknown variant `json_schema`, expected `text`"),
        (400, "json_schema", {"detail": "Unsupported parameter: response_format"}),
        (400, "json_schema", {"error": "'response_format.json_schema.schema' must be an object"}),
        (400, "json_schema", said("invalid schema for response format: minItems is not supported")),
        (
            400,
            "json_schema",
            said("litellm.UnsupportedParamsError: x does not support parameters: ['response_format']"),
        ),
        (400, "json_schema", said("Failed to initialize samplers: failed to parse grammar")),
        (404, "json_schema", said("No endpoints found that support the requested structured outputs")),
        (400, "json_schema", said("Provider returned error", metadata={"raw": json.dumps(said(NO_SCHEMA))})),
        (400, "json_object", {"error": "'response_format.type' must be 'json_schema' or 'text'"}),
        (
            400,
            "json_object",
            said("'messages' must contain the word 'json' to use 'response_format' of type 'json_object'"),
        ),
        (400, "function_call", said("registry.ollama.ai/library/m-1 does not support tools")),
        (
            404,
            "function_call",
            said("No endpoints found that support tool use. Read https://example.org/routing"),
        ),
        (404, "function_call", said("No endpoints found that support the provided 'tool_choice' value.")),
        (400, "function_call", {"object": "error", "message": EXTRA}),
        (
            400,
            "function_call",
            {"object": "error", "message": 'Value error, `tool_choice` must either be "auto" or "none".'},
        ),
        (500, "function_call", {"error": {"code": 500, "message": "tools param requires --jinja flag"}}),
        (500, "function_call", {"error": {"code": 500, "message": "Unsupported param: tools"}}),
        (
            422,
            "function_call",
            {"detail": [{"loc": ["body", "tools"], "msg": "Extra inputs are not permitted"}]},
        ),
        (400, "function_call", said("Function tools are not supported with this model in chat completions.")),
    ],
)
def test_what_refuses_a_format(status: int, asked: AnswerFormat, body: Any) -> None:
    """A reply that names what was asked for, and says that it is not to be had, refuses the format."""
    assert (refusal(status, body, asked) or "").startswith(f"HTTP {status}: ")


VALUE = "[{'loc': ('body',), 'msg': 'Value error, invalid seed', 'input': "
ECHOED = {"model": "m-1", "response_format": {"type": "json_schema"}, "tools": [], "max_tokens": -1}


@pytest.mark.parametrize("asked", ["json_schema", "function_call", "json_object"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, said("Unsupported parameter: 'max_tokens' is not supported with this model.", param="max_tokens")),
        (400, said("Unsupported value: 'temperature' does not support 0.3 with this model.", param="temperature")),
        (400, said("This model's maximum context length is 4097 tokens, not the 5000 of messages and functions only.")),
        (400, said("Failed to generate JSON. See 'failed_generation' for more.", code="json_validate_failed")),
        (400, said("Failed to call a function. Invalid arguments. See 'failed_generation'.", code="tool_use_failed")),
        (500, {"error": {"code": 500, "message": "Failed to parse tool call arguments as JSON: invalid literal"}}),
        (400, said("The response was filtered: content_filter. Unsupported topic: power tools, response format.")),
        (400, {"detail": [{"loc": ["body", "max_tokens"], "msg": "must be positive", "input": ECHOED}]}),
        (400, {"object": "error", "message": f"{VALUE}{ECHOED}"}),
        (404, said("The model `m-1` does not exist or you do not have access to it.")),
        (401, said("Invalid key: response_format and tools are not supported for it")),
        (503, said("tools and response_format are not available, try again")),
        (400, said("Invalid request. See https://example.org/tools/response_format")),
        (500, b""),
        (500, b"\xff\xfe<html>"),
        (400, {"error": {"message": "", "code": 500}}),
        (400, [[[[[[[[["tools response_format unsupported"]]]]]]]]]),
    ],
)  # fmt: skip
def test_what_does_not(status: int, body: Any, asked: AnswerFormat) -> None:
    """A reply about anything else is no refusal, even where it repeats a request that holds the words."""
    assert refusal(status, body, asked) is None


def test_a_models_name_is_no_word() -> None:
    """A model that is called after tools is not taken to speak of them, nor a short name to be part of words."""
    assert refusal(400, said(NO_SCHEMA), "json_schema", "m") is not None
    body = said("acme/tools-function-7b does not support images")
    assert refusal(400, body, "function_call", "acme/tools-function-7b") is None
    assert refusal(400, body, "function_call", "other") is not None


@given(
    st.sampled_from([400, 404, 422, 500]), st.text(st.characters(exclude_characters="jJtTfFgG"), max_size=300)
)
def test_other_words_refuse_nothing(status: int, message: str) -> None:
    """An error that names no format is never a refusal of one."""
    asked: AnswerFormat
    for asked in ("json_schema", "function_call", "json_object"):
        assert refusal(status, {"error": {"message": message}}, asked) is None


@given(st.binary(max_size=400))
def test_any_bytes(raw: bytes) -> None:
    """Whatever a server sends with an error, it is read without one of our own, and told in one line."""
    assert "\n" not in (refusal(400, raw, "json_schema") or "")
