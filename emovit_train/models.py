"""Which assemblies there are: `--model nano`, or an InstructBLIP or LLaVA checkpoint: `--model path/to/folder`.

A checkpoint may also be named as on the Hugging Face Hub, see `emovit_train.hub`.

Another package adds one of its own under `[project.entry-points."emovit_train.models"]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from emogen.errors import InputError, UnknownNameError
from emogen.registry import Registry
from emovit_train.hub import hub_kind, is_hub_name
from emovit_train.transformers_folder import model_type

if TYPE_CHECKING:
    from emovit_train.model import Assembly

__all__ = ["FOLDER_KINDS", "MODELS", "ModelKind", "ModelSpec", "TuningDefaults", "resolve_model"]


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
        augment: Whether photographs are cropped and flipped at random.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    warmup: float = 0.05
    parts: tuple[str, ...] = ("qformer", "query_tokens", "projection")
    augment: bool = True


@dataclass(frozen=True)
class ModelSpec:
    """What an assembly is made from; kept in the checkpoint, so that the same one is made again.

    Attributes:
        kind: Name in `MODELS`.
        folder: The checkpoint folder or its name on the Hub, for kinds that read one.
        seed: Of the parts that start untrained.
        frozen_dtype: Number format of the frozen parts, see `emovit_train.precision`.
        text_norm: What becomes of texts before they are tokenised, see `emovit_train.text.TextCodec`.
        context: What precedes each instruction: `none`, or the `caption` of its image.
        lora_rank: Of low-rank additions to the language model, for kinds that have them.
    """

    kind: str
    folder: str | None = None
    seed: int = 0
    frozen_dtype: str = "auto"
    text_norm: Literal["raw", "lavis"] = "raw"
    context: Literal["none", "caption"] = "none"
    lora_rank: int = 16


@dataclass(frozen=True)
class ModelKind:
    """One entry of `MODELS`.

    Attributes:
        assemble: Builds the model; its trained parts are in their starting state.
        defaults: See `TuningDefaults`.
        trainable: The parts that can be trained, as the assembly names them.
    """

    assemble: Callable[[ModelSpec], Assembly]
    defaults: TuningDefaults
    trainable: tuple[str, ...]


MODELS: Final[Registry[ModelKind]] = Registry(
    "model",
    "emovit_train.models",
    {
        "nano": "emovit_train.nano:KIND",
        "instructblip": "emovit_train.instructblip:KIND",
        "llava": "emovit_train.llava:KIND",
    },
)


# Kinds that read a checkpoint folder, with the name of one on the Hugging Face Hub.
FOLDER_KINDS: Final = {"instructblip": "instructblip-vicuna-7b", "llava": "llava-1.5-7b-hf"}


def resolve_model(name: str, arch: str = "auto") -> tuple[str, str | None]:
    """Read `--model`: return the kind's name and, where `name` is one, the checkpoint's folder or name on the Hub.

    Args:
        name: A known model, a folder, or a name on the Hub, which need not be in its cache.
        arch: The kind that reads the checkpoint; `auto` is what the folder, or the name on the Hub, says.

    Raises:
        UnknownNameError: none of these, or no such kind.
        InputError: it looks like a folder that is not there.
    """
    folder = Path(name)
    if arch != "auto" and arch not in MODELS:
        raise UnknownNameError("kind of model", arch, ["auto", *MODELS.names()], where="--arch")
    if folder.is_dir():
        # What a folder without a readable configuration lacks, the kind says that reads it.
        kind = model_type(folder) if arch == "auto" else arch
        known = arch != "auto" or kind in FOLDER_KINDS
        return kind if known else "instructblip", str(folder.resolve())
    if is_hub_name(name):
        return hub_kind(name, arch), name
    if "/" in name or "\\" in name:
        raise InputError(
            f"no such folder: {name}", where="--model", remedy="Name a checkpoint folder, or: nano."
        )
    if name in FOLDER_KINDS:
        raise InputError(
            f"{name} is read from a checkpoint",
            where="--model",
            remedy=f"Name its folder, as in --model path/to/{FOLDER_KINDS[name]}, or its name on the Hub.",
        )
    if name not in MODELS:
        named = [kind for kind in MODELS.names() if kind not in FOLDER_KINDS]
        error = UnknownNameError("model or folder", name, named, where="--model")
        error.remedy = (
            f"{error.remedy} A checkpoint is named by its folder, or as owner/name of the Hugging Face Hub."
        )
        raise error
    return name, None
