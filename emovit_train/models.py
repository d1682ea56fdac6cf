"""Which assemblies there are: `--model nano`, or `--model path/to/folder` of an InstructBLIP checkpoint.

Another package adds one of its own under `[project.entry-points."emovit_train.models"]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from emogen.errors import InputError
from emogen.registry import Registry

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["MODELS", "ModelKind", "ModelSpec", "TuningDefaults", "resolve_model"]


@dataclass(frozen=True)
class TuningDefaults:
    """What `train` uses where the user names nothing else.

    Attributes:
        epochs: Passes over the training rows.
        batch_size: Rows per step.
        lr: Peak learning rate of AdamW.
        weight_decay: Of AdamW, on matrices only.
        warmup: Share of the steps in which the learning rate rises.
        parts: What is trained.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    warmup: float = 0.05
    parts: tuple[str, ...] = ("qformer", "query_tokens", "projection")


@dataclass(frozen=True)
class ModelSpec:
    """What an assembly is made from; kept in the checkpoint, so that the same one is made again.

    Attributes:
        kind: Name in `MODELS`.
        folder: The checkpoint folder, for kinds that read one.
        seed: Of the parts that start untrained.
        frozen_dtype: Number format of the frozen parts, see `emovit_train.precision`.
        text_norm: What becomes of texts before they are tokenised, see `emovit_train.text.TextCodec`.
        context: What precedes each instruction: `none`, or the `caption` of its image.
    """

    kind: str
    folder: str | None = None
    seed: int = 0
    frozen_dtype: str = "auto"
    text_norm: Literal["raw", "lavis"] = "raw"
    context: Literal["none", "caption"] = "none"


@dataclass(frozen=True)
class ModelKind:
    """One entry of `MODELS`.

    Attributes:
        assemble: Builds the model; its trained parts are in their starting state.
        defaults: See `TuningDefaults`.
    """

    assemble: Callable[[ModelSpec], EmoVIT]
    defaults: TuningDefaults


MODELS: Final[Registry[ModelKind]] = Registry(
    "model",
    "emovit_train.models",
    {
        "nano": "emovit_train.nano:KIND",
        "instructblip": "emovit_train.instructblip:KIND",
    },
)


def resolve_model(name: str) -> tuple[str, str | None]:
    """Read `--model`: return the kind's name and, where `name` is one, the checkpoint folder.

    Raises:
        UnknownNameError: neither a known model nor a folder.
        InputError: it looks like a folder that is not there.
    """
    if Path(name).is_dir():
        return "instructblip", str(Path(name).resolve())
    if "/" in name or "\\" in name:
        raise InputError(
            f"no such folder: {name}", where="--model", remedy="Name a checkpoint folder, or: nano."
        )
    if name == "instructblip":
        raise InputError(
            "instructblip is read from a checkpoint folder",
            where="--model",
            remedy="Name the folder: --model path/to/instructblip-vicuna-7b",
        )
    MODELS.get(name)
    return name, None
