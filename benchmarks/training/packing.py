"""Rows of a batch one behind the other in a single row, each attending to itself alone.

On a GPU by `torch.nn.attention.varlen`, without the square mask that restarted positions alone would build; on a CPU
row by row, for comparison of the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.model import EmoVIT
    from emovit_train.text import TextBatch

__all__ = ["packed_losses"]

ATTENTION: Final = "emovit_packed"


def packed_losses(ours: EmoVIT, seen: Tensor, batch: TextBatch) -> Tensor:
    """Return -log p of every answer token, as `EmoVIT.forward` does: (tokens,) float32.

    Args:
        ours: The assembly; its language model is decoder-only.
        seen: (B, Q, L) of `EmoVIT.look`.
        batch: The rows.
    """
    _register()
    language: Any = ours.language_model
    queries = seen.shape[1]
    mask = torch.cat([batch.row_mask.new_ones(len(seen), queries), batch.row_mask], 1).bool()
    words = torch.cat([seen, language.get_input_embeddings()(batch.row_ids)], 1)[mask]
    lengths = mask.sum(1)
    ends = F.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    positions = torch.cat([torch.arange(int(length), device=seen.device) for length in lengths])
    before = language.config._attn_implementation
    try:
        language.config._attn_implementation = ATTENTION
        hidden = language.get_decoder()(
            inputs_embeds=words[None],
            position_ids=positions[None],
            attention_mask={"full_attention": None},
            use_cache=False,
            row_ends=ends,
            longest=int(lengths.max()),
        ).last_hidden_state[0]
    finally:
        language.config._attn_implementation = before
    answers = torch.cat([batch.is_answer.new_zeros(len(seen), queries), batch.is_answer], 1)
    # The position before each answer token predicts it; both lie in the same row.
    predicting = torch.cat([answers[:, 1:], answers.new_zeros(len(seen), 1)], 1)[mask]
    logits = language.get_output_embeddings()(hidden[predicting]).float()
    return F.cross_entropy(logits, batch.row_ids[batch.is_answer], reduction="none")


def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    *,
    row_ends: Tensor,
    longest: int,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend causally within each row: (1, heads, tokens, width) three times → (1, tokens, heads, width)."""
    if query.device.type == "cuda":
        from torch.nn.attention.varlen import varlen_attn

        flat = [each[0].transpose(0, 1).contiguous() for each in (query, key, value)]
        seen = varlen_attn(*flat, row_ends, row_ends, longest, longest, scale=scaling, window_size=(-1, 0))
        return seen[None], None
    sizes = row_ends.diff().tolist()
    rows = zip(*(each.split(sizes, dim=2) for each in (query, key, value)), strict=True)
    seen = torch.cat(
        [F.scaled_dot_product_attention(*row, is_causal=True, scale=scaling) for row in rows], dim=2
    )
    return seen.transpose(1, 2), None
