"""The server that is asked: its address, and the key that never leaves this process but to it."""

from __future__ import annotations

import json
import logging
import os
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import quote, urlsplit

from emogen.backends import BackendOptions
from emogen.errors import CredentialError, InputError, shorten

__all__ = ["DEFAULT_BASE_URL", "Server", "address_of", "key_in"]

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
DEFAULT_KEY: Final = "OPENAI_API_KEY"
# Shorter ones are the placeholders that local servers take ("EMPTY", "none"), which are words of answers, too.
SECRET_FROM_CHARS: Final = 12
_USER: Final = re.compile(r"(?<=//)[^/\s]*@")
# What the official SDK and the libraries below it log by; a filter holds for one logger, not for those below it.
LOGGERS: Final = (
    "openai._base_client",
    "openai._legacy_response",
    "openai._response",
    "httpx2",
    *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go.

    Attributes:
        base_url: Up to and including `/v1`, without a slash at its end.
        own: Whether the user named it, so that what OpenAI serves says nothing about it.
        key: Empty where a server of one's own wants none.
        named_by: The option or environment variable that holds the address.
        unknown_model: What to do where the server does not know the model; empty is the usual.
    """

    base_url: str
    own: bool
    key: str = field(default="", repr=False)
    named_by: str = "--base-url"
    unknown_model: str = ""

    @classmethod
    def of(cls, options: BackendOptions) -> Server:
        """Return the one server that `options` name, OpenAI's by default.

        Raises:
            InputError: the address is none, or holds a password, or there are several.
            CredentialError: there is no key, or what is there cannot be one.
        """
        server, *others = cls.all_of(options)
        if others:
            raise InputError(
                f"{len(others) + 1} servers, where one is asked",
                where="--base-url",
                remedy="Name one of them.",
            )
        return server

    @classmethod
    def all_of(cls, options: BackendOptions) -> tuple[Server, ...]:
        """Return all servers that `options` name, each once; one key is for all of them.

        Raises:
            InputError: an address is none, or holds a password.
            CredentialError: there is no key, or what is there cannot be one.
        """
        if options.base_url is not None and options.vllm is not None:
            raise InputError(
                "the model is served in two ways, by --vllm and by --base-url",
                where="--vllm",
                remedy="Leave one of them out.",
            )
        own = options.base_url is not None or options.vllm is not None
        variable = options.api_key_env or DEFAULT_KEY
        addresses = dict.fromkeys(map(address_of, options.base_url or [DEFAULT_BASE_URL]))
        key = key_in(variable)
        if not (key or own or options.is_trial):
            raise CredentialError(
                f"no key in the environment variable {variable}",
                remedy=f"Set it (export {variable}=...), or name a server of your own with --base-url.",
            )
        return tuple(cls(address, own, key) for address in addresses)

    def without_key(self, text: bytes) -> bytes:
        """Cut the key out of what the server sent: some echo it, and answers and errors are kept."""
        if len(self.key) < SECRET_FROM_CHARS:
            return text
        for written in _as_written(self.key):
            text = text.replace(written, b"***")
        return text

    def shown(self, text: str) -> str:
        """Cut the key out of text, and out of the addresses in it what may be a name and a password."""
        cut = self.without_key(text.encode(errors="replace")).decode(errors="replace")
        return _USER.sub("…@", cut)

    def place(self, address: str) -> str:
        """Return an address that the server named, without what may be secret in it."""
        return self.shown(_without_secrets(address))

    def hide_in_logs(self) -> None:
        """Keep the key out of what is logged on the way: some servers repeat it in headers."""
        for name in LOGGERS:
            logging.getLogger(name).addFilter(_Hiding(self))


class _Hiding(logging.Filter):
    """Cuts a server's key out of log records. Two of the same server are one."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hiding) and self._server == other._server

    def __hash__(self) -> int:
        return hash(self._server)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._server.shown(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self._server.shown(logging.Formatter().formatException(record.exc_info))
        return True


@cache
def _as_written(key: str) -> tuple[bytes, ...]:
    """Return the ways in which a key may stand in JSON and in an address."""
    ways = (key, json.dumps(key)[1:-1], key.replace("/", "\\/"), quote(key, safe=""))
    return tuple({way.encode(): None for way in ways})


def address_of(text: str, named_by: str = "--base-url") -> str:
    """Return an address without the slash at its end.

    Raises:
        InputError: it is none, or holds a password.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if whole and (parts.username or parts.password):
        raise InputError(
            "the address holds a name or a password, which would end up in the run's manifest",
            where=named_by,
            remedy="Put the key into an environment variable and name that with --api-key-env.",
        )
    if not whole or parts.query or parts.fragment:
        raise InputError(
            f"not an address: {shorten(_without_secrets(url))!r}",
            where=named_by,
            remedy="Write it as http://host:port/v1.",
        )
    return url


def _without_secrets(url: str) -> str:
    """Cut out what may be a password or a key: the name before the host, and all behind a question mark or a hash."""
    return re.sub(r"[?#].+", "…", re.sub(r"[^/]*@", "…@", url), flags=re.DOTALL)


def key_in(variable: str) -> str:
    """Return the key that an environment variable holds, or nothing.

    Raises:
        CredentialError: what it holds cannot be a key.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise CredentialError(
            f"what the environment variable {variable} holds cannot be a key",
            remedy="Copy the key again: it has letters, digits and dashes only.",
        )
    return key
