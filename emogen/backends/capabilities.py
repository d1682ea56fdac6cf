"""What each known chat model takes, read from `emogen/data/models.toml`."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from emogen.errors import BackendError
from emogen.resources import data_file

__all__ = ["Capabilities", "capabilities", "model_names", "provider_of", "refuse_retired", "replacements"]


class Capabilities(BaseModel):
    """One model's entry; the defaults are what an unknown model on a compatible server is taken to accept.

    Attributes:
        backend: Who speaks to it.
        answers: Structured answer formats that it takes, best first.
        max_tokens: Name of the length parameter.
        temperature: Whether a temperature is accepted.
        sees: Whether images are accepted.
        retired: First day on which the provider no longer serves it.
        replacements: What to name instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str = "openai"
    answers: tuple[Literal["json_schema", "function_call", "json_object"], ...] = (
        "json_schema",
        "function_call",
        "json_object",
    )
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    sees: bool = True
    retired: dt.date | None = None
    replacements: tuple[str, ...] = ()


@cache
def _table() -> dict[str, Capabilities]:
    with data_file("models.toml").open("rb") as file:
        entries = tomllib.load(file)["models"]
    return {name: Capabilities.model_validate(entry) for name, entry in entries.items()}


def model_names(today: dt.date | None = None) -> list[str]:
    """Return the models of the table that their providers still serve."""
    return [name for name, entry in _table().items() if not _is_retired(entry, today or _today())]


def provider_of(model: str) -> str | None:
    """Return the backend that serves `model`, or None where the table does not know it."""
    entry = _find(model)
    return entry.backend if entry else None


def capabilities(model: str) -> Capabilities:
    """Return what `model` takes; a dated snapshot (`gpt-4o-2024-08-06`) takes what its family takes."""
    return _find(model) or Capabilities()


def replacements(model: str, today: dt.date | None = None) -> list[str]:
    """Return what to name instead of `model`; never what is itself no longer served."""
    today = today or _today()
    named = [name for name in capabilities(model).replacements if not _is_retired(capabilities(name), today)]
    return named or model_names(today)


def _find(model: str) -> Capabilities | None:
    table = _table()
    names = (name for name in table if model == name or model.startswith(f"{name}-20"))
    return table.get(max(names, key=len, default=""))


def _is_retired(entry: Capabilities, today: dt.date) -> bool:
    return entry.retired is not None and entry.retired <= today


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def refuse_retired(model: str, today: dt.date) -> None:
    """Stop before a request is sent to a model that its provider no longer serves.

    Raises:
        BackendError: the message names replacements; none is ever put in its place silently.
    """
    entry = capabilities(model)
    if _is_retired(entry, today):
        raise BackendError(
            f"{model} has not been served by its provider since {entry.retired}",
            remedy=(
                f"Use {' or '.join(replacements(model, today))} instead, "
                "or name a server that still has it with --base-url (Azure, a proxy)."
            ),
        )
