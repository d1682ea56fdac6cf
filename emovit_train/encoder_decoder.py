"""An encoder-decoder language model (FlanT5): its encoder reads `[queries] prompt`, its decoder says the answer."""

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
        rows, count = len(seen), len(candidates)
        tokens = pad_right(candidates, self.codec.pad_id).to(seen.device).repeat(rows, 1)
        is_token = pad_right([[1] * len(each) for each in candidates], 0).to(seen.device).repeat(rows, 1)
        decoded = self._decode(encoded.repeat_interleave(count, 0), mask.repeat_interleave(count, 0), tokens)
        log_probs = self._logits(decoded).log_softmax(-1).gather(2, tokens[..., None])[..., 0]
        return (log_probs * is_token).sum(1).view(rows, count)

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
