"""A decoder-only language model: it reads `opening [queries] prompt`, and goes on with the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from emovit_train.text import pad_right

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
        embeddings, mask = self.read(seen, batch.row_ids, batch.row_mask)
        hidden = self.model.get_decoder()(
            inputs_embeds=embeddings, attention_mask=mask, use_cache=False
        ).last_hidden_state
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
        embeddings, mask = _moved_right(*self.read(seen, batch.prompt_ids, batch.prompt_mask))
        prefix = self.model(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=_positions(mask),
            use_cache=True,
            logits_to_keep=1,
        )
        rows, count = len(seen), len(candidates)
        tokens = pad_right(candidates, self.codec.pad_id).to(seen.device).repeat(rows, 1)
        is_token = pad_right([[1] * len(each) for each in candidates], 0).to(seen.device).repeat(rows, 1)
        logits = prefix.logits[:, -1:].repeat_interleave(count, 0)
        if tokens.shape[1] > 1:
            mask = torch.cat([mask.repeat_interleave(count, 0), is_token[:, :-1]], 1)
            cache = prefix.past_key_values
            cache.batch_repeat_interleave(count)
            rest = self.model(
                input_ids=tokens[:, :-1],
                attention_mask=mask,
                position_ids=_positions(mask)[:, embeddings.shape[1] :],
                past_key_values=cache,
                use_cache=True,
            )
            logits = torch.cat([logits, rest.logits], 1)
        log_probs = logits.float().log_softmax(-1)
        chosen: Tensor = log_probs.gather(2, tokens[..., None])[..., 0]
        return (chosen * is_token).sum(1).view(rows, count)


def _moved_right(embeddings: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows with their padding moved to the left, so that all of them go on from the last position."""
    order = mask.argsort(dim=1, stable=True)
    return embeddings.gather(1, order[..., None].expand_as(embeddings)), mask.gather(1, order)


def _positions(mask: Tensor) -> Tensor:
    return (mask.cumsum(1) - 1).clamp_min(0)
