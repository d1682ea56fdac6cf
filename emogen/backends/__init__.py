"""Language models behind one asynchronous method: `complete(prompt) -> Completion`.

Adding one is a file here and a line below. Its factory takes `BackendOptions` and returns a `Backend`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, runtime_checkable

from emogen.backends.capabilities import capabilities, model_names, provider_of
from emogen.backends.options import AnswerFormat, BackendOptions, ModelOptions
from emogen.errors import BackendError, InputError, UnknownNameError, shorten
from emogen.registry import Registry
from emogen.schemas import Completion, Prompt

__all__ = [
    "BACKENDS",
    "CONTENT_FILTER",
    "AnswerFormat",
    "Backend",
    "BackendOptions",
    "FormatRefusedError",
    "HasAddress",
    "HasAnswerFormats",
    "ModelOptions",
    "RequestError",
    "ServerLeftError",
    "ThrottledError",
    "TransientError",
    "blind",
    "choices",
    "open_backend",
    "refuse_blind",
    "wants_json",
]


# The reason of a request that was refused for what its prompt says.
CONTENT_FILTER: Final = "content_filter"


class RequestError(BackendError):
    """One request failed for good; the run goes on and keeps the failure as a `Rejection`.

    Args:
        reason: Short reason code (`server_error`, `bad_request`, `content_filter`).
        detail: What the server said, without secrets.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class FormatRefusedError(RequestError):
    """The server gives no structured answers: the prompt has to be rendered anew, asking for text.

    Args:
        detail: What the server said, without secrets.
    """

    def __init__(self, detail: str) -> None:
        super().__init__("format_refused", detail)


class ThrottledError(BackendError):
    """The server asked for patience (429): the request itself is fine, and is sent again later.

    Args:
        detail: What the server said, without secrets.
        retry_after_s: Seconds that it asked to wait; None where it did not say.
    """

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"rate_limited: {detail}")
        self.detail = detail
        self.retry_after_s = retry_after_s


class TransientError(BackendError):
    """One attempt failed in a way that may pass (a 500, a dropped connection, a time-out, half an answer).

    Args:
        reason: Short reason code, kept if no further attempt succeeds.
        detail: What was seen, without secrets.
        retry_after_s: Seconds that the server asked to wait; None where it did not say.
        uses_attempt: Whether it counts against the request; not where its server was the matter, and another takes it.
    """

    def __init__(
        self, reason: str, detail: str, retry_after_s: float | None = None, *, uses_attempt: bool = True
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.uses_attempt = uses_attempt


class ServerLeftError(TimeoutError):
    """A request took too long on one of several servers, which is asked no more; another one takes it."""


class Backend(Protocol):
    """A language model that can be asked.

    Attributes:
        name: The backend's name in the table.
        model: The model's name.
        in_flight: How many requests may be under way at once.
        parameters: What influences the answers, for the manifest; never a secret.
        notice: One line that the user must know before using the answers, or empty.
        guided: Whether it follows a prompt's guide, which is rendered only then.
        takes_corrections: Whether showing the model what was wrong with its answer can help.
        sees: Whether it takes images; where that is not known, the user's word is taken.
        rate_headers: The rate-limit headers of the last reply, names in lower case; empty where there are none.
    """

    name: str
    model: str
    in_flight: int
    parameters: dict[str, Any]
    notice: str
    guided: bool
    takes_corrections: bool
    sees: bool
    rate_headers: Mapping[str, str]

    @property
    def structured(self) -> bool:
        """Whether answers are asked for as JSON; it may become False during a run, see `FormatRefusedError`."""

    async def complete(self, prompt: Prompt) -> Completion:
        """Make one attempt; `emogen.asking.Asker` adds journal, limits and retries.

        Raises:
            ThrottledError: the server asks for patience.
            TransientError: this attempt failed, and another may not.
            RequestError: this request failed for good; `FormatRefusedError` where it would not have as text.
            BackendError: no request can succeed (no key, no such model, no server).
        """

    async def aclose(self) -> None:
        """Let go of connections and memory."""


@runtime_checkable
class HasAddress(Protocol):
    """A backend behind servers.

    Attributes:
        address: Where it is asked, for messages; empty where that goes without saying.
    """

    @property
    def address(self) -> str: ...  # noqa: D102 - the class says it


@runtime_checkable
class HasAnswerFormats(Protocol):
    """A backend that goes down from one answer format to the next, as its server refuses them.

    Attributes:
        fell: Whether it asks in another format than the one that it began with.
    """

    @property
    def fell(self) -> bool: ...  # noqa: D102 - the class says it

    def go_on_with(self, answer_format: str) -> None:
        """Ask as an earlier part of the same run did in the end."""


BACKENDS: Registry[Callable[[BackendOptions], Backend]] = Registry(
    "backend",
    "emogen.backends",
    {
        "azure": "emogen.backends.azure:AzureBackend",
        "embedded": "emogen.backends.embedded:EmbeddedBackend",
        "openai": "emogen.backends.openai:OpenAIBackend",
        "openai-sdk": "emogen.backends.openai_sdk:OpenAISdkBackend",
        "scripted": "emogen.backends.scripted:open_scripted",
    },
)


def open_backend(spec: str, options: BackendOptions | None = None) -> Backend:
    """Open a backend from `backend`, `backend:model`, or a model name of the capability table.

    Raises:
        InputError: `spec` is empty or names neither a backend nor a model.
        EmovitError: the backend cannot be opened (a missing package, a missing key, a retired model).
    """
    options = options or BackendOptions()
    if not spec.strip():
        raise InputError("no backend given", remedy=choices())
    name, model = _named(spec)
    return BACKENDS.get(name)(options.model_copy(update={"model": model or options.model}))


def _named(spec: str) -> tuple[str, str]:
    """Return the backend and the model that `spec` names; the model may be empty."""
    name, _, model = spec.partition(":")
    if name in BACKENDS:
        return name, model
    provider = provider_of(spec)
    if provider is None:
        raise UnknownNameError("backend or model", spec, [*BACKENDS.names(), *model_names()])
    return provider, spec


def wants_json(spec: str | None, options: BackendOptions) -> bool:
    """Whether the backend that `spec` names would be asked for JSON; nothing is opened.

    Raises:
        UnknownNameError: `spec` names neither a backend nor a model.
    """
    if spec is not None:
        _named(spec)
    if options.answer_format is not None:
        return options.answer_format != "text"
    model = (spec or "").partition(":")[2] or spec or ""
    return spec is not None and not spec.startswith("scripted") and bool(capabilities(model).answers)


def refuse_blind(spec: str) -> None:
    """Stop before anything is opened where the model that `spec` names is known to take no images.

    Raises:
        InputError: it takes none.
        UnknownNameError: `spec` names neither a backend nor a model.
    """
    name, model = _named(spec)
    sees = getattr(BACKENDS.get(name), "sees", None)
    if not (capabilities(model).sees if sees is None else sees):
        raise blind(model or name)


def blind(model: str) -> InputError:
    """Return the error of showing images to a model that takes none."""
    return InputError(
        f"{shorten(model)} takes no images",
        where="--see",
        remedy="Leave it out, or name a model that sees.",
    )


def choices() -> str:
    """Return the list of backends with one line each, for a message."""
    lines = [f"  {name:<10} {summary}" for name, summary in BACKENDS.summaries().items()]
    known = ", ".join(model_names())
    return "\n".join(
        ["Choose one with --backend:", *lines, f"  or a model by its name: {known}"],
    )
