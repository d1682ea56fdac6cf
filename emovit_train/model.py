"""The assembly: frozen image encoder → what is trained → frozen language model.

In `EmoVIT`, a Q-Former and a linear projection lie between the two: InstructBLIP (Dai et al. 2023) as EmoVIT (CVPR
2024, section 3.3) tunes it. The implementation of the Q-Former is that of transformers, `InstructBlipQFormerModel`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, Self

import torch
from torch import Tensor, nn

from emogen.errors import UnknownNameError
from emovit_train.images import Preprocessing
from emovit_train.language import language_side
from emovit_train.models import ModelSpec
from emovit_train.text import TextBatch, TextCodec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["TRAINABLE_PARTS", "Assembly", "EmoVIT"]

TRAINABLE_PARTS: Final = ("qformer", "query_tokens", "projection", "ln_vision")


class Assembly(nn.Module, ABC):
    """An image encoder and a language model, both frozen, with something between them that is trained.

    Shapes: B images or rows, N image tokens of width D, Q positions of width L that the language model sees.

    Args:
        spec: What this assembly was made from.
        preprocessing: How a photograph becomes the encoder's input.
        image_encoder: (B, 3, height, width) → (B, N, D), always frozen, so that its features can be kept.
        language_model: A decoder-only or encoder-decoder model of transformers.
        codec: Tokenises for the readers.
        fixed: Names of parameters inside the trained parts that are never trained.
    """

    # What can be trained; each is the first part of its parameters' names, see `part_of`.
    trainable: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        *,
        spec: ModelSpec,
        preprocessing: Preprocessing,
        image_encoder: nn.Module,
        language_model: PreTrainedModel,
        codec: TextCodec,
        fixed: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.spec = spec
        self.preprocessing = preprocessing
        self.codec = replace(codec, norm=spec.text_norm)
        self.image_encoder = image_encoder
        self.language_model = language_model
        self.language = language_side(language_model, self.codec)
        self.fixed = frozenset(fixed)
        self.parts: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the assembly computes."""
        return self.language_model.device

    @property
    def encoder_dtype(self) -> torch.dtype:
        """The number format of the image encoder's weights and features."""
        return next(self.image_encoder.parameters()).dtype

    def part_of(self, name: str) -> str:
        """Return the part that a parameter belongs to."""
        return name.split(".")[0]

    def set_trained(self, parts: Iterable[str]) -> None:
        """Freeze everything but `parts`, a choice of `trainable`; what is trained becomes float32.

        Raises:
            UnknownNameError: no such part.
        """
        chosen = tuple(parts)
        for part in chosen:
            if part not in self.trainable:
                raise UnknownNameError("part to train", part, self.trainable)
        self.parts = chosen
        for name, parameter in self.named_parameters():
            trained = self.part_of(name) in chosen and name not in self.fixed
            parameter.requires_grad_(trained)
            if trained:
                # In bfloat16, steps of 1e-5 are lost when they are added to the weights.
                parameter.data = parameter.data.float()

    def train(self, mode: bool = True) -> Self:
        """Switch dropout of what is trained on or off; the frozen parts always stay in evaluation mode."""
        super().train(False)
        self.training = mode
        for module in self.with_dropout():
            module.train(mode)
        return self

    @abstractmethod
    def with_dropout(self) -> Iterable[nn.Module]:
        """Return the modules whose dropout is live in training."""

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return name → parameter of all that training changes."""
        return {name: tensor for name, tensor in self.named_parameters() if tensor.requires_grad}

    def fitted_tensors(self) -> dict[str, Tensor]:
        """Return name → buffer of what was fitted to the training photographs once, before the first step."""
        return {}

    def frozen_tensors(self) -> dict[str, Tensor]:
        """Return name → tensor of all that training must not change, buffers included."""
        trained = self.trained_tensors()
        return {name: tensor for name, tensor in self.state_dict().items() if name not in trained}

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Return the frozen features (B, N, D) of images (B, 3, height, width), in the encoder's number format."""
        with torch.no_grad():
            features: Tensor = self.image_encoder(pixels.to(self.device))
        return features

    def fit_normalisation(self, features: Iterable[Tensor]) -> None:
        """Fit what an assembly fits to training features, image by image (N, D); most fit nothing, and read none."""

    @abstractmethod
    def look(self, features: Tensor, batch: TextBatch) -> Tensor:
        """Return what the language model gets to see of the images: (B, Q, L), in its own number format.

        Args:
            features: (B, N, D) of `encode_images`.
            batch: The instructions, for assemblies whose sight they steer.
        """

    def forward(self, features: Tensor, batch: TextBatch) -> Tensor:
        """Return -log p of every answer token and EOS of the batch, row by row: (tokens,) float32.

        Its mean is the training loss.
        """
        return self.language.answer_losses(self.look(features, batch), batch)

    def half_precision(self) -> torch.autocast:
        """Return the context in which trained parts compute.

        On a GPU that is the frozen parts' half precision, while the weights stay float32.
        """
        half = self.language_model.dtype
        on = self.device.type == "cuda" and half != torch.float32
        return torch.autocast(self.device.type, half, enabled=on)


class EmoVIT(Assembly):
    """InstructBLIP's assembly: a Q-Former reads the image by learnt queries of width H, and the instruction with it.

    Args:
        spec: See `Assembly`, as all that is not named here.
        ln_vision: (B, N, D) → (B, N, D), the last normalisation of the features; may be trained.
        qformer: Reads the queries, the instruction's tokens and the image's.
        query_tokens: (1, Q, H), where the queries start.
        projection: H → L.
    """

    trainable = TRAINABLE_PARTS

    def __init__(
        self,
        *,
        spec: ModelSpec,
        preprocessing: Preprocessing,
        image_encoder: nn.Module,
        ln_vision: nn.Module,
        qformer: PreTrainedModel,
        query_tokens: Tensor,
        projection: nn.Linear,
        language_model: PreTrainedModel,
        codec: TextCodec,
        fixed: Iterable[str] = (),
    ) -> None:
        super().__init__(
            spec=spec,
            preprocessing=preprocessing,
            image_encoder=image_encoder,
            language_model=language_model,
            codec=codec,
            fixed=fixed,
        )
        self.ln_vision = ln_vision
        self.qformer = qformer
        self.query_tokens = nn.Parameter(query_tokens.detach().clone())
        self.projection = projection
        self.set_trained(TRAINABLE_PARTS)
        self.eval()

    def with_dropout(self) -> Iterable[nn.Module]:
        """The Q-Former alone has any."""
        return [self.qformer]

    def fitted_tensors(self) -> dict[str, Tensor]:
        """Return name → buffer of what was fitted to the training photographs once, before the first step."""
        return {f"ln_vision.{name}": buffer for name, buffer in self.ln_vision.named_buffers()}

    def fit_normalisation(self, features: Iterable[Tensor]) -> None:
        """Fit the normalisation to training features, image by image (N, D), where it is one that is fitted."""
        fit = getattr(self.ln_vision, "fit", None)
        if fit is not None:
            fit(features)

    def look(self, features: Tensor, batch: TextBatch) -> Tensor:
        """Return what the language model gets to see of the images: (B, Q, L), in its own number format.

        Args:
            features: (B, N, D) of `encode_images`.
            batch: Its instructions steer what the queries pick out (EmoVIT, figure 4c).
        """
        with self.half_precision():
            features = self.ln_vision(features.to(self.query_tokens.dtype))
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
