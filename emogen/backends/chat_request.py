"""What is sent to a chat-completions server: a prompt as the body of a request. Nothing is sent here."""

from __future__ import annotations

import base64
from typing import Any

from emogen.backends import AnswerFormat, BackendOptions
from emogen.backends.capabilities import capabilities
from emogen.errors import InputError
from emogen.schemas import ImageInput, Message, Prompt

__all__ = ["ChatRequest", "strict_schema"]


class ChatRequest:
    """How one model is asked, whoever carries the request to it.

    Attributes:
        model: Its name.
        answer_format: How structured answers are asked for.
        sees: Whether it takes images.
        sampling: Length, seed and temperature, under the names that the model takes.

    Raises:
        InputError: a temperature, and a model that takes none.
    """

    def __init__(self, model: str, options: BackendOptions) -> None:
        takes = capabilities(model)
        self.model = model
        self.sees = takes.sees
        known: AnswerFormat = takes.answers[0] if takes.answers else "text"
        self.answer_format: AnswerFormat = options.answer_format or known
        self.sampling: dict[str, Any] = {takes.max_tokens: options.max_tokens, "seed": options.seed}
        self._formats: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        if options.temperature is not None:
            if not takes.temperature:
                raise InputError(
                    f"{model} accepts no temperature", where="--temperature", remedy="Leave the option out."
                )
            self.sampling["temperature"] = options.temperature

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """Return the body of the request for `prompt`, ready to be written as JSON."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": message.role, "content": _content(message)} for message in prompt.messages],
            **self.sampling,
        }
        if prompt.answer_schema is not None and self.answer_format == "json_schema":
            body["response_format"] = self._response_format(prompt.instruction, prompt.answer_schema)
        elif prompt.answer_schema is not None and self.answer_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _response_format(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the request's schema; an instruction type has the same one for all its rows."""
        known = self._formats.get(name)
        if known is None or known[0] != schema:
            strict = {"name": name, "strict": True, "schema": strict_schema(schema)}
            known = self._formats[name] = (schema, {"type": "json_schema", "json_schema": strict})
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
