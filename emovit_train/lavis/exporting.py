"""From a checkpoint of ours to a `.pth` that LAVIS' `load_checkpoint` reads."""

from __future__ import annotations

from pathlib import Path

from emogen.errors import InputError
from emovit_train.checkpoint import load_checkpoint, read_config
from emovit_train.lavis.weights import to_lavis_state, write_pth
from emovit_train.model import EmoVIT

__all__ = ["export_lavis"]


def export_lavis(checkpoint: Path, out: Path, *, whole: bool = False, overwrite: bool = False) -> int:
    """Write Q-Former, queries, projection and `ln_vision`; return the number of tensors.

    Parts that were not trained are written, too, as the base has them.

    Args:
        checkpoint: Folder written by `emovit_train train` or `import-lavis`.
        out: The file.
        whole: The frozen image encoder and language model, too.
        overwrite: Replace a file that is there.

    Raises:
        InputError: the checkpoint cannot be used or is no InstructBLIP, or `out` is there or cannot be written.
    """
    config = read_config(checkpoint)
    if config.spec.kind != "instructblip":
        raise InputError(
            f"{config.spec.kind} is no model that LAVIS has",
            where=checkpoint,
            remedy="Export a checkpoint that was tuned from an InstructBLIP folder.",
        )
    if out.exists() and not overwrite:
        raise InputError("this file is there already", where=out, remedy="Name another, or add --overwrite.")
    model = load_checkpoint(checkpoint)
    assert isinstance(model, EmoVIT), config.spec.kind
    state = to_lavis_state(model, whole=whole)
    write_pth(state, out)
    return len(state)
