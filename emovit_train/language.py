"""The frozen language model behind one seam: it is shown the queries, and says, scores or learns answers.

Two kinds: decoder-only (Vicuna, SmolLM2) and encoder-decoder (FlanT5). Shapes: B rows, Q queries, language model of
width L.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from emovit_train.text import TextBatch, TextCodec

__all__ = ["LanguageSide", "language_side"]


class LanguageSide(Protocol):
    """What the assembly asks of a language model."""

    def answer_losses(self, seen: Tensor, batch: TextBatch) -> Tensor:
        """Return -log p of every answer token and EOS, row by row: (tokens,) float32.

        Args:
            seen: (B, Q, L), what the Q-Former says of the images.
            batch: Prompts and answers.
        """

    def generate(self, seen: Tensor, batch: TextBatch, **decoding: Any) -> list[list[int]]:
        """Return the tokens of an answer for each prompt; `decoding` is handed to transformers' `generate`."""

    def score(self, seen: Tensor, batch: TextBatch, candidates: Sequence[Sequence[int]]) -> Tensor:
        """Return the summed log p of each candidate's tokens after each prompt: (B, candidates) float32.

        Image and prompt are read once for all candidates.
        """


def language_side(model: PreTrainedModel, codec: TextCodec) -> LanguageSide:
    """Return the seam that fits the model."""
    from emovit_train.decoder_only import DecoderOnly
    from emovit_train.encoder_decoder import EncoderDecoder

    return (EncoderDecoder if model.config.is_encoder_decoder else DecoderOnly)(model, codec)
