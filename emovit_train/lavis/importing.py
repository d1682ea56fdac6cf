"""From a LAVIS `.pth` to a checkpoint of ours, every key accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emogen.atomic import writable_folder
from emogen.errors import InputError, shorten
from emogen.lock import locked
from emovit_train.checkpoint import CONFIG, save_checkpoint
from emovit_train.lavis.names import WORD_TABLE
from emovit_train.lavis.weights import Sorted, kind_of, lacks_dec, read_pth, sort_tensors
from emovit_train.model import TRAINABLE_PARTS, EmoVIT
from emovit_train.models import MODELS, ModelSpec, resolve_model

__all__ = ["Imported", "import_lavis"]


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        parts: What the file gave.
        from_base: Parts that the file is without; they stay as they are in the base.
        tensors: How many were taken over.
        frozen: How many tensors of frozen parts the file holds besides, all equal to the base's.
        dropped: LAVIS' names of what nothing here reads.
    """

    parts: tuple[str, ...]
    from_base: tuple[str, ...]
    tensors: int
    frozen: int
    dropped: tuple[str, ...]


def import_lavis(file: Path, model: str, out: Path, *, overwrite: bool = False) -> Imported:
    """Put LAVIS' weights onto a base, and save them as a checkpoint.

    Args:
        file: A `.pth` of `Blip2VicunaInstruct` or `Blip2T5Instruct`, which EmoVIT's weights are, too.
        model: The InstructBLIP checkpoint folder whose frozen parts it was tuned with.
        out: The checkpoint's folder.
        overwrite: Replace a checkpoint that is in `out` already.

    Raises:
        InputError: the file, the base or `out` cannot be used, or file and base do not fit; nothing is written.
    """
    state = read_pth(file)
    kind, folder = resolve_model(model)
    if folder is None:
        raise InputError(
            f"{kind} has nothing in common with LAVIS' models",
            where="--model",
            remedy="Name an InstructBLIP checkpoint folder.",
        )
    if (out / CONFIG).exists() and not overwrite:
        raise InputError(
            "a model lies here already", where=out, remedy="Name another folder, or add --overwrite."
        )
    base = MODELS.get(kind).assemble(ModelSpec(kind, folder))
    if not isinstance(base, EmoVIT):
        raise InputError(
            f"{kind} has no Q-Former", where="--model", remedy="Name an InstructBLIP checkpoint folder."
        )
    done = put_onto(base, state, file)
    writable_folder(out)
    with locked(out, "folder"):
        save_checkpoint(out, base, [])
    return done


def put_onto(base: EmoVIT, state: dict[str, Tensor], file: Path) -> Imported:
    """Copy LAVIS' tensors into the assembly, whose trained parts are then those that the file gave.

    Raises:
        InputError: as `import_lavis`.
    """
    found = sort_tensors(state, kind_of(base), file)
    own = base.state_dict()
    unknown = found.unknown + [name for name in found.tensors if name not in own]
    if unknown:
        raise InputError(
            f"{len(unknown)} of {len(state)} tensors have no place in the model: {_some(unknown)}",
            where=file,
            remedy="Name the base that it was tuned on: --model",
        )
    if lacks_dec(base):
        _without_dec(found, own[WORD_TABLE])
    _check_shapes(found.tensors, own, file)
    bridge = {name for name in own if name.split(".")[0] in TRAINABLE_PARTS}
    parts = _whole_parts(bridge, found, file)
    frozen = [name for name in found.tensors if name not in bridge]
    _check_frozen(frozen, found.tensors, own, file)
    taken = {name: tensor for name, tensor in found.tensors.items() if name in bridge}
    base.set_trained(parts)
    base.load_state_dict(taken, strict=False)
    return Imported(
        parts=parts,
        from_base=tuple(part for part in TRAINABLE_PARTS if part not in parts),
        tensors=len(taken),
        frozen=len(frozen),
        dropped=tuple(found.dropped),
    )


def _without_dec(found: Sorted, own: Tensor) -> None:
    table = found.tensors.get(WORD_TABLE)
    if table is not None and len(table) == len(own) + 1:
        found.tensors[WORD_TABLE] = table[:-1]
        found.dropped.append("the row of [DEC], which no instruction holds")


def _check_shapes(tensors: dict[str, Tensor], own: dict[str, Tensor], file: Path) -> None:
    wrong = [
        f"{name} is {tuple(tensor.shape)}, the model's {tuple(own[name].shape)}"
        for name, tensor in tensors.items()
        if tensor.shape != own[name].shape
    ]
    if not wrong:
        return
    words = WORD_TABLE in tensors and len(tensors[WORD_TABLE]) != len(own[WORD_TABLE])
    raise InputError(
        f"{'another vocabulary: ' if words else ''}{len(wrong)} tensors are of another shape: {_some(wrong)}",
        where=file,
        remedy="Name the base that it was tuned on: --model",
    )


def _whole_parts(bridge: set[str], found: Sorted, file: Path) -> tuple[str, ...]:
    parts, missing = [], []
    for part in TRAINABLE_PARTS:
        wanted = {name for name in bridge if name.split(".")[0] == part}
        lacking = wanted - found.tensors.keys()
        if not lacking:
            parts.append(part)
        elif lacking != wanted:
            missing += sorted(lacking)
    if missing:
        raise InputError(
            f"{len(missing)} tensors are missing: {_some(missing)}",
            where=file,
            remedy="Fetch it again. BLIP-2, whose Q-Former reads no instruction, lacks the side that reads text.",
        )
    if not parts:
        raise InputError("holds no Q-Former, queries or projection", where=file, remedy="Name another file.")
    return tuple(parts)


def _check_frozen(names: list[str], tensors: dict[str, Tensor], own: dict[str, Tensor], file: Path) -> None:
    """Refuse frozen weights that are not the base's, number formats aside: a checkpoint keeps none."""
    other = [name for name in names if not _same(tensors[name], own[name])]
    if other:
        raise InputError(
            f"{len(other)} frozen tensors are not those of the model: {_some(other)}",
            where=file,
            remedy="Name the base that it was tuned on: --model",
        )


def _same(theirs: Tensor, ours: Tensor) -> bool:
    ours = ours.cpu()
    return torch.equal(theirs, ours.to(theirs.dtype)) or torch.equal(theirs.to(ours.dtype), ours)


def _some(names: list[str]) -> str:
    return shorten(", ".join(names), 200)
