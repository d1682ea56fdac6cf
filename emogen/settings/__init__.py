"""All that a run is told, in one model: what a run file may say, and what the options of the command line say.

A field here is a key of the file and, with the dashes that options have, an option: `limits.max_cost` is
`--max-cost`. Its default and its description are stated here alone. The checks are said in files only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from emogen.backends.options import ModelOptions
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.comma_list import list_of_texts
from emogen.errors import InputError, UnknownNameError
from emogen.instructions import INSTRUCTIONS
from emogen.labels import label_set
from emogen.prompts import DEFAULT_CONTEXT, Context
from emogen.seeds import DEFAULT_EXAMPLES
from emogen.settings.data import DataSettings
from emogen.sight import JPEG_QUALITY, LONGEST_SIDE
from emogen.sources import SOURCES

__all__ = [
    "DEFAULT_CORRECTIONS",
    "DEFAULT_TOKENS_PER_ROW",
    "DEFAULT_TYPES",
    "DataSettings",
    "ImageSettings",
    "LimitSettings",
    "PromptSettings",
    "RunSettings",
    "is_list",
    "setting_fields",
    "value_kind",
]

DEFAULT_TYPES: Final = ("categorical", "conversation", "reasoning")
DEFAULT_CORRECTIONS: Final = 1
# Several times what a row with one correction takes of the bundled prompts; a model that rambles is stopped by it.
DEFAULT_TOKENS_PER_ROW: Final = 16_000


def _known_types(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise InputError("no instruction type given", where="types", remedy="Leave it out for all.")
    for name in names:
        if name not in INSTRUCTIONS:
            raise UnknownNameError("instruction type", name, INSTRUCTIONS.targets(), where="types")
    return tuple(dict.fromkeys(names))


def _known_source(name: str) -> str:
    if name not in SOURCES:
        raise UnknownNameError("source", name, SOURCES.targets(), where="source")
    return name


def _known_labels(value: Any) -> Any:
    if not isinstance(value, str | list | tuple) or not all(isinstance(label, str) for label in value):
        return value
    try:
        return label_set(value)
    except InputError as error:
        error.where = "labels"
        raise


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptSettings(_Group):
    """What prompts are made of."""

    templates: Path | None = Field(None, description="Folder of your own templates.")
    seeds: Path | None = Field(None, description="Folder of your own seed examples.")
    examples: int = Field(DEFAULT_EXAMPLES, ge=0, description="Seed examples shown in each prompt.")
    context: Context = Field(
        DEFAULT_CONTEXT,
        description="What of a record a prompt shows beside its emotion: all, caption or attributes.",
    )


class LimitSettings(_Group):
    """How much may be asked at once, in a minute and in all; None is no limit of yours."""

    in_flight: int | None = Field(
        None, gt=0, description="Most requests under way at once; adapts below that. Default: the backend's."
    )
    requests_per_minute: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Most requests a minute. Default: what the server's headers say.",
    )
    tokens_per_minute: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Most tokens a minute, of prompts and answers. Default: what the server's headers say.",
    )
    tokens_per_row: int = Field(
        DEFAULT_TOKENS_PER_ROW,
        gt=0,
        description="Most tokens for one row: with more, an unreadable answer is not corrected.",
    )
    max_cost: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Most money, in the currency of the prices; what is in flight is counted in.",
    )


class ImageSettings(_Group):
    """Whether the model sees the images, and how they are shown to it."""

    see: bool = Field(
        False, description="Show the model the images themselves, beside what the records say of them."
    )
    image_side: int = Field(
        LONGEST_SIDE,
        gt=0,
        description="Longest side of a shown image, in pixels; larger ones are scaled down.",
    )
    image_quality: int = Field(JPEG_QUALITY, ge=1, le=95, description="JPEG quality of a shown image.")


class RunSettings(_Group):
    """All that `emogen generate` is told of a run."""

    records: Path | None = Field(
        None,
        description="Records file, folder of images, EmoSet-118K's folder, a table (CSV, Parquet, Arrow), a folder or "
        "pattern ('shards/*.jsonl') of such files, their address (s3://bucket/x), or hf:owner/name.",
    )
    source: Annotated[str, AfterValidator(_known_source)] | None = Field(
        None, description="Layout of the records, by its name. Default: what is there decides."
    )
    out: Path | None = Field(None, description="Run folder; an interrupted run in it is resumed.")
    backend: str | None = Field(
        None,
        description="A backend, backend:model, or a known model's name. Needed where a model is asked.",
    )
    types: Annotated[tuple[str, ...], BeforeValidator(list_of_texts), AfterValidator(_known_types)] = Field(
        DEFAULT_TYPES, description="Instruction types, comma-separated."
    )
    limit: int | None = Field(None, gt=0, description="Only the first N records of what is selected.")
    labels: Annotated[tuple[str, ...], BeforeValidator(_known_labels)] | None = Field(
        None,
        description="Label set of the categorical question, instead of the records': mikels-8 or joy,anger,fear.",
    )
    seed: int = Field(0, description="Varies examples, guided questions and sampling.")
    corrections: int = Field(
        DEFAULT_CORRECTIONS,
        ge=0,
        description="How often a model is shown why its answer was unreadable.",
    )
    prices: Path | None = Field(None, description="A price table of yours (TOML), before the bundled one.")
    data: DataSettings = DataSettings()
    model: ModelOptions = ModelOptions()
    prompts: PromptSettings = PromptSettings()
    images: ImageSettings = ImageSettings()
    limits: LimitSettings = LimitSettings()
    checks: CheckSettings = DEFAULT_CHECKS


def setting_fields(model: type[BaseModel] = RunSettings) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield the key of each setting that is a single value (`("limits", "max_cost")`), with its field.

    The checks have tables of their own, which no option could say.
    """
    for name, field in model.model_fields.items():
        kind = field.annotation
        if kind is CheckSettings:
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (((name, *key), inner) for key, inner in setting_fields(kind))
        else:
            yield (name,), field


def value_kind(field: FieldInfo) -> type:
    """Return what a setting's value is on the command line: bool, int, float, Path, or else str."""
    kinds = set(_kinds(field.annotation))
    return next((kind for kind in (bool, int, float, Path) if kind in kinds), str)


def is_list(field: FieldInfo) -> bool:
    """Whether a setting has several values: with commas between them, or said several times."""
    return tuple in _origins(field.annotation)


def _origins(annotation: Any) -> Iterator[Any]:
    yield get_origin(annotation)
    for one in get_args(annotation):
        yield from _origins(one)


def _kinds(annotation: Any) -> Iterator[Any]:
    inner = () if get_origin(annotation) is Literal else get_args(annotation)
    if not inner:
        yield annotation
    for one in inner:
        yield from _kinds(one)
