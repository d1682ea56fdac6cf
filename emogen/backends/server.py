"""The server that is asked: its address, and the key that never leaves this process but to it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from emogen.backends import BackendOptions
from emogen.errors import CredentialError, InputError, shorten

__all__ = ["DEFAULT_BASE_URL", "Server", "address_of", "key_in"]

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
DEFAULT_KEY: Final = "OPENAI_API_KEY"
# Shorter ones are the placeholders that local servers take ("EMPTY", "none"), which are words of answers, too.
SECRET_FROM_CHARS: Final = 12


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
        """Return the server that `options` name, OpenAI's by default.

        Raises:
            InputError: the address is none, or holds a password.
            CredentialError: there is no key, or what is there cannot be one.
        """
        own = options.base_url is not None
        variable = options.api_key_env or DEFAULT_KEY
        address = address_of(options.base_url if options.base_url is not None else DEFAULT_BASE_URL)
        key = key_in(variable)
        if not (key or own or options.is_trial):
            raise CredentialError(
                f"no key in the environment variable {variable}",
                remedy=f"Set it (export {variable}=...), or name a server of your own with --base-url.",
            )
        return cls(address, own, key)

    def without_key(self, text: bytes) -> bytes:
        """Cut the key out of what the server sent: some echo it, and answers and errors are kept."""
        return text.replace(self.key.encode(), b"***") if len(self.key) >= SECRET_FROM_CHARS else text


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
