"""Carries requests by OpenAI's official SDK, for what it brings: proxies, organisations, Azure's addresses and keys.

The SDK only sends: requests are written and replies read as everywhere, and its retries, which would go past the
limits, are off. Its aiohttp client is used, since the time that httpx's pool takes grows with the square of the
connections.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from emogen.backends.aiohttp_transport import CONNECT_TIMEOUT_S, HEALTH_TIMEOUT_S
from emogen.backends.chat_reply import HttpReply
from emogen.backends.server import Server
from emogen.errors import InputError, shorten

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["NO_KEY", "SdkTransport", "usable_proxies"]

# The SDK wants a key even where the server wants none; this one is never sent.
NO_KEY: Final = "(no key)"


class SdkTransport:
    """One client of the SDK, made with the first request.

    Args:
        server: Who is asked.
        client: Makes it around an HTTP client, without retries of its own.
        connections: How many at most.
        timeout_s: Seconds from sending to the last byte.
    """

    def __init__(
        self,
        server: Server,
        client: Callable[[httpx2.AsyncClient], openai.AsyncOpenAI],
        connections: int,
        timeout_s: float,
    ) -> None:
        self._server = server
        self._make = client
        self._connections = connections
        self._timeout_s = timeout_s
        self._client: openai.AsyncOpenAI | None = None

    async def post(self, body: bytes) -> HttpReply:
        """Send one request.

        Raises:
            TimeoutError: it took too long.
            ConnectionError: there is no connection, or it broke.
        """
        import aiohttp
        import httpx2
        import openai

        client = self._client = self._client or self._connected()
        headers = {"Content-Type": "application/json", **self._without_key(client)}
        begin = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await client.post(
                    "/chat/completions", content=body, cast_to=httpx2.Response, options={"headers": headers}
                )
        except openai.APIStatusError as error:
            reply = error.response
        except (openai.APIConnectionError, aiohttp.ClientError) as error:
            # The SDK calls a lost connection a time-out; what it was says the first error of the chain.
            raise ConnectionError(_first(error)) from error
        headers_seen = {name.lower(): value for name, value in reply.headers.items()}
        took_s = time.perf_counter() - begin
        return HttpReply(reply.status_code, reply.content, headers_seen, self._server, took_s)

    async def is_alive(self) -> bool:
        """Whether the server says which models it has, or anything but that it is in trouble; costs nothing."""
        import aiohttp
        import httpx2
        import openai

        client = self._client = self._client or self._connected()
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                await client.get(
                    "/models", cast_to=httpx2.Response, options={"headers": self._without_key(client)}
                )
        except openai.APIStatusError as error:
            return error.status_code < 500
        except (openai.APIConnectionError, aiohttp.ClientError, TimeoutError):
            return False
        return True

    @staticmethod
    def _without_key(client: openai.AsyncOpenAI) -> dict[str, str | openai.Omit]:
        """Return the headers that leave the key out, where the server wants none."""
        import openai

        return {"Authorization": openai.Omit()} if client.api_key == NO_KEY else {}

    def _connected(self) -> openai.AsyncOpenAI:
        import httpx2
        import openai

        self._server.hide_in_logs()
        with usable_proxies():
            http = openai.DefaultAioHttpClient(
                limits=httpx2.Limits(
                    max_connections=self._connections + 1, max_keepalive_connections=self._connections
                ),
                timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
                follow_redirects=False,
            )
        return self._make(http)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None


@contextmanager
def usable_proxies() -> Iterator[None]:
    """Explain what a client cannot make of the proxies that the environment names.

    Raises:
        InputError: without the name and the password of the proxy.
    """
    import httpx2

    try:
        yield
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise InputError(
            f"a proxy cannot be used: {shorten(error, 160)}",
            where="HTTP_PROXY, HTTPS_PROXY or ALL_PROXY",
            remedy="Write it as http://HOST:PORT, or list the server in NO_PROXY.",
        ) from None


def _first(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
