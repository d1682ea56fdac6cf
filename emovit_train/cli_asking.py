"""Options that several commands share which ask a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from emogen.completion import choices, names_in
from emogen.errors import InputError

__all__ = [
    "ANSWERS",
    "BACKENDS",
    "BaseUrl",
    "Decoding",
    "Device",
    "Dtype",
    "ImageRoot",
    "MaxCost",
    "MaxNewTokens",
    "Split",
    "who",
]

# Every answer of a model behind an API, so that none is paid for twice.
ANSWERS: Final = "answers.sqlite"

BACKENDS: Final = names_in("emogen.backends:BACKENDS", "emogen.backends.capabilities:model_names")

Device = Annotated[
    str,
    typer.Option(
        help="Where to compute: auto (a GPU where there is one), cpu, or cuda.",
        autocompletion=choices("auto", "cpu", "cuda"),
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        help="Number format of MODEL's weights: float32, float16, bfloat16, or auto, which is float32 on a CPU.",
        autocompletion=choices("auto", "float32", "float16", "bfloat16"),
    ),
]
ImageRoot = Annotated[
    Path | None,
    typer.Option(
        "--image-root",
        help="Folder of the images. Default: as the run's manifest says, else the data's folder.",
    ),
]
Split = Annotated[
    str,
    typer.Option(
        help="Of the data set: train, val, test or all.",
        autocompletion=choices("train", "val", "test", "all"),
    ),
]
Decoding = Annotated[
    str,
    typer.Option(
        help="How answers are made: greedy, or as the references do: emovit, lavis.",
        autocompletion=choices("greedy", "emovit", "lavis"),
    ),
]
MaxNewTokens = Annotated[
    int | None, typer.Option(min=1, help="Longest answer, in tokens. Default: that of DECODING.")
]
MaxCost = Annotated[float | None, typer.Option(min=0, help="BACKEND: stop before more than this is spent.")]
BaseUrl = Annotated[
    list[str] | None,
    typer.Option(
        help="BACKEND: OpenAI-compatible server, up to and including /v1. May be given several times, for several "
        "servers of one model."
    ),
]


def who(command: str, /, **named: object) -> tuple[str, str]:
    """Return the kind of predictor and what names it.

    Args:
        command: The command, for the error.
        named: Option → what it was given, or None.

    Raises:
        InputError: it is not exactly one.
    """
    given = {kind: str(name) for kind, name in named.items() if name is not None}
    if len(given) == 1:
        return next(iter(given.items()))
    options = [f"--{kind}" for kind in given or named]
    raise InputError(
        f"{' and '.join(options)} are given" if given else "nobody is asked",
        where=command,
        remedy=f"Give exactly one: {', '.join(f'--{kind}' for kind in named)}.",
    )
