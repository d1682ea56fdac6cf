"""A decoder-only language model: it reads `opening [queries] prompt`, and goes on with the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from emovit_train.candidate_tree import CandidateTree, candidate_tree

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from emovit_train.text import TextBatch, TextCodec

__all__ = ["DecoderOnly"]


class DecoderOnly:
    """See `emovit_train.language.LanguageSide`."""

    def __init__(self, model: PreTrainedModel, codec: TextCodec) -> None:
        self.model: Any = model
        self.codec = codec

    def read(self, seen: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (B, P + T, L) and their mask (B, P + T) of opening, queries and `ids` (B, T)."""
        embed = self.model.get_input_embeddings()
        opening = embed(ids.new_tensor([self.codec.opening], dtype=torch.long))
        before = torch.cat([opening.expand(len(seen), -1, -1), seen], 1)
        mask = torch.cat([mask.new_ones(before.shape[:2]), mask], 1)
        return torch.cat([before, embed(ids)], 1), mask

    def answer_losses(self, seen: Tensor, batch: TextBatch) -> Tensor:
        """Return -log p of every answer token and EOS: (tokens,) float32.

        Only answer positions are turned into logits: with a vocabulary of 50,000 the others would take most of the
        memory.
        """
        embeddings, _ = self.read(seen, batch.row_ids, batch.row_mask)
        # Rows are padded on the right, where no token looks: without a mask, attention is the quick causal kind.
        hidden = self.model.get_decoder()(inputs_embeds=embeddings, use_cache=False).last_hidden_state
        before = len(self.codec.opening) + seen.shape[1]
        predicting = hidden[:, before - 1 : -1][batch.is_answer]
        logits = self.model.get_output_embeddings()(predicting).float()
        return F.cross_entropy(logits, batch.row_ids[batch.is_answer], reduction="none")

    def generate(self, seen: Tensor, batch: TextBatch, **decoding: Any) -> list[list[int]]:
        """Return the tokens of an answer for each prompt."""
        embeddings, mask = _moved_right(*self.read(seen, batch.prompt_ids, batch.prompt_mask))
        said = self.model.generate(
            inputs_embeds=embeddings,
            attention_mask=mask,
            eos_token_id=self.codec.eos_id,
            pad_token_id=self.codec.pad_id,
            **decoding,
        )
        return list(said.tolist())

    def score(self, seen: Tensor, batch: TextBatch, candidates: Sequence[Sequence[int]]) -> Tensor:
        """Return the summed log p of each candidate's tokens after each prompt: (B, candidates)."""
        tree = candidate_tree(candidates, seen.device)
        embeddings, mask = _moved_right(*self.read(seen, batch.prompt_ids, batch.prompt_mask))
        words = self.model.get_input_embeddings()(tree.tokens).expand(len(seen), -1, -1)
        hidden = self.model.get_decoder()(
            inputs_embeds=torch.cat([embeddings, words], 1),
            attention_mask=_as_bias(_tree_mask(mask, tree), embeddings.dtype),
            position_ids=torch.cat([_positions(mask), mask.sum(1, keepdim=True) + tree.depth], 1),
            use_cache=False,
        ).last_hidden_state
        return tree.sums(self.model.get_output_embeddings()(hidden[:, embeddings.shape[1] - 1 :]))


def _tree_mask(mask: Tensor, tree: CandidateTree) -> Tensor:
    """Return what each position may look at, of prompts (B, P) and the tree behind them: (B, P + N, P + N) bool."""
    rows, width = mask.shape
    size = width + len(tree.tokens)
    allowed = torch.zeros(rows, size, size, dtype=torch.bool, device=mask.device)
    allowed[:, :, :width] = mask[:, None].bool()
    allowed[:, :width, :width] &= torch.ones(width, width, dtype=torch.bool, device=mask.device).tril()
    allowed[:, width:, width:] = tree.sees
    # Padding looks at itself: a row that may look at nothing has no softmax.
    return allowed | torch.eye(size, dtype=torch.bool, device=mask.device)


def _as_bias(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the mask as what is added to attention scores: (B, 1, rows, columns)."""
    bias = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device)
    return bias.masked_fill(~allowed, torch.finfo(dtype).min)[:, None]


def _moved_right(embeddings: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows with their padding moved to the left, so that all of them go on from the last position."""
    order = mask.argsort(dim=1, stable=True)
    return embeddings.gather(1, order[..., None].expand_as(embeddings)), mask.gather(1, order)


def _positions(mask: Tensor) -> Tensor:
    return (mask.cumsum(1) - 1).clamp_min(0)
