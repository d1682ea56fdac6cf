"""As much of HTTP/1.1 as a benchmark's server needs: requests with a length, answers with a length.

A web framework would take several times the CPU, on the cores that the clients are measured on.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Request", "UnreadableRequestError", "response", "take_request"]

_REASONS = {200: b"OK", 404: b"Not Found", 429: b"Too Many Requests", 500: b"Internal Server Error"}


class UnreadableRequestError(Exception):
    """No request that this server understands."""


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request."""

    method: bytes
    path: bytes
    body: bytes


def take_request(buffer: bytearray) -> Request | None:
    """Take the first whole request out of `buffer`; None while it is not whole.

    Raises:
        UnreadableRequestError: it is none, or its body has no length.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    line, _, headers = bytes(buffer[:end]).partition(b"\r\n")
    words = line.split(b" ")
    if len(words) != 3 or b"transfer-encoding:" in headers.lower():
        raise UnreadableRequestError(line[:80])
    size = end + 4 + _length(headers)
    if len(buffer) < size:
        return None
    body = bytes(buffer[end + 4 : size])
    del buffer[:size]
    return Request(words[0], words[1], body)


def _length(headers: bytes) -> int:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            if not value.strip().isdigit():
                raise UnreadableRequestError(line[:80])
            return int(value)
    return 0


def response(status: int, body: bytes, headers: bytes = b"") -> bytes:
    """Return a whole response; `headers` are lines that each end with CR and LF."""
    return b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status,
        _REASONS[status],
        len(body),
        headers,
        body,
    )
