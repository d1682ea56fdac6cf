"""OpenAI's chat completions by the official SDK."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emogen.backends import BackendOptions
from emogen.backends.openai import OpenAIBackend, Transport
from emogen.backends.sdk_transport import NO_KEY, SdkTransport
from emogen.backends.server import Server

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["OpenAISdkBackend"]


class OpenAISdkBackend(OpenAIBackend):
    """The same servers by OpenAI's official SDK, which knows proxies and organisations."""

    name = "openai-sdk"

    def _connection(self, server: Server, connections: int, options: BackendOptions) -> Transport:
        return SdkTransport(server, partial(self._client, server), connections, options.timeout_s)

    @staticmethod
    def _client(server: Server, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
        import openai

        return openai.AsyncOpenAI(
            base_url=server.base_url,
            api_key=server.key or NO_KEY,
            max_retries=0,
            http_client=http,
        )
