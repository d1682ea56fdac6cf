"""Serves the review page to this machine alone, and only to whoever knows the token in its address.

A page of another site could send requests here, under a name that it lets point to this machine: whatever names another
host, or writes on behalf of another page, is refused. Nothing from the data is part of page, style or script: the page
asks for it and shows it as text, and may run no other script than ours.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from emogen.errors import InputError, shorten
from emogen.image_file import small_jpeg
from emogen.resources import data_file
from emogen.review.desk import REASONS, Desk, Stale
from emogen.review.edits import Fault, Words

__all__ = ["Address", "application", "listening", "serve"]

LOOPBACK: Final = "127.0.0.1"
_IMAGE_SIDE: Final = 1024
_QUALITY: Final = 85
_LONGEST_BODY: Final = 1 << 20
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
    """

    def __init__(self, port: int) -> None:
        token = secrets.token_urlsafe(24)
        self.prefix = f"/{token}/"
        self.hosts = frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}"})
        self.url = f"http://{LOOPBACK}:{port}{self.prefix}"

    def knows(self, path: str) -> bool:
        """Whether a path begins with the token; how long that takes says nothing of it."""
        return hmac.compare_digest(path.encode()[: len(self.prefix)], self.prefix.encode())


class _Decided(BaseModel):
    """What the page sends when a sample is decided about."""

    model_config = ConfigDict(extra="forbid")

    position: int
    decision: Literal["accept", "reject", "edit"]
    reason: str = ""
    note: str = ""
    turns: list[Words] = []
    anyway: bool = False


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


def application(desk: Desk, address: Address, image_root: Path) -> web.Application:
    """Return the page's server for one reviewer.

    Args:
        desk: What is decided.
        address: Where it will be.
        image_root: The folder that the records' image paths start from.
    """
    app = web.Application(middlewares=[_guard(address)], client_max_size=_LONGEST_BODY)
    routes = _Routes(desk, image_root)
    base = address.prefix
    app.add_routes(
        [
            web.get(base, routes.page),
            web.get(base + "review.css", routes.style),
            web.get(base + "review.js", routes.script),
            web.get(base + "state", routes.state),
            web.get(base + r"samples/{position:\d+}", routes.sample),
            web.get(base + r"images/{position:\d+}", routes.image),
            web.post(base + "decisions", routes.decide),
            web.post(base + "undo", routes.undo),
        ]
    )
    return app


async def serve(app: web.Application, opened: socket.socket, ready: Callable[[], object]) -> None:
    """Serve until the task is cancelled.

    Args:
        app: What is served.
        opened: A listening socket.
        ready: Called once requests are answered.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, opened).start()
        ready()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _guard(address: Address) -> Any:
    """Return what lets only our own page through."""

    @web.middleware
    async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        refused = _refused(request, address)
        if refused is not None:
            response: web.StreamResponse = web.Response(status=refused, text=HTTPStatus(refused).phrase)
        else:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = web.Response(status=error.status, text=error.reason)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return guarded


def _refused(request: web.Request, address: Address) -> int | None:
    """Return the status with which a request is refused, if it is."""
    if request.headers.get("Host") not in address.hosts or not address.knows(request.raw_path):
        return HTTPStatus.FORBIDDEN
    if request.method in ("GET", "HEAD"):
        return None
    if request.headers.get("Origin") != f"http://{request.headers['Host']}":
        return HTTPStatus.FORBIDDEN
    return None if request.content_type == "application/json" else HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class _Routes:
    def __init__(self, desk: Desk, image_root: Path) -> None:
        self._desk = desk
        self._image_root = image_root

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=_part("review.html"), content_type="text/html")

    async def style(self, _: web.Request) -> web.Response:
        text = data_file("page.css").read_text(encoding="utf-8") + _part("review.css")
        return web.Response(text=text, content_type="text/css")

    async def script(self, _: web.Request) -> web.Response:
        return web.Response(text=_part("review.js"), content_type="text/javascript")

    async def state(self, _: web.Request) -> web.Response:
        desk = self._desk
        return _json(
            {
                "run": desk.run.resolve().name,
                "reviewer": desk.reviewer,
                "reasons": list(REASONS.items()),
                "progress": desk.progress(),
            }
        )

    async def sample(self, request: web.Request) -> web.Response:
        try:
            return _json(self._desk.view(self._position(request)))
        except InputError as error:
            return _json({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)

    async def image(self, request: web.Request) -> web.Response:
        try:
            record = self._desk.queue.sample(self._position(request)).record
            path = self._image_root / record.image
            content = await asyncio.to_thread(small_jpeg, path, _IMAGE_SIDE, _QUALITY)
        except InputError as error:
            return web.Response(status=HTTPStatus.NOT_FOUND, text=error.what)
        # It is asked for while the one before is looked at.
        kept = {"Cache-Control": "private, max-age=600"}
        return web.Response(body=content, content_type="image/jpeg", headers=kept)

    async def decide(self, request: web.Request) -> web.Response:
        try:
            said = _Decided.model_validate_json(await request.read())
        except ValidationError as error:
            return _json({"error": shorten(error.errors()[0]["msg"])}, HTTPStatus.BAD_REQUEST)
        if not 0 <= said.position < len(self._desk.queue):
            return _json({"error": "no such sample"}, HTTPStatus.NOT_FOUND)

        def decided() -> web.Response:
            more = said.model_dump(exclude={"position", "decision", "turns"})
            faults = self._desk.decide(said.position, said.decision, words=said.turns, **more)
            return self._answer(said.position, faults)

        return _kept(decided)

    async def undo(self, _: web.Request) -> web.Response:
        def undone() -> web.Response:
            return self._answer(self._desk.undo(), ())

        return _kept(undone)

    def _answer(self, position: int | None, faults: tuple[Fault, ...]) -> web.Response:
        desk = self._desk
        said = {
            "position": position,
            "faults": [fault._asdict() for fault in faults],
            "next": None if position is None else desk.next_undecided(position),
            "progress": desk.progress(),
        }
        return _json(said, HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK)

    def _position(self, request: web.Request) -> int:
        position = int(request.match_info["position"][:12])
        if position >= len(self._desk.queue):
            raise web.HTTPNotFound
        return position


def _kept(keep: Callable[[], web.Response]) -> web.Response:
    """Return what comes of a decision, or why it was not kept."""
    try:
        return keep()
    except Stale:
        why = "The run was made anew meanwhile: end `emogen review` and start it again. Nothing was kept of this."
        return _json({"error": why}, HTTPStatus.CONFLICT)
    except InputError as error:
        return _json({"error": str(error)}, HTTPStatus.INSUFFICIENT_STORAGE)


def _json(value: object, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _part(name: str) -> str:
    return files("emogen.review").joinpath("page", name).read_text(encoding="utf-8")
