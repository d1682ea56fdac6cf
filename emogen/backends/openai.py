"""OpenAI's chat completions, and every server that speaks the same wire format.

`chat_request` says what is sent, `chat_reply` what comes back; a transport carries it. Nothing is sent before the
first `complete`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

import orjson

from emogen.backends import AnswerFormat, BackendOptions, FormatRefusedError, TransientError
from emogen.backends.aiohttp_transport import AiohttpTransport
from emogen.backends.capabilities import model_names, refuse_retired
from emogen.backends.chat_reply import HttpReply, failure, rate_headers, read_completion
from emogen.backends.chat_request import ChatRequest
from emogen.backends.format_refusal import format_refusal
from emogen.backends.server import Server
from emogen.errors import BackendError, InputError, shorten
from emogen.schemas import Completion, Prompt

__all__ = ["OpenAIBackend", "Transport"]

# A server that never answered anything is not there: a new user should not wait for five attempts to learn it.
ATTEMPTS_TO_REACH: Final = 2
DEFAULT_IN_FLIGHT: Final = 64


class Transport(Protocol):
    """Carries requests to one server; which words go there and back is not its business."""

    async def post(self, body: bytes) -> HttpReply:
        """Send one request and return whatever came back, of any status.

        Raises:
            TimeoutError: it took too long.
            ConnectionError: there is no connection, or it broke.
        """

    async def aclose(self) -> None:
        """Let go of the connections; more than once does no harm."""


class OpenAIBackend:
    """OpenAI, and any compatible server by --base-url (vLLM, Ollama, llama.cpp, OpenRouter, Azure's v1)."""

    name = "openai"
    notice = ""
    guided = False
    takes_corrections = True

    def __init__(self, options: BackendOptions) -> None:
        if not options.model:
            raise InputError(
                f"{self.name} needs a model",
                remedy=f"Name one: --backend {self.name}:MODEL, or --backend {model_names()[0]}.",
            )
        self.model = options.model
        self.server = self._server(options)
        self.request = ChatRequest(self.model, options)
        self.sees = self.request.sees
        self.in_flight = options.in_flight or DEFAULT_IN_FLIGHT
        self.rate_headers: Mapping[str, str] = {}
        self.parameters: dict[str, Any] = {
            **self.request.sampling,
            # Where the ladder begins: an answer stays the run's own on whichever rung it was given.
            "answer_format": self.request.answer_formats.current,
        }
        if self.server.own:
            self.parameters["base_url"] = self.server.base_url
        self._timeout_s = options.timeout_s
        self._transport = self._connection(options)
        self._reached = False
        self._missed = 0

    def _server(self, options: BackendOptions) -> Server:
        if options.base_url is None:
            refuse_retired(self.model, dt.datetime.now(dt.UTC).date())
        return Server.of(options)

    def _connection(self, options: BackendOptions) -> Transport:
        return AiohttpTransport(self.server, self.in_flight, options.timeout_s)

    @property
    def structured(self) -> bool:
        """Whether answers are asked for as JSON: no longer, once a server has refused every way to it."""
        return self.request.answer_formats.current != "text"

    @property
    def fell(self) -> bool:
        """Whether answers are asked for in another format than at first."""
        return bool(self.request.answer_formats.current != self.parameters["answer_format"])

    def go_on_with(self, answer_format: str) -> None:
        """Ask as an earlier part of the same run did in the end."""
        self.request.answer_formats.go_on_with(answer_format)

    async def complete(self, prompt: Prompt) -> Completion:
        """Make one attempt; where the server refuses the answer format, it is made in the next best one."""
        while True:
            asked = self.request.format_of(prompt)
            if (
                prompt.answer_schema is not None
                and asked == "text"
                and not self.request.answer_formats.forced
            ):
                raise FormatRefusedError(f"{self.model} gives no structured answers")
            begin = time.perf_counter()
            reply = await self._sent(prompt)
            if reply.status == 200:
                self.rate_headers = rate_headers(reply.headers)
                return read_completion(reply.body, self.model, time.perf_counter() - begin, asked or "")
            refusal = format_refusal(reply, asked, self.model) if asked else None
            if asked is None or refusal is None:
                raise failure(reply, self.server, self.model)
            self.fall(asked, refusal)

    async def _sent(self, prompt: Prompt) -> HttpReply:
        try:
            reply = await self._transport.post(orjson.dumps(self.request.body(prompt)))
        except OSError as error:
            # Not as its cause: a traceback would show what the network said as it came, the key perhaps in it.
            raise self._unreachable(error) from None
        self._reached = True
        body = self.server.without_key(reply.body)
        return reply if body is reply.body else replace(reply, body=body)

    def fall(self, refused: AnswerFormat, detail: str) -> None:
        """Give up an answer format for the rest of the run, and say so once.

        Raises:
            BackendError: the user wants no other.
        """
        formats = self.request.answer_formats
        if formats.forced:
            raise BackendError(
                f"{self.model} gives no answers as {refused} ({detail})",
                where=self.server.base_url,
                remedy="Name another --answer-format, or leave it out: then the next best one is taken.",
            )
        if formats.fall(refused):
            from emogen.terminal import note

            note(
                f"{self.model} gives no answers as {refused} ({detail}); asking for {formats.current} from here on"
            )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _unreachable(self, error: OSError) -> BackendError:
        if isinstance(error, TimeoutError):
            return TransientError("timeout", f"no answer within {self._timeout_s:g} s")
        detail = shorten(self.server.shown(str(error)), 160)
        self._missed += 1
        if self._reached or self._missed < ATTEMPTS_TO_REACH:
            return TransientError("unreachable", f"{self.server.base_url}: {detail}")
        return BackendError(
            f"cannot be reached: {detail}",
            where=self.server.base_url,
            remedy=f"Check that the server runs, its address ({self.server.named_by}) and the network.",
        )
