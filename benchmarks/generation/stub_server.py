"""A server that speaks OpenAI's chat completions on loopback, with a latency, limits and planned faults.

    python -m benchmarks.generation.stub_server --latency-ms 50 --capacity 64 --rate-limited 0.1

prints its address once it listens, and ends by itself after --lifetime seconds.

    POST /v1/chat/completions   an answer, or what the plan says
    GET  /stats                 counts, and how often each request was let in and answered
    GET  /first-body            the body of the first request
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from typing import Final

from benchmarks.generation.answers import completion, wants_conversation
from benchmarks.generation.http_wire import Request, UnreadableRequestError, response, take_request
from benchmarks.generation.plan import FAULTS, Outcome, Plan, Shares
from benchmarks.generation.service import Limits, Service

__all__ = ["main"]

HANG_LIMIT_S: Final = 120.0


class Server:
    """The service with what its answers are made of.

    Attributes:
        service: See `Service`.
        full_headers: Headers of a 429 for want of room.
        limit_headers: Headers of every answer.
        first_body: The first request's body.
    """

    def __init__(self, service: Service, full_headers: bytes) -> None:
        self.service = service
        self.full_headers = full_headers
        self.first_body = b""
        per_minute = service.limits.requests_per_minute
        self.limit_headers = b"x-ratelimit-limit-requests: %d\r\n" % per_minute if per_minute else b""


class Connection(asyncio.Protocol):
    """One connection; requests on it are answered one after the other."""

    _transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self._server = server
        self._service = server.service
        self._buffer = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place of a request that nobody waits for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._service.leave(answered=False)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._buffer += data
        self._next()

    def _next(self) -> None:
        while self._timer is None and not self._transport.is_closing():
            try:
                request = take_request(self._buffer)
            except UnreadableRequestError:
                self._transport.close()
                return
            if request is None:
                return
            self._handle(request)

    def _handle(self, request: Request) -> None:
        if request.method == b"POST" and request.path.endswith(b"/chat/completions"):
            self._chat(request.body)
        elif request.path == b"/stats":
            self._transport.write(response(200, json.dumps(self._service.stats()).encode()))
        elif request.path == b"/first-body":
            self._transport.write(response(200, self._server.first_body))
        else:
            self._transport.write(response(404, b'{"error":{"message":"no such path"}}'))

    def _chat(self, body: bytes) -> None:
        self._server.first_body = self._server.first_body or body
        key = hashlib.blake2b(body, digest_size=12).hexdigest()
        decision = self._service.arrive(key)
        if decision == "full":
            self._refuse(self._server.full_headers)
        elif decision == "too_fast":
            self._refuse(b"retry-after-ms: 1000\r\n")
        elif decision == "rate_limited":
            self._service.leave(answered=True)
            self._refuse(b"Retry-After: %d\r\n" % self._service.plan.retry_after_s)
        else:
            wait_s = HANG_LIMIT_S if decision == "hang" else self._service.plan.latency_s(key)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait_s, self._finish, decision, key, body)

    def _refuse(self, headers: bytes) -> None:
        body = b'{"error":{"message":"too many requests","type":"rate_limit_error"}}'
        self._transport.write(response(429, body, headers + self._server.limit_headers))

    def _finish(self, outcome: Outcome, key: str, body: bytes) -> None:
        self._timer = None
        self._service.leave(answered=True)
        if outcome == "server_error":
            error = b'{"error":{"message":"internal error","type":"server_error"}}'
            self._transport.write(response(500, error, self._server.limit_headers))
        elif outcome == "hang":
            self._transport.close()
        else:
            answer = completion(key, len(body), conversation=wants_conversation(body))
            if outcome == "broken_json":
                answer = answer[: len(answer) // 2]
            whole = response(200, answer, self._server.limit_headers)
            if outcome == "drop":
                self._transport.write(whole[: len(whole) // 2])
                self._transport.close()
            else:
                self._transport.write(whole)
        self._next()


async def serve(server: Server, port: int, lifetime_s: float) -> None:
    """Listen on loopback, print the address, and end after `lifetime_s`."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", port, backlog=1024)
    host, bound = listening.sockets[0].getsockname()
    print(f"http://{host}:{bound}", flush=True)
    await asyncio.sleep(lifetime_s)
    listening.close()


def main(words: list[str] | None = None) -> None:
    """Run a server."""
    parser = argparse.ArgumentParser(
        description="OpenAI's chat completions on loopback, with planned faults."
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--jitter", type=float, default=0.0, help="share by which single latencies differ")
    parser.add_argument("--capacity", type=int, help="more requests at once are answered with 429")
    parser.add_argument("--capacity-retry-after", type=int, help="seconds that such a 429 asks to wait")
    parser.add_argument("--requests-per-minute", type=float)
    parser.add_argument(
        "--burst-s", type=float, default=60.0, help="seconds whose allowance may come at once"
    )
    parser.add_argument("--retry-after", type=int, default=1, help="seconds that a planned 429 asks to wait")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lifetime", type=float, default=900.0, help="seconds after which the server ends")
    for fault in FAULTS:
        parser.add_argument(f"--{fault.replace('_', '-')}", type=float, default=0.0, help="share of arrivals")
    asked = parser.parse_args(words)
    shares = Shares(**{fault: getattr(asked, fault) for fault in FAULTS})
    plan = Plan(asked.seed, shares, asked.latency_ms, asked.retry_after, asked.jitter)
    service = Service(plan, Limits(asked.capacity, asked.requests_per_minute, asked.burst_s))
    seconds = asked.capacity_retry_after
    full_headers = b"" if seconds is None else b"Retry-After: %d\r\n" % seconds
    try:
        asyncio.run(serve(Server(service, full_headers), asked.port, asked.lifetime))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
