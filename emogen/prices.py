"""What an answer costs: a dated table in `emogen/data/prices.toml`, and the user's own before it."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emogen.errors import InputError, shorten
from emogen.resources import data_file
from emogen.schemas import Usage

__all__ = ["Price", "price_of", "require_price"]


@dataclass(frozen=True)
class Price:
    """The price of one model.

    Attributes:
        prompt: For a million prompt tokens.
        answer: For a million answer tokens.
        currency: Of both.
        as_of: The day on which it was looked up.
        batch_share: What a request in a batch costs, as a share of that.
    """

    prompt: float
    answer: float
    currency: str
    as_of: dt.date
    batch_share: float = 0.5

    def of(self, usage: Usage) -> float:
        """Return what `usage` costs."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.answer) / 1e6

    def in_batch(self) -> Price:
        """Return what the model costs where it is asked in a batch."""
        return replace(
            self,
            prompt=self.prompt * self.batch_share,
            answer=self.answer * self.batch_share,
            batch_share=1.0,
        )


PerMillion = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: dt.date
    currency: str = "USD"
    batch_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    per_million: dict[str, tuple[PerMillion, PerMillion]]


def price_of(model: str, own: Path | None = None) -> Price | None:
    """Return the price of `model`, or None where it is unknown; a dated snapshot costs what its family costs.

    Args:
        model: The model's name.
        own: A price table of the user's, looked up first.

    Raises:
        InputError: the user's table cannot be read.
    """
    for table in map(_read, [own, data_file("prices.toml")] if own else [data_file("prices.toml")]):
        names = [name for name in table.per_million if model == name or model.startswith(f"{name}-20")]
        if names:
            prompt, answer = table.per_million[max(names, key=len)]
            return Price(prompt, answer, table.currency, table.as_of, table.batch_share)
    return None


def require_price(model: str, price: Price | None) -> Price:
    """Return `price` where it is known: a limit on money needs one.

    Raises:
        InputError: it is unknown.
    """
    if price is None:
        raise InputError(
            f"the price of {model!r} is unknown, so its cost cannot be limited",
            where="--max-cost",
            remedy='Give it with --prices FILE: as_of = DATE, [per_million], "NAME" = [prompt, answer].',
        )
    return price


def _read(path: Path) -> _Table:
    try:
        return _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"cannot be read: {shorten(error)}", where=path, remedy="Name a TOML price table."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{'.'.join(map(str, first['loc']))}: {shorten(first['msg'])}",
            where=path,
            remedy="Write it like the bundled table: as_of, and [per_million] with MODEL = [prompt, answer].",
        ) from error
