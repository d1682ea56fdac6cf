"""Deployments on Azure, whose addresses, versions and keys the official SDK knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from emogen.backends import BackendOptions
from emogen.backends.openai import OpenAIBackend, Transport
from emogen.backends.sdk_transport import SdkTransport
from emogen.backends.server import Server, address_of, key_in
from emogen.errors import CredentialError, InputError

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["AzureBackend"]

ENDPOINT: Final = "AZURE_OPENAI_ENDPOINT"
API_VERSION: Final = "OPENAI_API_VERSION"
KEY: Final = "AZURE_OPENAI_API_KEY"
# Of Microsoft Entra ID; as in the SDK, it goes before the key.
TOKEN: Final = "AZURE_OPENAI_AD_TOKEN"


class AzureBackend(OpenAIBackend):
    """A deployment on Azure (azure:DEPLOYMENT), with the SDK's environment variables."""

    name = "azure"

    def __init__(self, options: BackendOptions) -> None:
        self._by_token = options.api_key_env is None and bool(key_in(TOKEN))
        super().__init__(options)
        self._version = os.environ.get(API_VERSION, "").strip()
        if not self._version:
            raise InputError(
                f"no version of Azure's interface in the environment variable {API_VERSION}",
                remedy=f"Set it (export {API_VERSION}=...) to one that your deployment serves.",
            )
        # Resources may call different models by the same name.
        self.parameters |= {"base_url": self.server.base_url, "api_version": self._version}

    def _servers(self, options: BackendOptions) -> tuple[Server, ...]:
        named_by = "--base-url" if options.base_url else ENDPOINT
        address, *others = options.base_url or [os.environ.get(ENDPOINT, "").strip()]
        if others:
            raise InputError(
                "azure asks one resource, not several",
                where="--base-url",
                remedy="Name one; for several servers of one model there is --backend openai:NAME.",
            )
        if not address:
            raise InputError(
                f"no address in the environment variable {ENDPOINT}",
                remedy=f"Set it (export {ENDPOINT}=https://NAME.openai.azure.com), or give it with --base-url.",
            )
        base_url = address_of(address, named_by)
        variable = TOKEN if self._by_token else options.api_key_env or KEY
        key = key_in(variable)
        if not key:
            raise CredentialError(
                f"no key in the environment variable {variable}",
                remedy=f"Set it (export {variable}=...), or {TOKEN} to a token of Microsoft Entra ID.",
            )
        advice = f"Check the deployment's name, the address ({named_by}) and {API_VERSION}."
        return (Server(base_url, own=True, key=key, named_by=named_by, unknown_model=advice),)

    def _connection(self, server: Server, connections: int, options: BackendOptions) -> Transport:
        return SdkTransport(server, self._client, connections, options.timeout_s)

    def _client(self, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
        import openai

        return openai.AsyncAzureOpenAI(
            azure_endpoint=self.server.base_url,
            azure_deployment=self.model,
            api_version=self._version,
            api_key=None if self._by_token else self.server.key,
            azure_ad_token=self.server.key if self._by_token else None,
            max_retries=0,
            http_client=http,
        )
