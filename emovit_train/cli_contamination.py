"""`emovit_train contamination`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.errors import CheckFailedError
from emogen.terminal import AsJson, say, show_json

__all__ = ["contamination"]


def contamination(
    train: Annotated[
        Path,
        typer.Argument(
            help="What is trained on: a checkpoint, a run folder, samples.jsonl, records.jsonl, a data set, or a "
            "folder of images."
        ),
    ],
    tests: Annotated[
        list[Path], typer.Argument(help="Test lists: data sets, files of records, or folders of images.")
    ],
    split: Annotated[str, typer.Option(help="Of the tests: train, val, test or all.")] = "test",
    train_split: Annotated[str, typer.Option(help="Of TRAIN: train, val, test or all.")] = "train",
    image_root: Annotated[
        Path | None,
        typer.Option("--image-root", help="Folder of TRAIN's images. Default: as for `train`."),
    ] = None,
    distance: Annotated[
        int,
        typer.Option(min=0, max=32, help="Pictures look the same that differ in so many of 64 bits at most."),
    ] = 6,
    out: Annotated[
        Path | None, typer.Option(help="Write all that was found into this file, as JSON, image by image.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 1 where any test image was trained on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which test images were trained on.

    An image was if one of the same id in the same data set, of the same bytes, or of the same look was.
    """
    import json

    from emogen.atomic import write_text
    from emovit_train.evaluation.contamination import contamination as find
    from emovit_train.evaluation.contamination import image_list
    from emovit_train.evaluation.tables import as_markdown

    trained = [image_list(train, train_split, images=image_root)]
    found = [find(trained, image_list(test, split), distance) for test in tests]
    if out is not None:
        write_text(out, json.dumps([each.model_dump() for each in found], indent=2) + "\n")
    if as_json:
        show_json({"tests": found})
    else:
        say(as_markdown([each.model_copy(update={"seen": ()}) for each in found]))
    dirty = [each for each in found if each.clean < each.images]
    if strict and dirty:
        raise CheckFailedError(
            f"{sum(each.images - each.clean for each in dirty):,} test images were trained on",
            where=", ".join(each.test for each in dirty),
            remedy="Leave them out of what is trained on, or say so beside every number.",
        )
