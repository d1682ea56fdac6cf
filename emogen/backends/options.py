"""What a user may say about how a model is asked, and what a backend is opened with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from emogen.comma_list import comma_list

__all__ = ["AnswerFormat", "BackendOptions", "ModelOptions"]

# The name of a variable has no dash, and a long one is more than one word; a key is neither.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST_WORD: Final = 24

AnswerFormat = Literal["json_schema", "function_call", "json_object", "text"]


def _name_of_a_variable(text: str) -> str:
    if not _NAME.fullmatch(text) or max(map(len, text.split("_"))) > LONGEST_WORD:
        raise ValueError("not the name of an environment variable; the key itself is said nowhere but in one")
    return text


def _addresses(value: Any) -> Any:
    """Take addresses with commas between them, or a list of such, for the list that they stand for."""
    if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
        value = ",".join(value)
    # Text without an address in it is for the backend to refuse.
    return tuple(dict.fromkeys(comma_list(value) or [value])) if isinstance(value, str) else value


class ModelOptions(BaseModel):
    """How a model is asked; a backend takes from it what it knows, and refuses what it cannot do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float | None = Field(
        None,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="Sampling temperature, 0 to 2. Default: the backend's.",
    )
    max_tokens: int = Field(1024, gt=0, description="Longest answer, in tokens.")
    answer_format: AnswerFormat | None = Field(
        None,
        description="json_schema, function_call, json_object or text. Default: the best that the server takes.",
    )
    base_url: Annotated[tuple[str, ...], BeforeValidator(_addresses)] | None = Field(
        None,
        description="OpenAI-compatible server, up to and including /v1; several of the same model share the work.",
    )
    vllm: Path | None = Field(
        None,
        description="Serve the model on GPUs of a Ray cluster (--engine ray): settings of Ray's vLLM processor, a YAML "
        "or TOML file.",
    )
    api_key_env: Annotated[str, AfterValidator(_name_of_a_variable)] | None = Field(
        None,
        description="Environment variable that holds the key. Default: OPENAI_API_KEY, for Azure its own.",
    )
    timeout_s: float = Field(
        120.0, gt=0, allow_inf_nan=False, description="Seconds that one attempt may take."
    )


class BackendOptions(ModelOptions):
    """What a backend is opened with.

    Attributes:
        model: The model's name, where the backend has more than one.
        seed: Makes sampling repeatable where the model allows it.
        in_flight: How many requests may be under way; None leaves it to the backend.
        is_trial: Whether nothing will be asked, so that no key is needed.
    """

    model: str | None = None
    seed: int = 0
    in_flight: int | None = None
    is_trial: bool = False
