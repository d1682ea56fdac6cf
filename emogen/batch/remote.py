"""The provider's side of a batch, through the official SDK, which is imported only here."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emogen.backends import BackendOptions, TransientError
from emogen.backends.chat_reply import HttpReply, failure
from emogen.backends.sdk_transport import usable_proxies
from emogen.backends.server import Server
from emogen.batch.planned import Terms
from emogen.errors import BackendError, shorten

if TYPE_CHECKING:
    import openai
    from openai.types import Batch as SdkBatch
    from openai.types import BatchError

__all__ = ["GoneError", "Remote", "RemoteBatch", "Remotes"]

# The batch carries the hash of its plan under this name.
METADATA: Final = "emogen_plan"
ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
# Asking how things stand changes nothing, so the SDK may repeat it; what creates something is repeated only after
# looking whether it was created.
RETRIES: Final = 5
NO_KEY: Final = "none"


class GoneError(BackendError):
    """What was asked for is no longer there (404)."""


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as the provider sees it.

    Attributes:
        id: Its name.
        status: The provider's word (`in_progress`, `completed`, ...).
        total: How many requests were read from its file; 0 while it is validated.
        completed: How many were answered.
        failed: How many were not.
        files: The files that hold results: those of answers, then those of errors.
        errors: Why it failed as a whole.
        expires_at: When the provider gives up, in seconds since 1970; None where it does not say.
    """

    id: str
    status: str
    total: int
    completed: int
    failed: int
    files: tuple[str, ...]
    errors: tuple[str, ...]
    expires_at: int | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED


class Remote:
    """One provider's files and batches; use it as a context manager.

    Args:
        server: Where it is, and the key.
        model: Who is asked there, for messages.
    """

    def __init__(self, server: Server, model: str) -> None:
        import openai

        self._server = server
        self._model = model
        server.hide_in_logs()
        with usable_proxies():
            http = openai.DefaultHttpxClient(follow_redirects=False)
        self._client = openai.OpenAI(
            api_key=server.key or NO_KEY,
            base_url=server.base_url,
            max_retries=RETRIES,
            http_client=http,
        )
        self._once = self._client.with_options(max_retries=0)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def upload(self, path: Path, name: str) -> str:
        """Upload a file of requests under a name, and return what the provider calls it."""
        with self._errors(), path.open("rb") as file:
            return self._once.files.create(file=(name, file), purpose="batch").id

    def find_file(self, name: str) -> str | None:
        """Return what the provider calls the file that was uploaded under a name; None where there is none."""
        with self._errors():
            for file in self._client.files.list(purpose="batch"):
                if file.filename == name:
                    return file.id
        return None

    def delete_file(self, file_id: str) -> None:
        """Delete a file, if it is there."""
        try:
            with self._errors():
                self._client.files.delete(file_id)
        except GoneError:
            pass

    def create(self, file_id: str, plan: str) -> RemoteBatch:
        """Create the batch of an uploaded file; from then on it costs money."""
        with self._errors():
            return self._seen(
                self._once.batches.create(
                    input_file_id=file_id,
                    endpoint="/v1/chat/completions",
                    completion_window="24h",
                    metadata={METADATA: plan},
                )
            )

    def find_batch(self, plan: str) -> RemoteBatch | None:
        """Return the batch that carries the hash of a plan, or None where there is none."""
        with self._errors():
            for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(METADATA) == plan:
                    return self._seen(batch)
        return None

    def retrieve(self, batch_id: str) -> RemoteBatch:
        """Return how a batch stands."""
        with self._errors():
            return self._seen(self._client.batches.retrieve(batch_id))

    def cancel(self, batch_id: str) -> RemoteBatch:
        """Ask the provider to stop a batch; what was answered before stays, and is paid for."""
        with self._errors():
            return self._seen(self._client.batches.cancel(batch_id))

    def lines(self, file_id: str) -> Generator[bytes]:
        """Yield the lines of a file that hold anything, without the key if the server repeats it."""
        with self._errors(), self._client.files.with_streaming_response.content(file_id) as reply:
            rest = b""
            for chunk in reply.iter_bytes():
                *whole, rest = (rest + chunk).split(b"\n")
                yield from (self._server.without_key(line) for line in whole if line.strip())
            if rest.strip():
                yield self._server.without_key(rest)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the SDK's exceptions into ours; not as their causes, whose messages may hold the key."""
        import httpx2
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            detail = self._text(str(error.__cause__ or error) or type(error).__name__)
            raise TransientError("unreachable", f"{self._server.base_url}: {detail}") from None
        except openai.OpenAIError as error:
            raise TransientError("unreadable_reply", self._text(str(error))) from None

    def _refusal(self, error: openai.APIStatusError) -> BackendError:
        response = error.response
        body = self._server.without_key(response.content)
        if response.status_code == 404:
            return GoneError(
                f"{self._server.base_url} does not have it (HTTP 404): {shorten(body.decode(errors='replace'))}",
                remedy="Check the key, which must be of the same account, and that this server has batches at all.",
            )
        return failure(
            HttpReply(response.status_code, body, dict(response.headers)), self._server, self._model
        )

    def _text(self, text: str) -> str:
        return shorten(self._server.shown(text), 200)

    def _seen(self, batch: SdkBatch) -> RemoteBatch:
        counts = batch.request_counts
        errors = batch.errors.data if batch.errors else None
        return RemoteBatch(
            id=batch.id,
            status=batch.status,
            total=counts.total if counts else 0,
            completed=counts.completed if counts else 0,
            failed=counts.failed if counts else 0,
            files=tuple(file for file in (batch.output_file_id, batch.error_file_id) if file),
            errors=tuple(self._error(error) for error in errors or ()),
            expires_at=batch.expires_at,
        )

    def _error(self, error: BatchError) -> str:
        place = f"line {error.line}: " if error.line else ""
        return self._text(f"{place}{error.code or 'error'}: {error.message or 'no message'}")


class Remotes:
    """The ways to the providers of a run's batches; use it as a context manager."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._remotes: dict[tuple[str | None, str | None], Remote] = {}

    def __enter__(self) -> Remotes:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def of(self, terms: Terms) -> Remote:
        """Return the way to the provider that `terms` name.

        Raises:
            CredentialError: its key is not in the environment.
        """
        place = (terms.base_url, terms.api_key_env)
        if place not in self._remotes:
            options = BackendOptions(
                base_url=terms.base_url and (terms.base_url,), api_key_env=terms.api_key_env
            )
            self._remotes[place] = self._opened.enter_context(Remote(Server.of(options), terms.model))
        return self._remotes[place]
