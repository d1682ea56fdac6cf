"""The server that is asked: its address, and the key that never leaves this process but to it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from emogen.backends import BackendOptions
from emogen.errors import CredentialError, InputError, shorten

__all__ = ["DEFAULT_BASE_URL", "Server"]

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
# Shorter ones are the placeholders that local servers take ("EMPTY", "none"), which are words of answers, too.
SECRET_FROM_CHARS: Final = 12


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go.

    Attributes:
        base_url: Up to and including `/v1`, without a slash at its end.
        own: Whether the user named it, so that what OpenAI serves says nothing about it.
        key: Empty where a server of one's own wants none.
    """

    base_url: str
    own: bool
    key: str = field(default="", repr=False)

    @classmethod
    def of(cls, options: BackendOptions) -> Server:
        """Return the server that `options` name, OpenAI's by default.

        Raises:
            InputError: the address is none, or holds a password.
            CredentialError: there is no key, or what is there cannot be one.
        """
        return cls(_base_url(options.base_url), options.base_url is not None, _key(options))

    def without_key(self, text: bytes) -> bytes:
        """Cut the key out of what the server sent: some echo it, and answers and errors are kept."""
        return text.replace(self.key.encode(), b"***") if len(self.key) >= SECRET_FROM_CHARS else text


def _base_url(given: str | None) -> str:
    url = (given or DEFAULT_BASE_URL).strip().rstrip("/")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if whole and (parts.username or parts.password):
        raise InputError(
            "the address holds a name or a password, which would end up in the run's manifest",
            where="--base-url",
            remedy="Put the key into an environment variable and name that with --api-key-env.",
        )
    if not whole or parts.query or parts.fragment:
        raise InputError(
            f"not an address: {shorten(url)!r}", where="--base-url", remedy="Write it as http://host:port/v1."
        )
    return url


def _key(options: BackendOptions) -> str:
    key = os.environ.get(options.api_key_env, "").strip()
    if not key and options.base_url is None:
        raise CredentialError(
            f"no key in the environment variable {options.api_key_env}",
            remedy=f"Set it (export {options.api_key_env}=...), or name a server of your own with --base-url.",
        )
    if not (key.isascii() and key.isprintable()):
        raise CredentialError(
            f"what the environment variable {options.api_key_env} holds cannot be a key",
            remedy="Copy the key again: it has letters, digits and dashes only.",
        )
    return key
