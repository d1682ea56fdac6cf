"""A worker's line to the desk of its run."""

from __future__ import annotations

import asyncio
import itertools
import threading
from functools import cached_property
from typing import Any, Final

from emogen.errors import EmovitError
from emogen.event_loop import new_event_loop
from emogen.on_ray import wire

__all__ = ["BlockingLine", "Line"]

# A line that breaks is mended; but nobody works on who has not reached the desk for so long.
PATIENCE_S: Final = 20.0
AGAIN_S: Final = 0.5


class Line:
    """The line; it is made with the first call.

    What is under way when it breaks is sent again over a new one: at the desk, what comes twice counts once.

    Args:
        address: Of the desk.
    """

    def __init__(self, address: wire.Address) -> None:
        self._address = address
        self._numbers = itertools.count()
        self._asked: dict[int, tuple[object, asyncio.Future[Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._talking: asyncio.Task[None] | None = None

    async def ask(self, message: object) -> Any:
        """Send a message, and return the reply.

        Raises:
            EmovitError: the desk cannot be reached.
        """
        number = next(self._numbers)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = message, reply
        try:
            if self._writer is not None:
                wire.send(self._writer, (number, message))
            elif self._talking is None or self._talking.done():
                self._talking = asyncio.create_task(self._talk())
            return await reply
        finally:
            del self._asked[number]

    async def aclose(self) -> None:
        """Hang up."""
        if self._talking is not None:
            self._talking.cancel()
            await asyncio.gather(self._talking, return_exceptions=True)

    async def _talk(self) -> None:
        """Pass replies on, over one line after the other, while anything is asked."""
        loop = asyncio.get_running_loop()
        heard_s = loop.time()
        while self._asked:
            try:
                reader, writer = await self._connected()
                try:
                    await self._listen(reader, writer)
                finally:
                    self._writer = None
                    writer.close()
                    heard_s = loop.time()
            except asyncio.IncompleteReadError:
                pass
            except (OSError, wire.StrangerError) as error:
                if loop.time() - heard_s > PATIENCE_S or isinstance(error, wire.StrangerError):
                    self._give_up(error)
                    return
            await asyncio.sleep(AGAIN_S)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = self._address
        reader, writer = await asyncio.open_connection(
            where.host, where.port, limit=wire.BUFFER_BYTES, ssl=wire.encryption(b"worker")
        )
        try:
            await wire.prove(reader, writer, where.secret, b"worker")
        except BaseException:
            writer.close()
            raise
        return reader, writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, (message, _) in self._asked.items():
            wire.send(writer, (number, message))
        self._writer = writer
        while True:
            number, reply = await wire.receive(reader)
            if number in self._asked and not self._asked[number][1].done():
                self._asked[number][1].set_result(reply)

    def _give_up(self, error: Exception) -> None:
        where = self._address
        found = EmovitError(
            f"a worker does not reach the command that started it, at {where.host}:{where.port}: {error}",
            remedy="The machines of a cluster must reach each other at all ports, as Ray's own processes do.",
        )
        for _, reply in self._asked.values():
            if not reply.done():
                reply.set_exception(found)


class BlockingLine:
    """A line for a worker that has no event loop.

    Args:
        address: Of the desk.
    """

    def __init__(self, address: wire.Address) -> None:
        self._line = Line(address)

    def ask(self, message: object) -> Any:
        """Send a message, and wait for the reply; as `Line.ask`."""
        return asyncio.run_coroutine_threadsafe(self._line.ask(message), self._loop).result()

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = new_event_loop()
        threading.Thread(target=loop.run_forever, name="line", daemon=True).start()
        return loop
