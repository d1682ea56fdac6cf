"""A chat-completions server on loopback that answers what a test planned."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

CONVERSATION = json.dumps(
    {
        "basic": [
            {"question": "What stands on the launch pad?", "answer": "A tall white rocket stands there."},
            {"question": "Is there a crowd in the picture?", "answer": "No, nobody can be seen."},
        ],
        "advanced": {
            "question": "What may happen next?",
            "answer": "Steam drifts from the tanks and the arms are swung away, so the launch seems very near.",
        },
    }
)
REASONING = json.dumps(
    {
        "question": "Why does this picture make one hold one's breath?",
        "answer": "The rocket stands alone under a wide sky, and its size beside the tower "
        "suggests how much force is about to be set free in a moment.",
    }
)
MAX_BODY_BYTES = 200_000_000


@dataclass
class Reply:
    """One planned reply; without a body it is a completion of `text`, `cut` in the middle or `gone` before it."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    delay_s: float = 0.0
    cut: bool = False
    gone: bool = False


class OpenAIStub:
    """Gives the planned replies in turn, then answers each prompt rightly.

    Attributes:
        plan: Replies, or functions from a request's headers to a reply; used up one by one.
        default: The reply once the plan is used up.
        rule: What is replied to some bodies before the plan is looked at; None leaves it to the plan.
        bodies: The request bodies, in order.
        paths: What was asked for, in order, with queries.
        most_at_once: How many requests were there at once, at most.
    """

    def __init__(self) -> None:
        self.plan: list[Reply | Callable[[Any], Reply]] = []
        self.default = Reply()
        self.rule: Callable[[dict[str, Any]], Reply | None] = lambda body: None
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.most_at_once = 0
        self.url = ""
        self._at_once = 0
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> OpenAIStub:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def die(self) -> None:
        """Break all connections and take no more."""
        self._run(self._runner.cleanup())

    def revive(self) -> None:
        """Listen at the same address again."""
        self._run(self._start())

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        self._route(app)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/v1"

    def _route(self, app: web.Application) -> None:
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_post("/openai/deployments/{name}/chat/completions", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.paths.append(request.path_qs)
        reply = self.rule(body)
        if reply is None:
            planned = self.plan.pop(0) if self.plan else self.default
            reply = planned if isinstance(planned, Reply) else planned(request.headers)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(reply.delay_s)
        finally:
            self._at_once -= 1
        content = self._content(reply, body)
        if reply.gone:
            assert request.transport is not None
            request.transport.close()
        if reply.cut:
            response = web.StreamResponse(headers={"Content-Length": str(len(content))})
            await response.prepare(request)
            await response.write(content[: len(content) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        return web.Response(status=reply.status, body=content, headers=reply.headers)

    def _content(self, reply: Reply, body: dict[str, Any]) -> bytes:
        if isinstance(reply.body, bytes):
            return reply.body
        if reply.body is not None:
            return json.dumps(reply.body).encode()
        asked = body["messages"][0]["content"]
        text = reply.text or (CONVERSATION if "three question-and-answer pairs" in asked else REASONING)
        if "tools" in body:
            return json.dumps(call_of(body["tools"][0]["function"]["name"], text)).encode()
        return json.dumps(completion(text)).encode()


def refuse(*formats: str) -> Callable[[dict[str, Any]], Reply | None]:
    """Return a rule for a server that gives no answers in these formats."""

    def rule(body: dict[str, Any]) -> Reply | None:
        asked = "function_call" if "tools" in body else body.get("response_format", {}).get("type")
        name = "tools" if asked == "function_call" else f"response_format {asked}"
        return Reply(400, {"error": {"message": f"{name} is not supported"}}) if asked in formats else None

    return rule


def call_of(name: str, arguments: str) -> dict[str, Any]:
    """Return the reply of a model that calls a function."""
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    reply = completion("", content=None, tool_calls=[call])
    reply["choices"][0]["finish_reason"] = "tool_calls"
    return reply


def completion(text: str, **message: Any) -> dict[str, Any]:
    return {
        "model": "stub-model-1",
        "choices": [{"message": {"content": text, **message}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5},
    }
