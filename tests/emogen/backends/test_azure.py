"""Deployments on Azure: addresses, versions and keys as the official SDK takes them from the environment."""

from __future__ import annotations

from typing import Any

import pytest
from openai_stub import OpenAIStub, Reply

from emogen.backends import BackendOptions, open_backend
from emogen.backends.azure import AzureBackend
from emogen.errors import CredentialError, InputError
from emogen.schemas import Message, Prompt

PROMPT = Prompt(record_id="r", instruction="free", messages=(Message(role="user", content="Why?"),))
KEY = "azure-planted-0123456789abcdef"
TOKEN = "entra-planted-0123456789abcdef"


@pytest.fixture
def resource(stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> OpenAIStub:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", stub.url.removesuffix("/v1"))
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    return stub


async def asked(stub: OpenAIStub, **options: Any) -> dict[str, str]:
    """Ask once, and return the headers that the server saw."""
    seen: dict[str, str] = {}

    def look(headers: Any) -> Reply:
        seen.update({name.lower(): value for name, value in headers.items()})
        return Reply(text="Because.")

    stub.plan = [look]
    backend = open_backend("azure:mine", BackendOptions(**options))
    assert (await backend.complete(PROMPT)).text == "Because."
    await backend.aclose()
    return seen


async def test_a_deployment_is_asked(resource: OpenAIStub) -> None:
    """A deployment is asked at its own path in the version named, with the key as Azure wants it."""
    seen = await asked(resource)
    assert resource.paths == ["/openai/deployments/mine/chat/completions?api-version=2024-10-21"]
    assert seen["api-key"] == KEY
    assert "authorization" not in seen


async def test_a_token_goes_before_the_key(resource: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token of Entra ID is sent as a bearer token in the key's place, unless a key is asked for by name."""
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", TOKEN)
    seen = await asked(resource)
    assert seen["authorization"] == f"Bearer {TOKEN}"
    assert "api-key" not in seen
    seen = await asked(resource, api_key_env="AZURE_OPENAI_API_KEY")
    assert seen["api-key"] == KEY


async def test_another_key_and_address(resource: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--base-url` and `--api-key-env` win over Azure's environment variables."""
    monkeypatch.setenv("MY_KEY", "another-planted-0123456789")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    url = resource.url.removesuffix("/v1")
    assert (await asked(resource, base_url=url, api_key_env="MY_KEY"))["api-key"].startswith("another")


def test_the_version_is_a_parameter(resource: OpenAIStub) -> None:
    """What decides the answer is in the parameters: address and version, never the key."""
    parameters = AzureBackend(BackendOptions(model="mine")).parameters
    assert parameters["api_version"] == "2024-10-21"
    assert parameters["base_url"] == resource.url.removesuffix("/v1")
    assert KEY not in str(parameters)


@pytest.mark.parametrize(
    ("variable", "error"),
    [
        ("AZURE_OPENAI_ENDPOINT", InputError),
        ("OPENAI_API_VERSION", InputError),
        ("AZURE_OPENAI_API_KEY", CredentialError),
    ],
)
def test_what_is_missing_is_named(
    resource: OpenAIStub, monkeypatch: pytest.MonkeyPatch, variable: str, error: type[Exception]
) -> None:
    """Without address, version or key, the variable is named with the line that sets it; nothing is sent."""
    monkeypatch.delenv(variable)
    with pytest.raises(error, match=f"{variable}.*export {variable}=") as caught:
        open_backend("azure:mine")
    assert KEY not in str(caught.value)
    assert resource.bodies == []


def test_an_endpoint_that_is_no_address(resource: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address in the environment that is none is named by its variable."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "my-resource")
    with pytest.raises(InputError, match="AZURE_OPENAI_ENDPOINT: not an address"):
        open_backend("azure:mine")
