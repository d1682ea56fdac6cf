"""What LAVIS calls the tensors of `Blip2VicunaInstruct` and `Blip2T5Instruct`, and what the assembly calls them.

Only one tensor differs in more than its name: the attention bias of the image encoder, of which LAVIS keeps the
queries' and the values' share (`q_bias`, `v_bias`); the keys' is always zero.
"""

from __future__ import annotations

import re
from typing import Final, Literal

__all__ = ["DROPPED", "POSITION_IDS", "WORD_TABLE", "Kind", "from_lavis", "prefix_of", "to_lavis"]

Kind = Literal["llm", "t5"]  # as in `llm_proj`, `t5_model`

WORD_TABLE: Final = "qformer.embeddings.word_embeddings.weight"
# A table 0, 1, 2, ... that LAVIS' checkpoints carry along.
POSITION_IDS: Final = "Qformer.bert.embeddings.position_ids"

# Computed tables, and the head of BERT that InstructBLIP cuts off.
DROPPED: Final = re.compile(r"(\.position_ids|\.rotary_emb\.inv_freq)$|^Qformer\.cls\.")

# Both directions replace the first pair of prefixes that fits, then every inner pair of that prefix.
_VISION: Final = (
    ("encoder.layers.", "blocks."),
    ("embeddings.class_embedding", "cls_token"),
    ("embeddings.position_embedding", "pos_embed"),
    ("embeddings.patch_embedding.", "patch_embed.proj."),
    (".self_attn.projection.", ".attn.proj."),
    (".self_attn.", ".attn."),
    (".layer_norm", ".norm"),
)
_QFORMER: Final = (
    # Of cross-attention, too.
    ("attention.attention.", "attention.self."),
    ("embeddings.layernorm.", "embeddings.LayerNorm."),
)


def _prefixes(kind: Kind) -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]:
    return (
        ("image_encoder.vision_model.", "visual_encoder.", _VISION),
        ("ln_vision.", "ln_vision.", ()),
        ("qformer.", "Qformer.bert.", _QFORMER),
        ("query_tokens", "query_tokens", ()),
        ("projection.", f"{kind}_proj.", ()),
        ("language_model.", f"{kind}_model.", ()),
    )


def prefix_of(kind: Kind) -> str:
    """Return what the projection's tensors begin with, by which the two kinds are told apart."""
    return f"{kind}_proj."


def to_lavis(name: str, kind: Kind) -> str:
    """Return LAVIS' name of one of the assembly's tensors.

    Raises:
        KeyError: the assembly has no such part.
    """
    for ours, theirs, inner in _prefixes(kind):
        if name.startswith(ours):
            rest = name.removeprefix(ours)
            for mine, other in inner:
                rest = rest.replace(mine, other)
            return theirs + rest
    raise KeyError(name)


def from_lavis(name: str, kind: Kind) -> str | None:
    """Return the assembly's name of one of LAVIS' tensors; None where it has none."""
    for ours, theirs, inner in _prefixes(kind):
        if name.startswith(theirs):
            rest = name.removeprefix(theirs)
            for mine, other in inner:
                rest = rest.replace(other, mine)
            return ours + rest
    return None
