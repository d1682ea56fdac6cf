"""An encoder-decoder language model (FlanT5): its encoder reads `[queries] prompt`, its decoder says the answer."""

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

__all__ = ["EncoderDecoder"]


class EncoderDecoder:
    """See `emovit_train.language.LanguageSide`."""

    def __init__(self, model: PreTrainedModel, codec: TextCodec) -> None:
        self.model: Any = model
        self.codec = codec

    def read(self, seen: Tensor, batch: TextBatch) -> tuple[Tensor, Tensor]:
        """Return the encoder's input: embeddings (B, Q + P, L) and their mask (B, Q + P)."""
        mask = torch.cat([batch.prompt_mask.new_ones(seen.shape[:2]), batch.prompt_mask], 1)
        return torch.cat([seen, self.model.get_input_embeddings()(batch.prompt_ids)], 1), mask

    def answer_losses(self, seen: Tensor, batch: TextBatch) -> Tensor:
        """Return -log p of every answer token and EOS: (tokens,) float32; only they are turned into logits."""
        embeddings, mask = self.read(seen, batch)
        encoded = self.model.encoder(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
        is_answer = batch.answer_mask.bool()
        logits = self._logits(self._decode(encoded, mask, batch.answer_ids)[is_answer])
        return F.cross_entropy(logits, batch.answer_ids[is_answer], reduction="none")

    def generate(self, seen: Tensor, batch: TextBatch, **decoding: Any) -> list[list[int]]:
        """Return the tokens of an answer for each prompt."""
        embeddings, mask = self.read(seen, batch)
        said = self.model.generate(
            inputs_embeds=embeddings,
            attention_mask=mask,
            eos_token_id=self.codec.eos_id,
            pad_token_id=self.codec.pad_id,
            decoder_start_token_id=self.model.config.decoder_start_token_id,
            **decoding,
        )
        return list(said[:, 1:].tolist())

    def score(self, seen: Tensor, batch: TextBatch, candidates: Sequence[Sequence[int]]) -> Tensor:
        """Return the summed log p of each candidate's tokens after each prompt: (B, candidates)."""
        embeddings, mask = self.read(seen, batch)
        encoded = self.model.encoder(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
        tree = candidate_tree(candidates, seen.device)
        start = tree.tokens.new_tensor([self.model.config.decoder_start_token_id])
        hidden = self.model.decoder(
            input_ids=torch.cat([start, tree.tokens]).expand(len(seen), -1),
            attention_mask=self._tree_bias(tree, encoded.dtype).expand(len(seen), -1, -1, -1),
            encoder_hidden_states=encoded,
            encoder_attention_mask=mask,
            use_cache=False,
        ).last_hidden_state
        return tree.sums(self._logits(hidden))

    def _tree_bias(self, tree: CandidateTree, dtype: torch.dtype) -> Tensor:
        """Return what is added to the decoder's attention scores: (1, heads, N + 1, N + 1).

        It takes out what tokens of other branches say, and moves T5's bias for the distance between two tokens in the
        row to that between the two in their answer.
        """
        size = len(tree.tokens) + 1
        sees = torch.ones(size, size, dtype=torch.bool, device=tree.sees.device).tril()
        sees[1:, 1:] = tree.sees
        depth = torch.cat([tree.depth.new_zeros(1), tree.depth + 1])
        row = torch.arange(size, device=depth.device)
        moved = self._distance_bias(depth) - self._distance_bias(row)
        return moved.to(dtype).masked_fill(~sees, torch.finfo(dtype).min)[None]

    def _distance_bias(self, positions: Tensor) -> Tensor:
        attention = self.model.decoder.block[0].layer[0].SelfAttention
        buckets = attention._relative_position_bucket(
            positions[None] - positions[:, None],
            bidirectional=False,
            num_buckets=attention.relative_attention_num_buckets,
            max_distance=attention.relative_attention_max_distance,
        )
        bias: Tensor = attention.relative_attention_bias(buckets).permute(2, 0, 1)
        return bias

    def _decode(self, encoded: Tensor, mask: Tensor, answers: Tensor) -> Tensor:
        """Return the decoder's hidden states before each token of `answers` (B, A): (B, A, L)."""
        start = answers.new_full((len(answers), 1), self.model.config.decoder_start_token_id)
        hidden: Tensor = self.model.decoder(
            input_ids=torch.cat([start, answers[:, :-1]], 1),
            encoder_hidden_states=encoded,
            encoder_attention_mask=mask,
            use_cache=False,
        ).last_hidden_state
        return hidden

    def _logits(self, hidden: Tensor) -> Tensor:
        # T5 of before version 1.1 shares its embeddings with the output layer, and scales for that.
        if self.model.config.scale_decoder_outputs:
            hidden = hidden * self.model.model_dim**-0.5
        # In half precision, the sum over the vocabulary would be too coarse for a loss.
        logits: Tensor = self.model.lm_head(hidden).float()
        return logits
