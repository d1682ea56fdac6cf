"""LAVIS' `.pth` files: read without running what is pickled in them, sorted into the assembly's parts, and written."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from emogen.atomic import replacing_path
from emogen.errors import InputError, shorten
from emovit_train.lavis.names import DROPPED, POSITION_IDS, WORD_TABLE, Kind, from_lavis, prefix_of, to_lavis

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["Sorted", "kind_of", "lacks_dec", "read_pth", "sort_tensors", "to_lavis_state", "write_pth"]

_QKV: Final = ".self_attn.qkv.bias"
_REMEDY: Final = "Name a checkpoint that LAVIS saved for Blip2VicunaInstruct or Blip2T5Instruct."


@dataclass
class Sorted:
    """A LAVIS checkpoint by the assembly's names.

    Attributes:
        tensors: The assembly's name → tensor.
        dropped: LAVIS' names of what nothing here reads (`names.DROPPED`).
        unknown: LAVIS' names that no InstructBLIP has.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def kind_of(model: EmoVIT) -> Kind:
    """Return whether LAVIS calls the assembly's language model `t5_model` or `llm_model`."""
    return "t5" if model.language_model.config.is_encoder_decoder else "llm"


def lacks_dec(model: EmoVIT) -> bool:
    """Return whether the Q-Former's tokenizer is without LAVIS' `[DEC]`, which no instruction ever holds.

    LAVIS adds it to BERT's 30,522 words, so that its table has 30,523 rows.
    """
    return "[DEC]" not in model.codec.qformer_tokenizer.get_vocab()


def read_pth(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a LAVIS checkpoint, mapped from the disk where its format allows that.

    Raises:
        InputError: there is no such file, it is damaged, or it holds more than tensors and plain values.
    """
    if not file.is_file():
        raise InputError("no such file", where=file, remedy=_REMEDY)
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"no checkpoint of tensors and plain values: {shorten(error, 120)}",
            where=file,
            remedy="Fetch it again; a pickle that holds anything else is not opened.",
        ) from error
    state: Any = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(state, Mapping) or not state:
        raise InputError("holds no named tensors", where=file, remedy=_REMEDY)
    odd = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if odd:
        raise InputError(
            f"holds things that are no tensors: {shorten(', '.join(map(str, odd)))}",
            where=file,
            remedy=_REMEDY,
        )
    return dict(state)


def sort_tensors(state: Mapping[str, Tensor], kind: Kind, file: Path) -> Sorted:
    """Return a checkpoint's tensors by the assembly's names.

    Raises:
        InputError: it belongs to the other kind of language model, or half of an attention's bias is missing.
    """
    other: Kind = "llm" if kind == "t5" else "t5"
    if any(name.startswith(prefix_of(other)) for name in state):
        speaks = {"llm": "Vicuna", "t5": "FlanT5"}
        raise InputError(
            f"was made for {speaks[other]}, and the model's language model is of the {speaks[kind]} kind",
            where=file,
            remedy="Name the base that it was tuned on: --model",
        )
    found = Sorted()
    for name, tensor in state.items():
        ours = from_lavis(name, kind)
        if DROPPED.search(name):
            found.dropped.append(name)
        elif ours is None:
            found.unknown.append(name)
        else:
            found.tensors[ours] = tensor
    _join_biases(found.tensors, file)
    return found


def _join_biases(tensors: dict[str, Tensor], file: Path) -> None:
    """Make each `q_bias` and `v_bias` one bias of queries, keys and values."""
    for name in [name for name in tensors if name.endswith((".q_bias", ".v_bias"))]:
        layer = name.rpartition(".self_attn.")[0]
        halves = [tensors.pop(f"{layer}.self_attn.{each}_bias", None) for each in "qv"]
        if all(half is None for half in halves):
            continue  # joined at its other half
        queries, values = halves
        if queries is None or values is None:
            raise InputError(f"holds only half of {layer}'s bias", where=file, remedy="Fetch it again.")
        tensors[layer + _QKV] = torch.cat([queries, torch.zeros_like(queries), values])


def to_lavis_state(model: EmoVIT, *, whole: bool) -> dict[str, Tensor]:
    """Return LAVIS' name → tensor, on the CPU.

    Args:
        model: The assembly.
        whole: The frozen parts, too. LAVIS' own checkpoints hold what is trained, and two computed tables.

    Raises:
        InputError: the keys' share of an attention's bias is not zero: LAVIS has no place for it.
    """
    from emovit_train.model import TRAINABLE_PARTS

    kind = kind_of(model)
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if not whole and name.split(".")[0] not in TRAINABLE_PARTS:
            continue
        if name == WORD_TABLE and lacks_dec(model):
            tensor = torch.cat([tensor, tensor.new_zeros(1, tensor.shape[1])])
        if name.endswith(_QKV):
            stem = to_lavis(name, kind).removesuffix("qkv.bias")
            state[stem + "q_bias"], state[stem + "v_bias"] = _split_bias(name, tensor)
        else:
            state[to_lavis(name, kind)] = tensor.cpu()
    positions = model.qformer.config.max_position_embeddings
    state[POSITION_IDS] = torch.arange(positions).expand(1, -1).clone()
    return state


def _split_bias(name: str, bias: Tensor) -> tuple[Tensor, Tensor]:
    queries, keys, values = bias.detach().cpu().chunk(3)
    if keys.any():
        raise InputError(
            "the keys' share of the bias is not zero, and LAVIS has no place for it",
            where=name,
            remedy="Export without the frozen parts.",
        )
    return queries.clone(), values.clone()


def write_pth(state: Mapping[str, Tensor], file: Path) -> None:
    """Write what LAVIS' `load_checkpoint` reads, whole or not at all."""
    with replacing_path(file) as work:
        torch.save({"model": {name: tensor.detach().contiguous() for name, tensor in state.items()}}, work)
