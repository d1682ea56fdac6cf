"""The options that divide images into splits, where they have none: of records, and of an export."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["SplitBy", "SplitSeed"]

SplitBy = Annotated[
    str | None,
    typer.Option(
        "--split-by", help="Shares of train, val and test for images without a split: 0.9,0.05,0.05"
    ),
]
SplitSeed = Annotated[int, typer.Option("--split-seed", help="Divides the images in another way.")]
