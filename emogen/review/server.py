"""Serves the review page. Nothing from the data is part of page, style or script: the page asks for it as JSON."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from emogen.errors import InputError, shorten
from emogen.image_file import small_jpeg
from emogen.resources import data_file
from emogen.review.desk import REASONS, Desk, Stale
from emogen.review.edits import Fault, Words
from emogen.review.guard import Address, guard

__all__ = ["application", "serve"]

_IMAGE_SIDE: Final = 1024
_QUALITY: Final = 85
_LONGEST_BODY: Final = 1 << 20


class _Decided(BaseModel):
    """What the page sends when a sample is decided about."""

    model_config = ConfigDict(extra="forbid")

    position: int
    decision: Literal["accept", "reject", "edit"]
    reason: str = ""
    note: str = ""
    turns: list[Words] = []
    anyway: bool = False


def application(desk: Desk, address: Address, image_root: Path) -> web.Application:
    """Return the page's server for one reviewer.

    Args:
        desk: What is decided.
        address: Where it will be.
        image_root: The folder that the records' image paths start from.
    """
    app = web.Application(middlewares=[guard(address)], client_max_size=_LONGEST_BODY)
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
