"""Addresses and keys of servers: what is refused before anything is sent."""

from __future__ import annotations

import pytest

from emogen.backends import BackendOptions, open_backend
from emogen.errors import CredentialError, InputError

SECRET = "sk-planted-0123456789abcdef"


@pytest.mark.parametrize(
    "url",
    ["localhost:8000/v1", "ftp://host/v1", "http://", "http://host:port/v1", "http://host/v1?key=1", "  "],
)
def test_what_is_no_address(url: str) -> None:
    """A base URL that is none is refused with an example of one."""
    with pytest.raises(InputError, match=r"--base-url: not an address.*http://host:port/v1"):
        open_backend("openai:m", BackendOptions(base_url=url))


def test_password_in_the_address() -> None:
    """An address with a password in it is refused without repeating the password."""
    with pytest.raises(InputError, match="--api-key-env") as caught:
        open_backend("openai:m", BackendOptions(base_url=f"http://me:{SECRET}@host/v1"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"http://host/v1?key={SECRET}",
        f"http://host/v1#{SECRET}",
        f"me:{SECRET}@host/v1",
        f"ftp://{SECRET}@host/v1?k={SECRET}",
        f"http://me:{SECRET}@host:port/v1",
    ],
)
def test_a_secret_in_what_is_no_address(url: str) -> None:
    """What may be a password or a key is not repeated by the refusal, which shows the rest."""
    with pytest.raises(InputError, match=r"--base-url: .*") as caught:
        open_backend("openai:m", BackendOptions(base_url=url))
    assert SECRET not in str(caught.value)
    assert "host" in str(caught.value)


def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, and with one that cannot be one, the variable is named and the value is not."""
    with pytest.raises(CredentialError, match=r"no key in the environment variable OPENAI_API_KEY.*export"):
        open_backend("openai:gpt-6-luna")
    monkeypatch.setenv("MY_KEY", f"{SECRET}\nX-Evil: 1")
    with pytest.raises(CredentialError, match="MY_KEY") as caught:
        open_backend("openai:gpt-6-luna", BackendOptions(api_key_env="MY_KEY"))
    assert SECRET not in str(caught.value)
