"""What a run reads, and which of it, as settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from emogen.errors import InputError
from emogen.selection import PRESETS, Selection, merged, preset_of, read_rows, read_share, read_splits

__all__ = ["DataSettings"]


def _checked(key: str, read: Callable[[str], object]) -> AfterValidator:
    """Return a validator that keeps a text as it is written, if `read` can read it."""

    def check(text: str) -> str:
        try:
            read(text)
        except InputError as error:
            error.where = f"data.{key}"
            raise
        return text

    return AfterValidator(check)


def _as_text(value: Any) -> Any:
    """Take a number (`sample = 0.05` in a file) for the text that it is read from."""
    return str(value) if isinstance(value, int | float) else value


class DataSettings(BaseModel):
    """What is read, and which of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metadata: Path | None = Field(
        None,
        description="What you know of the images of a folder. Default: metadata.jsonl or metadata.csv inside.",
    )
    image_root: Path | None = Field(
        None, description="Folder that the records' image paths start from. Default: where the records lie."
    )
    captions: Path | None = Field(
        None,
        description="Captions from a file of their own, by image: JSON Lines, CSV, TSV, Parquet or JSON.",
    )
    preset: Annotated[str, _checked("preset", preset_of)] | None = Field(
        None, description=f"A selection by its name: {', '.join(PRESETS)}. Other choices change it."
    )
    split: Annotated[str, _checked("split", read_splits)] | None = Field(
        None,
        description="Only this split, or several with commas: train (what is in none, too), val, test, all.",
    )
    class_rows: Annotated[str, _checked("class_rows", read_rows)] | None = Field(
        None, description="Only these rows of each class, counted from 0 in the order of the data: 1000:5600."
    )
    per_class: int | None = Field(None, gt=0, description="So many records of each class, seeded.")
    sample: Annotated[str, BeforeValidator(_as_text), _checked("sample", read_share)] | None = Field(
        None, description="A share of each class, as 5%, seeded; a smaller one lies inside of a larger one."
    )
    selection_seed: int = Field(0, description="Varies which records of a class are taken.")

    def selection(self, limit: int | None) -> Selection:
        """Return what the settings select, and of that the first `limit` records."""
        given = Selection(
            splits=read_splits(self.split) if self.split else None,
            rows=read_rows(self.class_rows) if self.class_rows else None,
            per_class=self.per_class,
            share=read_share(self.sample) if self.sample else None,
            limit=limit,
            seed=self.selection_seed,
        )
        return merged(preset_of(self.preset), given) if self.preset else given
