"""Saves and loads a tuned assembly: the trained tensors, and what is needed to put them onto the same base.

config.json          `CheckpointConfig`
trained.safetensors  trained parameters, and what was fitted to the training photographs
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from emogen.atomic import replacing_path, write_text
from emogen.errors import InputError, shorten
from emogen.reviews import ReviewCounts
from emovit_train.fingerprint import sha256_file, sha256_tensors
from emovit_train.models import MODELS, ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from emovit_train.model import Assembly

__all__ = [
    "CONFIG",
    "TENSORS",
    "CheckpointConfig",
    "Provenance",
    "load_checkpoint",
    "read_config",
    "save_checkpoint",
    "saved_tensors",
    "start_from",
]

CONFIG: Final = "config.json"
TENSORS: Final = "trained.safetensors"


class Provenance(BaseModel):
    """How the weights of a checkpoint came about.

    Attributes:
        settings: What the run was told, see `emovit_train.settings`.
        data_sha256: Of the data file.
        reviewed: What people's decisions about these data came to; None where none were heeded.
        reviews_sha256: Of the file of these decisions.
        step: Steps of the optimizer that were done.
        start_sha256: Of the tensor file of the checkpoint that they began with; None where there was none.
        git_revision: Of this program's checkout, where it is one.
        versions: Of Python and the packages that compute.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, Any]
    data_sha256: str
    reviewed: ReviewCounts | None = None
    reviews_sha256: str | None = None
    step: int
    start_sha256: str | None = None
    git_revision: str | None
    versions: dict[str, str]


class CheckpointConfig(BaseModel):
    """What a checkpoint belongs to.

    Attributes:
        format: Version of this layout.
        spec: What the assembly is made from.
        parts: Which parts were trained.
        base_sha256: Of the frozen weights by part; a checkpoint on another base answers nonsense.
        tensors_sha256: Of the tensor file, so that a half-replaced checkpoint is noticed.
        shapes: Tensor name → shape.
        trained_images: SHA-256 of every photograph that was trained on, sorted.
        made: How the weights came about; None where nobody said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    spec: ModelSpec
    parts: tuple[str, ...]
    base_sha256: dict[str, str]
    tensors_sha256: str
    shapes: dict[str, tuple[int, ...]]
    trained_images: tuple[str, ...]
    made: Provenance | None = None


def save_checkpoint(
    folder: Path, model: Assembly, trained_images: Iterable[str], made: Provenance | None = None
) -> CheckpointConfig:
    """Write the checkpoint; each file is replaced whole.

    Args:
        folder: Where to; it exists.
        model: The tuned assembly.
        trained_images: SHA-256 of the photographs that were trained on.
        made: How the weights came about.

    Raises:
        InputError: it cannot be written, as where the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = saved_tensors(model)
    with replacing_path(folder / TENSORS) as work:
        try:
            save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, work)
        except SafetensorError as error:
            # Its writer has no error of its own for a disk that is full.
            raise OSError(0, shorten(error, 120)) from error
    config = CheckpointConfig(
        spec=model.spec,
        parts=model.parts,
        base_sha256=_base_sha256(model),
        tensors_sha256=sha256_file(folder / TENSORS),
        shapes={name: tuple(tensor.shape) for name, tensor in sorted(tensors.items())},
        trained_images=tuple(sorted(set(trained_images))),
        made=made,
    )
    write_text(folder / CONFIG, config.model_dump_json(indent=2) + "\n")
    return config


def read_config(folder: Path) -> CheckpointConfig:
    """Read what the checkpoint belongs to, without loading any weights.

    Raises:
        InputError: this is no checkpoint of ours, or it is damaged.
    """
    try:
        config = CheckpointConfig.model_validate_json((folder / CONFIG).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"no checkpoint here: {CONFIG} cannot be read",
            where=folder,
            remedy="Name a folder that `emovit_train train --out` wrote.",
        ) from error
    except ValidationError as error:
        raise InputError(
            f"not a checkpoint of emovit_train: {shorten(error.errors()[0]['msg'])}",
            where=folder / CONFIG,
            remedy="Name a folder that `emovit_train train --out` wrote.",
        ) from error
    file = folder / TENSORS
    if not file.is_file() or sha256_file(file) != config.tensors_sha256:
        raise InputError(
            f"{TENSORS} is missing or does not belong to {CONFIG}", where=folder, remedy="Train again."
        )
    return config


def load_checkpoint(folder: Path, *, untuned: bool = False, device: torch.device | str = "cpu") -> Assembly:
    """Return the assembly in evaluation mode.

    Args:
        folder: The checkpoint.
        untuned: Leave the trained parts in their starting state.
        device: Where it is to compute.

    Raises:
        InputError: this is no checkpoint of ours, or its base is not the one that is installed.
    """
    config = read_config(folder)
    model = MODELS.get(config.spec.kind).assemble(config.spec)
    _put_onto(model, config, folder, untuned=untuned)
    return model.to(device).eval()


def start_from(folder: Path, config: CheckpointConfig, model: Assembly, parts: Sequence[str]) -> None:
    """Put a checkpoint's tensors onto a model that is to be trained further; leaves the checkpoint's parts to train.

    Args:
        folder: The checkpoint.
        config: Of the checkpoint.
        model: Freshly assembled.
        parts: What is to be trained.

    Raises:
        InputError: it was tuned on another base, or a part that it trained would be frozen: the result could not be
            told from a changed base any more.
    """
    frozen = [part for part in config.parts if part not in parts]
    if frozen:
        raise InputError(
            f"{', '.join(frozen)} would be frozen, which this checkpoint trained",
            where=folder,
            remedy=f"Train these parts, too: --parts {','.join(dict.fromkeys((*config.parts, *parts)))}",
        )
    _put_onto(model, config, folder)


def _put_onto(model: Assembly, config: CheckpointConfig, folder: Path, *, untuned: bool = False) -> None:
    from safetensors.torch import load_file

    model.set_trained(config.parts)
    _check_base(config, model, folder)
    wanted = set(model.fitted_tensors()) if untuned else set(config.shapes)
    tensors = {name: tensor for name, tensor in load_file(folder / TENSORS).items() if name in wanted}
    model.load_state_dict(tensors, strict=False)


def saved_tensors(model: Assembly) -> dict[str, Tensor]:
    """Return name → tensor of what a checkpoint holds."""
    return {**model.trained_tensors(), **model.fitted_tensors()}


def _check_base(config: CheckpointConfig, model: Assembly, folder: Path) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in saved_tensors(model).items()}
    found = _base_sha256(model)
    changed = [part for part, digest in config.base_sha256.items() if found.get(part) != digest]
    if changed or shapes != config.shapes:
        raise InputError(
            f"this checkpoint was tuned on another base: {', '.join(changed) or 'shapes'} differ",
            where=folder,
            remedy=f"Load it with the {config.spec.folder or config.spec.kind} that it was tuned on, or train again.",
        )


def _base_sha256(model: Assembly) -> dict[str, str]:
    # Computed tables (`fixed`) stay out: their last bits may differ between machines.
    left_out = {*model.fixed, *model.fitted_tensors()}
    frozen = {name: tensor for name, tensor in model.frozen_tensors().items() if name not in left_out}
    parts = sorted({name.split(".")[0] for name in frozen})
    return {
        part: sha256_tensors({name: tensor for name, tensor in frozen.items() if name.split(".")[0] == part})
        for part in parts
    }
