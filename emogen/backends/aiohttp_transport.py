"""Carries requests by aiohttp: httpx, which the official SDK stands on, costs several times the CPU per request
at high concurrency.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from emogen.backends.chat_reply import HttpReply
from emogen.backends.server import Server

if TYPE_CHECKING:
    import aiohttp

__all__ = ["AiohttpTransport"]

CONNECT_TIMEOUT_S: Final = 10.0
# To say that it is there, a server needs no more.
HEALTH_TIMEOUT_S: Final = 5.0


class AiohttpTransport:
    """Connections to one server, opened with the first request.

    Args:
        server: Who is asked.
        connections: How many at most.
        timeout_s: Seconds from sending to the last byte.
    """

    def __init__(self, server: Server, connections: int, timeout_s: float) -> None:
        self._server = server
        self._connections = connections
        self._timeout_s = timeout_s
        self._url = f"{server.base_url}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes) -> HttpReply:
        """Send one request.

        Raises:
            TimeoutError: it took too long.
            ConnectionError: there is no connection, or it broke.
        """
        import aiohttp

        session = self._session = self._session or self._connected()
        begin = time.perf_counter()
        try:
            async with session.post(self._url, data=body, allow_redirects=False) as reply:
                headers = {name.lower(): value for name, value in reply.headers.items()}
                raw = await reply.read()
                return HttpReply(reply.status, raw, headers, self._server, time.perf_counter() - begin)
        except aiohttp.ConnectionTimeoutError as error:
            raise ConnectionError(f"no connection within {CONNECT_TIMEOUT_S:g} s") from error
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    async def is_alive(self) -> bool:
        """Whether the server says which models it has, or anything but that it is in trouble; costs nothing."""
        import aiohttp

        session = self._session = self._session or self._connected()
        patience = aiohttp.ClientTimeout(total=HEALTH_TIMEOUT_S)
        try:
            async with session.get(
                f"{self._server.base_url}/models", timeout=patience, allow_redirects=False
            ) as reply:
                return reply.status < 500
        except (OSError, aiohttp.ClientError):
            return False

    def _connected(self) -> aiohttp.ClientSession:
        import aiohttp

        headers = {"Content-Type": "application/json"}
        if self._server.key:
            headers["Authorization"] = f"Bearer {self._server.key}"
        return aiohttp.ClientSession(
            headers=headers,
            # One more, so that a look at a server that hangs need not wait for its requests.
            connector=aiohttp.TCPConnector(limit=self._connections + 1),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=CONNECT_TIMEOUT_S),
            # No service of this kind goes by cookies, and to look for them takes a tenth of a request.
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
