"""The assembly: frozen image encoder → Q-Former → linear projection → frozen language model.

InstructBLIP (Dai et al. 2023) as EmoVIT (CVPR 2024, section 3.3) tunes it. The implementation of the Q-Former
is that of transformers, `InstructBlipQFormerModel`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emogen.errors import UnknownNameError
from emovit_train.images import Preprocessing
from emovit_train.models import ModelSpec
from emovit_train.text import TextBatch, TextCodec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["TRAINABLE_PARTS", "EmoVIT"]

TRAINABLE_PARTS: Final = ("qformer", "query_tokens", "projection")


class EmoVIT(nn.Module):
    """An image encoder and a language model, both frozen, with a Q-Former between them.

    Shapes: B images or rows, N image tokens of width D, Q queries of width H, language model of width L.

    Args:
        spec: What this assembly was made from.
        preprocessing: How a photograph becomes the encoder's input.
        image_encoder: (B, 3, height, width) → (B, N, D).
        qformer: Reads the queries, the instruction's tokens and the image's.
        query_tokens: (1, Q, H), where the queries start.
        projection: H → L.
        language_model: A decoder-only model of transformers.
        codec: Tokenises for both readers.
        fixed: Names of parameters inside the trained parts that are never trained.
        normalise: Whether the Q-Former sees features z-scored per channel; see `fit_normalisation`.
    """

    feature_mean: Tensor
    feature_std: Tensor

    def __init__(
        self,
        *,
        spec: ModelSpec,
        preprocessing: Preprocessing,
        image_encoder: nn.Module,
        qformer: PreTrainedModel,
        query_tokens: Tensor,
        projection: nn.Linear,
        language_model: PreTrainedModel,
        codec: TextCodec,
        fixed: Iterable[str] = (),
        normalise: bool = False,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.preprocessing = preprocessing
        self.codec = codec
        self.image_encoder = image_encoder
        self.qformer = qformer
        self.query_tokens = nn.Parameter(query_tokens.detach().clone())
        self.projection = projection
        self.language_model = language_model
        self.fixed = frozenset(fixed)
        self.normalise = normalise
        width = int(qformer.config.encoder_hidden_size)
        self.register_buffer("feature_mean", torch.zeros(width))
        self.register_buffer("feature_std", torch.ones(width))
        self.set_trained(TRAINABLE_PARTS)
        self.eval()

    def set_trained(self, parts: Iterable[str]) -> None:
        """Freeze everything but `parts`, a choice of `TRAINABLE_PARTS`.

        Raises:
            UnknownNameError: no such part.
        """
        chosen = tuple(parts)
        for part in chosen:
            if part not in TRAINABLE_PARTS:
                raise UnknownNameError("part to train", part, TRAINABLE_PARTS)
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.split(".")[0] in chosen and name not in self.fixed)

    def train(self, mode: bool = True) -> EmoVIT:
        """Switch dropout of the Q-Former on or off; the frozen parts always stay in evaluation mode."""
        super().train(False)
        self.training = mode
        self.qformer.train(mode)
        return self

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return name → parameter of all that training changes."""
        return {name: tensor for name, tensor in self.named_parameters() if tensor.requires_grad}

    def frozen_tensors(self) -> dict[str, Tensor]:
        """Return name → tensor of all that training must not change, buffers included."""
        trained = self.trained_tensors()
        return {name: tensor for name, tensor in self.state_dict().items() if name not in trained}

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Return the frozen features (B, N, D) of images (B, 3, height, width)."""
        with torch.no_grad():
            features: Tensor = self.image_encoder(pixels)
        return features.float()

    def fit_normalisation(self, features: Tensor) -> None:
        """Take mean and spread of each channel from training features (images, N, D), where `normalise` is set."""
        if not self.normalise:
            return
        channels = features.flatten(0, 1)
        spread = channels.std(0)
        self.feature_mean.copy_(channels.mean(0))
        # A channel that is silent on few training images would explode on the first image that wakes it.
        self.feature_std.copy_(spread.clamp_min(float(spread.mean()) / 2))

    def look(self, features: Tensor, batch: TextBatch) -> Tensor:
        """Return what the language model gets to see of the images: (B, Q, L), of its own number format.

        Args:
            features: (B, N, D) of `encode_images`.
            batch: Its instructions steer what the queries pick out (EmoVIT, figure 4c).
        """
        features = (features - self.feature_mean) / self.feature_std
        queries = self.query_tokens.expand(len(features), -1, -1)
        seen = self.qformer(
            input_ids=batch.instruction_ids,
            attention_mask=torch.cat(
                [batch.instruction_mask.new_ones(queries.shape[:2]), batch.instruction_mask], 1
            ),
            query_embeds=queries,
            encoder_hidden_states=features,
        ).last_hidden_state[:, : queries.shape[1]]
        projected: Tensor = self.projection(seen)
        return projected.to(self.language_model.dtype)

    def read(self, features: Tensor, batch: TextBatch) -> tuple[Tensor, Tensor]:
        """Return the language model's input: embeddings (B, P + T, L) and their mask (B, P + T).

        P is the number of positions before the prompt: the codec's opening and the Q queries.
        """
        embed = self.language_model.get_input_embeddings()
        seen = self.look(features, batch)
        opening = embed(batch.input_ids.new_tensor([self.codec.opening], dtype=torch.long))
        before = torch.cat([opening.expand(len(seen), -1, -1), seen], 1)
        mask = torch.cat([batch.attention_mask.new_ones(before.shape[:2]), batch.attention_mask], 1)
        return torch.cat([before, embed(batch.input_ids)], 1), mask

    def forward(self, features: Tensor, batch: TextBatch) -> Tensor:
        """Return -log p of every answer token and EOS of the batch, row by row: (tokens,) float32.

        Its mean is the training loss. Only answer positions are turned into logits: with a vocabulary of
        50,000 the others would take most of the memory.
        """
        embeddings, mask = self.read(features, batch)
        language_model: Any = self.language_model
        hidden = language_model.get_decoder()(
            inputs_embeds=embeddings, attention_mask=mask, use_cache=False
        ).last_hidden_state
        before = len(self.codec.opening) + self.query_tokens.shape[1]
        predicting = hidden[:, before - 1 : -1][batch.is_answer]
        logits = language_model.get_output_embeddings()(predicting).float()
        return F.cross_entropy(logits, batch.input_ids[batch.is_answer], reduction="none")
