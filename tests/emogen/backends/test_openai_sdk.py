"""What the official SDK brings: proxies and organisations, from the environment as its users know them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from openai_stub import OpenAIStub, Reply

from emogen.backends import BackendOptions, open_backend
from emogen.schemas import Message, Prompt

PROMPT = Prompt(record_id="r", instruction="free", messages=(Message(role="user", content="Why?"),))


async def asked(stub: OpenAIStub, url: str, **options: Any) -> dict[str, str]:
    """Ask once, and return the headers that the server saw."""
    seen: dict[str, str] = {}

    def look(headers: Any) -> Reply:
        seen.update({name.lower(): value for name, value in headers.items()})
        return Reply(text="Because.")

    stub.plan = [look]
    backend = open_backend("openai-sdk:m", BackendOptions(base_url=url, **options))
    assert (await backend.complete(PROMPT)).text == "Because."
    await backend.aclose()
    return seen


async def test_a_proxy(stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names a proxy, a request for a server beyond it goes to the proxy."""
    monkeypatch.setenv("HTTP_PROXY", stub.url.removesuffix("/v1"))
    monkeypatch.setenv("NO_PROXY", "")
    seen = await asked(stub, "http://models.test/v1")
    assert seen["host"] == "models.test"
    assert len(stub.bodies) == 1


async def test_an_organisation(stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The organisation and the project of the environment go along."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-1")
    seen = await asked(stub, stub.url)
    assert (seen["openai-organization"], seen["openai-project"]) == ("org-1", "project-1")
    assert "authorization" not in seen


def test_it_is_loaded_when_it_is_used(stub: OpenAIStub) -> None:
    """Opening the backend does not load the SDK: its second of start-up is paid with the first request."""
    code = (
        "import sys; from emogen.backends import BackendOptions, open_backend\n"
        f"open_backend('openai-sdk:m', BackendOptions(base_url={stub.url!r}))\n"
        "assert 'openai' not in sys.modules and 'httpx2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
