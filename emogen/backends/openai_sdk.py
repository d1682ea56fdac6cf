"""OpenAI's chat completions by the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emogen.backends import BackendOptions
from emogen.backends.openai import OpenAIBackend, Transport
from emogen.backends.sdk_transport import NO_KEY, SdkTransport

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["OpenAISdkBackend"]


class OpenAISdkBackend(OpenAIBackend):
    """The same servers by OpenAI's official SDK, which knows proxies and organisations."""

    name = "openai-sdk"

    def _connection(self, options: BackendOptions) -> Transport:
        return SdkTransport(self.server, self._client, self.in_flight, options.timeout_s)

    def _client(self, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
        import openai

        return openai.AsyncOpenAI(
            base_url=self.server.base_url,
            api_key=self.server.key or NO_KEY,
            max_retries=0,
            http_client=http,
        )
