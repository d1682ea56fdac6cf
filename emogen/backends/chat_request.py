"""What is sent to a chat-completions server: a prompt as the body of a request. Nothing is sent here."""

from __future__ import annotations

import base64
from typing import Any, Final

from emogen.backends import AnswerFormat, BackendOptions
from emogen.backends.answer_formats import AnswerFormats
from emogen.backends.capabilities import capabilities
from emogen.errors import InputError
from emogen.schemas import ImageInput, Message, Prompt

__all__ = ["ChatRequest", "strict_schema"]

FUNCTION_TASK: Final = "Takes the answer."


class ChatRequest:
    """How one model is asked, whoever carries the request to it.

    Attributes:
        model: Its name.
        answer_formats: How structured answers are asked for, and what comes after a refusal.
        sees: Whether it takes images.
        sampling: Length, seed and temperature, under the names that the model takes.

    Raises:
        InputError: a temperature, and a model that takes none.
    """

    def __init__(self, model: str, options: BackendOptions) -> None:
        takes = capabilities(model)
        self.model = model
        self.sees = takes.sees
        self.answer_formats = AnswerFormats(takes.answers, options.answer_format)
        self.sampling: dict[str, Any] = {takes.max_tokens: options.max_tokens, "seed": options.seed}
        self._schemas: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        if options.temperature is not None:
            if not takes.temperature:
                raise InputError(
                    f"{model} accepts no temperature", where="--temperature", remedy="Leave the option out."
                )
            self.sampling["temperature"] = options.temperature

    def format_of(self, prompt: Prompt) -> AnswerFormat | None:
        """Return how the answer to `prompt` is asked for now; None where it never had a form to have."""
        current = self.answer_formats.current
        return current if prompt.answer_schema is not None or current == "text" else None

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """Return the body of the request for `prompt`, ready to be written as JSON."""
        return {
            "model": self.model,
            "messages": [{"role": message.role, "content": _content(message)} for message in prompt.messages],
            **self.sampling,
            **self._answer(prompt),
        }

    def _answer(self, prompt: Prompt) -> dict[str, Any]:
        """Return what the request says about the form of the answer."""
        if prompt.answer_schema is None or self.answer_formats.current == "text":
            return {}
        name = prompt.instruction
        if self.answer_formats.current == "json_object":
            return {"response_format": {"type": "json_object"}}
        schema = self._strict(name, prompt.answer_schema)
        if self.answer_formats.current == "json_schema":
            strict = {"name": name, "strict": True, "schema": schema}
            return {"response_format": {"type": "json_schema", "json_schema": strict}}
        function = {"name": name, "description": FUNCTION_TASK, "parameters": schema}
        return {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": name}},
        }

    def _strict(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the strict schema; an instruction type has the same one for all its rows."""
        known = self._schemas.get(name)
        if known is None or known[0] != schema:
            known = self._schemas[name] = (schema, strict_schema(schema))
        return known[1]


def _content(message: Message) -> str | list[dict[str, Any]]:
    """Return a message's text, or its images as data URLs with the text behind them."""
    if not message.images:
        return message.content
    return [*map(_image_part, message.images), {"type": "text", "text": message.content}]


def _image_part(image: ImageInput) -> dict[str, Any]:
    data = base64.b64encode(image.load()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{image.seen.media_type};base64,{data}"}}


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` within the subset that strict structured outputs accept.

    Every object closed and all its fields required; no string lengths, defaults or titles.
    """

    def tighten(node: Any) -> Any:
        if isinstance(node, list):
            return [tighten(item) for item in node]
        if not isinstance(node, dict):
            return node
        dropped = {"title", "default", "minLength", "maxLength", "description"}
        tight = {key: tighten(value) for key, value in node.items() if key not in dropped}
        if "properties" in node:
            tight["properties"] = {name: tighten(value) for name, value in node["properties"].items()}
            tight["required"] = list(node["properties"])
            tight["additionalProperties"] = False
        return tight

    result: dict[str, Any] = tighten(schema)
    return result
