"""Who may talk to the review page: this machine alone, and only whoever knows the token in its address.

A page of another site could send requests here, under a name that it lets point to this machine: whatever names another
host, or writes on behalf of another page, is refused. The page may run no script but its own, and ask nobody else.
"""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from emogen.errors import InputError

__all__ = ["Address", "guard", "listening"]

LOOPBACK: Final = "127.0.0.1"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Address:
    """Where the page is.

    Args:
        port: On the loopback interface.

    Attributes:
        url: The page's address, token included.
        opening: An address that leads there once: what a browser is started with, every user of a machine can read.
    """

    def __init__(self, port: int) -> None:
        self.prefix = f"/{secrets.token_urlsafe(24)}/"
        self._once: str | None = f"/{secrets.token_urlsafe(24)}"
        # Browsers leave the port of the scheme out.
        end = "" if port == 80 else f":{port}"
        self.hosts = frozenset({LOOPBACK + end, f"localhost{end}"})
        self.url = f"http://{LOOPBACK}:{port}{self.prefix}"
        self.opening = f"http://{LOOPBACK}:{port}{self._once}"

    def knows(self, path: str) -> bool:
        """Whether a path begins with the token; how long that takes says nothing of it."""
        return hmac.compare_digest(path.encode()[: len(self.prefix)], self.prefix.encode())

    def opens(self, path: str) -> bool:
        """Whether a path is the one that leads to the page once; it is spent then."""
        if self._once is None or not hmac.compare_digest(path.encode(), self._once.encode()):
            return False
        self._once = None
        return True


def listening(port: int) -> socket.socket:
    """Return a socket that listens on the loopback interface; port 0 is any that is free.

    Raises:
        InputError: the port is taken, or may not be used.
    """
    try:
        return socket.create_server((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot listen on port {port}: {reason}",
            where="--port",
            remedy="Name another, or none: a free one is found.",
        ) from error


def guard(address: Address) -> Any:
    """Return the middleware that lets only our own page through, and says in every answer what a page may do."""

    @web.middleware
    async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            response = _turned_away(request, address) or await handler(request)
        except web.HTTPException as error:
            response = _plain(HTTPStatus(error.status))
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return guarded


def _turned_away(request: web.Request, address: Address) -> web.Response | None:
    """Return the answer to a request that is not our page's own, or that only leads to it."""
    host = request.headers.get("Host")
    if host not in address.hosts:
        return _plain(HTTPStatus.FORBIDDEN)
    reads = request.method == "GET"
    if reads and address.opens(request.raw_path):
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address.prefix})
    if not address.knows(request.raw_path):
        return _plain(HTTPStatus.FORBIDDEN)
    if reads:
        return None
    if request.headers.get("Origin") != f"http://{host}":
        return _plain(HTTPStatus.FORBIDDEN)
    return None if request.content_type == "application/json" else _plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _plain(status: HTTPStatus) -> web.Response:
    return web.Response(status=status, text=status.phrase)
