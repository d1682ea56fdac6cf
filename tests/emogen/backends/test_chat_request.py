"""What is sent to a chat-completions server for a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from emogen.backends import BackendOptions
from emogen.backends.chat_request import ChatRequest, strict_schema
from emogen.errors import InputError
from emogen.instructions.conversation import Conversation
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageRecord

PROMPT = Conversation().prompt(
    ImageRecord(id="r", image="r.jpg", emotion="awe"), PromptRenderer(), structured=True
)


def body(model: str, **options: Any) -> dict[str, Any]:
    return ChatRequest(model, BackendOptions(**options)).body(PROMPT)


@pytest.mark.parametrize(
    ("model", "length_name", "format_type"),
    [
        ("gpt-4", "max_tokens", "function_call"),
        ("gpt-4-turbo", "max_tokens", "function_call"),
        ("gpt-4o-2024-08-06", "max_completion_tokens", "json_schema"),
        ("gpt-6-luna", "max_completion_tokens", "json_schema"),
        ("somebodys-own", "max_tokens", "json_schema"),
    ],
)
def test_body_follows_the_capability_table(model: str, length_name: str, format_type: str) -> None:
    """Each model is sent the length parameter and the answer format that it takes, and no temperature unasked."""
    sent = body(model)
    assert {"max_tokens", "max_completion_tokens"} & set(sent) == {length_name}
    assert ("tools" in sent) is (format_type == "function_call")
    assert sent.get("response_format", {"type": "function_call"})["type"] == format_type
    assert "temperature" not in sent


@pytest.mark.parametrize(
    ("answer_format", "sent"), [("json_object", {"type": "json_object"}), ("text", None)]
)
def test_answer_format_is_the_users_choice(answer_format: str, sent: object) -> None:
    """`--answer-format` wins over the table."""
    assert body("gpt-6-luna", answer_format=answer_format).get("response_format") == sent


def test_a_function_call_is_forced() -> None:
    """The schema is the parameters of the one function, which the model has to call."""
    sent = body("gpt-4")
    (tool,) = sent["tools"]
    assert PROMPT.answer_schema is not None
    assert tool["function"]["parameters"] == strict_schema(PROMPT.answer_schema)
    assert sent["tool_choice"] == {"type": "function", "function": {"name": tool["function"]["name"]}}
    assert "response_format" not in sent


@pytest.mark.parametrize("answer_format", [None, "text"])
def test_a_prompt_without_a_schema_has_no_format(answer_format: str | None) -> None:
    """What asks for no structure is sent without a format; it counts as text only where all is asked as text."""
    request = ChatRequest("m", BackendOptions(answer_format=answer_format))
    plain = PROMPT.model_copy(update={"answer_schema": None})
    assert not {"response_format", "tools", "tool_choice"} & set(request.body(plain))
    assert request.format_of(plain) == answer_format


def test_temperature_is_refused_where_the_model_takes_none() -> None:
    """A reasoning model with a temperature is refused before anything is sent."""
    with pytest.raises(InputError, match="gpt-6-luna accepts no temperature"):
        body("gpt-6-luna", temperature=0.5)


def test_strict_schema_is_the_strict_subset() -> None:
    """In a strict schema every object is closed and requires all its fields, and no string length is left."""
    assert PROMPT.answer_schema is not None
    schema = strict_schema(PROMPT.answer_schema)
    objects = [schema, *schema["$defs"].values()]
    for node in objects:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
    assert "minLength" not in str(schema)
    assert strict_schema({"properties": {"title": {"type": "string", "title": "T"}}})["properties"] == {
        "title": {"type": "string"}
    }
