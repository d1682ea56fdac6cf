"""How the process that holds the run folder and its workers talk: pickled messages over TCP, and who may.

A call of Ray's takes some milliseconds of CPU on its way over two processes more; with hundreds of answers a second on
their way to one place, that is half as much again as all that is done for an answer.

Whoever is unpickled here has proved before that it knows the run's secret, which only Ray carries to the workers. Where
Ray is told to encrypt what its machines tell each other, this is encrypted by the same certificates.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import pickle
import secrets
import ssl
import struct
from dataclasses import dataclass, field
from typing import Any, Final, Literal

__all__ = ["BUFFER_BYTES", "Address", "StrangerError", "encryption", "prove", "receive", "send"]

BUFFER_BYTES: Final = 2**20
PROOF_BYTES: Final = 32
PROOF_S: Final = 10.0
_LENGTH: Final = struct.Struct(">I")

Role = Literal[b"desk", b"worker"]


class StrangerError(Exception):
    """Who is there does not know the run's secret."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the desk of a run is.

    Attributes:
        host: Of the machine, as Ray knows it.
        port: A free one was taken.
        secret: Of the run; new for each.
    """

    host: str
    port: int
    secret: bytes = field(repr=False)


async def prove(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: bytes, role: Role
) -> None:
    """Prove to the other side that this one knows the secret, and let it do so; the secret itself is not told.

    Raises:
        StrangerError: it does not, or says nothing.
    """
    other: Role = b"worker" if role == b"desk" else b"desk"
    mine = secrets.token_bytes(PROOF_BYTES)
    writer.write(mine)
    try:
        async with asyncio.timeout(PROOF_S):
            theirs = await reader.readexactly(PROOF_BYTES)
            writer.write(hmac.digest(secret, role + theirs + mine, "sha256"))
            proof = await reader.readexactly(PROOF_BYTES)
    except (TimeoutError, asyncio.IncompleteReadError) as error:
        raise StrangerError("it says nothing") from error
    if not hmac.compare_digest(proof, hmac.digest(secret, other + mine + theirs, "sha256")):
        raise StrangerError("it does not know the run's secret")


def send(writer: asyncio.StreamWriter, message: object) -> None:
    """Send a message."""
    packed = pickle.dumps(message, protocol=5)
    writer.writelines((_LENGTH.pack(len(packed)), packed))


async def receive(reader: asyncio.StreamReader) -> Any:
    """Return the next message.

    Raises:
        asyncio.IncompleteReadError: there is none any more.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))


def encryption(role: Role) -> ssl.SSLContext | None:
    """Return what Ray's own settings say of encryption; None where they say nothing.

    Both sides show a certificate of Ray's authority. Source: https://docs.ray.io/en/latest/ray-core/configure.html.
    """
    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == b"desk" else ssl.PROTOCOL_TLS_CLIENT)
    # Certificates are of machines, by names that need not be the addresses that Ray knows them by.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(os.environ["RAY_TLS_SERVER_CERT"], os.environ["RAY_TLS_SERVER_KEY"])
    context.load_verify_locations(os.environ["RAY_TLS_CA_CERT"])
    return context
