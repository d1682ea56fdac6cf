"""From a checkpoint and its base to one complete folder of transformers, which needs nothing of ours any more."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emogen.atomic import replacing_folder
from emogen.errors import InputError
from emovit_train.checkpoint import load_checkpoint, read_config
from emovit_train.hub import local_folder
from emovit_train.instructblip import load_whole
from emovit_train.llava import load_llava, low_rank_sum
from emovit_train.models import FOLDER_KINDS
from emovit_train.quiet import quiet_transformers

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["merge"]

# The assembly's parts, as transformers names them.
_THEIRS: Final = {
    "instructblip": {
        "qformer": "qformer",
        "query_tokens": "query_tokens",
        "projection": "language_projection",
        "ln_vision": "vision_model.post_layernorm",
    },
    "llava": {
        "projection": "model.multi_modal_projector",
        "language_model.model": "model.language_model",
    },
}
_WEIGHTS: Final = (
    "*.safetensors",
    "*.safetensors.index.json",
    "*.bin",
    "*.bin.index.json",
    "*.h5",
    "*.msgpack",
)


def merge(checkpoint: Path, out: Path, *, overwrite: bool = False) -> int:
    """Write a folder that `from_pretrained` of transformers loads; return how many tensors were tuned.

    Tokenizers and preprocessing are copied from the base. The frozen parts keep the number format of the base's
    files, the tuned ones are float32.

    Args:
        checkpoint: Folder written by `emovit_train train` or `import-lavis`.
        out: The new folder.
        overwrite: Replace a folder that is there, with all that it holds.

    Raises:
        InputError: the checkpoint cannot be used, was tuned from no such folder, or lies on another base; `out` is
            there.
    """
    config = read_config(checkpoint)
    if config.spec.kind not in FOLDER_KINDS:
        raise InputError(
            f"{config.spec.kind} is no model of transformers",
            where=checkpoint,
            remedy="Merge a checkpoint that was tuned from an InstructBLIP or LLaVA folder.",
        )
    base = local_folder(config.spec.folder)
    if out.exists() and not overwrite:
        raise InputError(
            "this is there already", where=out, remedy="Name another folder, or add --overwrite."
        )
    if out.resolve() in (base.resolve(), checkpoint.resolve()):
        raise InputError(
            "base and checkpoint are read, and cannot be replaced", where=out, remedy="Name another folder."
        )
    # Loaded as an assembly first: that makes sure that the base is the one that it was tuned on.
    tuned = {name: each.cpu() for name, each in load_checkpoint(checkpoint).trained_tensors().items()}
    whole = _merged(config.spec.kind, base, tuned)
    with replacing_folder(out) as work:
        _copy_rest(base, work)
        with quiet_transformers():
            whole.save_pretrained(work)
    return len(tuned)


def _merged(kind: str, base: Path, tuned: dict[str, Tensor]) -> Any:
    """Return transformers' model with the tuned tensors in it."""
    whole: Any = load_whole(base, "auto") if kind == "instructblip" else load_llava(base, "auto")
    additions = low_rank_sum(tuned)
    own = {_theirs(kind, name): each for name, each in tuned.items() if ".lora_" not in name}
    lost = whole.load_state_dict(own, strict=False).unexpected_keys
    assert not lost, lost
    for name, added in additions.items():
        weight = whole.get_parameter(_theirs(kind, name))
        weight.data = (weight.data.float() + added).to(weight.dtype)
    return whole


def _theirs(kind: str, name: str) -> str:
    ours = next(ours for ours in _THEIRS[kind] if name == ours or name.startswith(f"{ours}."))
    return _THEIRS[kind][ours] + name.removeprefix(ours)


def _copy_rest(base: Path, out: Path) -> None:
    """Copy what is not weights: tokenizers, preprocessing, licence."""
    hidden = ".*"  # .git and caches of a download
    shutil.copytree(base, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns(hidden, *_WEIGHTS))
