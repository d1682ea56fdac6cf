"""What a batch is: which requests it has, whom they go to and for how much, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from emogen.prices import Price
from emogen.schemas import Usage

__all__ = ["Asked", "Batch", "Failure", "State", "Terms"]


class State(StrEnum):
    """How far a batch has come. What a state in `-ing` names may or may not have happened at the provider."""

    PLANNED = "planned"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    CREATING = "creating"
    CREATED = "created"
    COLLECTED = "collected"


class Terms(BaseModel):
    """Who is asked, and for how much.

    Attributes:
        model: The model.
        base_url: The provider's address; None is OpenAI's.
        api_key_env: Name of the environment variable that holds the key; None is the usual one.
        price: What tokens cost in a batch; None where that is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    base_url: str | None
    api_key_env: str | None
    price: Price | None


@dataclass(frozen=True, slots=True)
class Batch:
    """One file of requests, and the batch that is made of it.

    Attributes:
        number: 1, 2, ... within the run folder.
        plan: Hash of the file and of a number drawn for it; the batch carries it at the provider.
        requests: How many.
        most: How many tokens they may take.
        terms: Who is asked, and for how much.
        state: How far it has come.
        file_id: The provider's name for the uploaded file.
        batch_id: The provider's name for the batch.
    """

    number: int
    plan: str
    requests: int
    most: Usage
    terms: Terms
    state: State = State.PLANNED
    file_id: str | None = None
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that is in a batch, with what its answer is kept beside.

    Attributes:
        key: See `emogen.journal_entry.request_key`.
        record_id: The record that is asked about.
        instruction: The instruction type.
        revision: See `emogen.dialogue.Request`.
        answer_format: How the answer is asked for; empty where it has no form to have.
        prompt_tokens: About how many tokens are asked; 0 where an earlier version of this program did not note it.
        context: See `emogen.journal_entry.Entry`.
    """

    key: bytes
    record_id: str
    instruction: str
    revision: int
    answer_format: str
    prompt_tokens: int
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer.

    Attributes:
        reason: Short reason code (`batch_expired`, `bad_request`).
        detail: What the provider said, without secrets.
    """

    reason: str
    detail: str
