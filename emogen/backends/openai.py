"""OpenAI's chat completions, and every server that speaks the same wire format.

`chat_request` says what is sent, `chat_reply` what comes back; a transport carries it. Nothing is sent before the
first `complete`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol, get_args

import orjson

from emogen.backends import (
    AnswerFormat,
    BackendOptions,
    FormatRefusedError,
    RequestError,
    ServerLeftError,
    TransientError,
)
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
            TimeoutError: it took too long; `ServerLeftError` where another server is to be asked.
            ConnectionError: there is no connection, or it broke.
        """

    async def is_alive(self) -> bool:
        """Whether the server answers at all; asks it nothing that costs."""

    async def aclose(self) -> None:
        """Let go of the connections; more than once does no harm."""


class OpenAIBackend:
    """OpenAI, and any compatible servers by --base-url (vLLM, Ollama, llama.cpp, OpenRouter, Azure's v1)."""

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
        self.servers = self._servers(options)
        self.server = self.servers[0]
        self.request = ChatRequest(self.model, options)
        self.sees = self.request.sees
        self.in_flight = options.in_flight or DEFAULT_IN_FLIGHT * len(self.servers)
        self.rate_headers: Mapping[str, str] = {}
        self.parameters: dict[str, Any] = {
            **self.request.sampling,
            # Where the ladder begins: an answer stays the run's own on whichever rung it was given.
            "answer_format": self.request.answer_formats.current,
        }
        if self.server.own:
            # Not which: the same model may answer at another address tomorrow, and at several at once.
            self.parameters["server"] = "own"
        self._timeout_s = options.timeout_s
        self._transport = self._connections(options)
        self._has_address = self.server.own and options.vllm is None
        self._reached = False
        self._missed = 0

    def _servers(self, options: BackendOptions) -> tuple[Server, ...]:
        if options.base_url is None and options.vllm is None:
            refuse_retired(self.model, dt.datetime.now(dt.UTC).date())
        return Server.all_of(options)

    def _connections(self, options: BackendOptions) -> Transport:
        if len(self.servers) == 1:
            return self._connection(self.server, self.in_flight, options)
        from emogen.backends.fleet import Fleet

        share = math.ceil(self.in_flight / len(self.servers))
        return Fleet(
            [(server, self._connection(server, share, options)) for server in self.servers],
            share,
            self._fault,
        )

    def _connection(self, server: Server, connections: int, options: BackendOptions) -> Transport:
        return AiohttpTransport(server, connections, options.timeout_s)

    @property
    def address(self) -> str:
        """Where it is asked, for messages; empty where that goes without saying."""
        return ", ".join(server.base_url for server in self.servers) if self._has_address else ""

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
            reply = await self._sent(prompt)
            if reply.status == 200:
                if len(self.servers) == 1:
                    # Of several, each has limits of its own.
                    self.rate_headers = rate_headers(reply.headers)
                return read_completion(reply.body, self.model, reply.took_s, asked or "")
            refusal = format_refusal(reply, asked, self.model) if asked else None
            if asked is None or refusal is None:
                raise failure(reply, reply.server or self.server, self.model)
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

    def _fault(self, reply: HttpReply) -> BackendError | None:
        """Return what is wrong with the server that replied; None where that is the request's matter, or nothing."""
        if reply.status == 200 or any(
            format_refusal(reply, asked, self.model) for asked in get_args(AnswerFormat)
        ):
            return None
        error = failure(reply, reply.server or self.server, self.model)
        return None if isinstance(error, RequestError) else error

    def fall(self, refused: AnswerFormat, detail: str) -> None:
        """Give up an answer format for the rest of the run, and say so once.

        Raises:
            BackendError: the user wants no other.
        """
        formats = self.request.answer_formats
        if formats.forced:
            raise BackendError(
                f"{self.model} gives no answers as {refused} ({detail})",
                where=shorten(self.address or self.server.base_url),
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
            detail = f"no answer within {self._timeout_s:g} s"
            return TransientError("timeout", detail, uses_attempt=not isinstance(error, ServerLeftError))
        detail = shorten(self.server.shown(str(error)), 160)
        place = shorten(self.address or self.server.base_url, 160)
        self._missed += 1
        if self._reached or self._missed < ATTEMPTS_TO_REACH:
            return TransientError("unreachable", f"{place}: {detail}")
        return BackendError(
            f"cannot be reached: {detail}",
            where=place,
            remedy=f"Check that {'the server runs' if len(self.servers) == 1 else 'they run'}, "
            f"the address ({self.server.named_by}) and the network.",
        )
