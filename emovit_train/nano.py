"""`nano`: the smallest real assembly, for the demonstration and for tests. It proves the machinery only.

EfficientNet-Lite0 (frozen) → a Q-Former that starts untrained → SmolLM2-135M-Instruct (frozen). It runs on two
CPU cores from weights that packages ship.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from emogen.errors import InputError
from emovit_train.efficientnet import FEATURE_WIDTH, PREPROCESSING, EfficientNetTokens
from emovit_train.model import TRAINABLE_PARTS, EmoVIT
from emovit_train.models import ModelKind, ModelSpec, TuningDefaults
from emovit_train.precision import dtype_name, frozen_dtype
from emovit_train.smollm import load_smollm
from emovit_train.text import TextCodec

if TYPE_CHECKING:
    from transformers import InstructBlipQFormerModel, PreTrainedTokenizerBase

__all__ = ["KIND", "assemble", "chat_codec", "project_words", "start_projection", "start_qformer"]

QUERIES: Final = 8
WIDTH: Final = 384
LAYERS: Final = 4
HEADS: Final = 6
QUERY_STD: Final = 0.02


def assemble(spec: ModelSpec) -> EmoVIT:
    """Build the assembly; the same seed starts from the same weights.

    Raises:
        InputError: a folder is named.
    """
    if spec.folder is not None:
        raise InputError("nano reads no folder", where=spec.folder, remedy="Name it alone: --model nano")
    dtype = frozen_dtype(spec.frozen_dtype)
    language_model, tokenizer = load_smollm(dtype)
    table: Any = language_model.get_input_embeddings()
    words = table.weight.detach().float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        qformer = start_qformer(vocabulary=len(words))
        queries = torch.randn(1, QUERIES, WIDTH) * QUERY_STD
        projection = start_projection(words)
    # The Q-Former reads the language model's own tokens through a fixed random projection of their embeddings.
    # A table of its own would hold 19M weights, more than the Q-Former has besides, most of them for words that
    # small data never shows.
    qformer.embeddings.word_embeddings.weight.data = project_words(words, WIDTH)
    return EmoVIT(
        spec=replace(spec, folder=None, frozen_dtype=dtype_name(dtype)),
        preprocessing=PREPROCESSING,
        image_encoder=EfficientNetTokens(),
        ln_vision=ZScore(FEATURE_WIDTH),
        qformer=qformer,
        query_tokens=queries,
        projection=projection,
        language_model=language_model,
        codec=chat_codec(tokenizer),
        fixed=["qformer.embeddings.word_embeddings.weight"],
    )


class ZScore(nn.Module):
    """Z-scores features per channel, as measured once on the training photographs.

    Args:
        width: Channels of the features.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))

    def fit(self, features: Iterable[Tensor]) -> None:
        """Take mean and spread of each channel from features (N, width), image by image, of one image or more."""
        count, mean, squares = 0, torch.zeros(1), torch.zeros(1)
        for each in features:
            # Chan, Golub and LeVeque 1983: nothing but the sums so far is kept.
            image = each.double().cpu()
            here, away = len(image), image.mean(0) - mean
            squares = (
                squares + (image - image.mean(0)).pow(2).sum(0) + away**2 * (count * here / (count + here))
            )
            mean = mean + away * (here / (count + here))
            count += here
        spread = (squares / (count - 1)).sqrt()
        self.mean.copy_(mean)
        # A channel that is silent on few training images would explode on the first image that wakes it.
        self.std.copy_(spread.clamp_min(float(spread.mean()) / 2))

    def forward(self, features: Tensor) -> Tensor:
        """Return the normalised features, of the same shape."""
        return (features - self.mean) / self.std


def start_qformer(vocabulary: int) -> InstructBlipQFormerModel:
    """Return the untrained Q-Former: 4 layers of width 384, 6 heads, each layer looking at the image."""
    from transformers import InstructBlipQFormerConfig, InstructBlipQFormerModel

    return InstructBlipQFormerModel(
        InstructBlipQFormerConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * WIDTH,
            cross_attention_frequency=1,
            encoder_hidden_size=FEATURE_WIDTH,
            # From nothing, on few photographs and in few steps, dropout only slows the fit.
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


def start_projection(words: Tensor) -> nn.Linear:
    """Return the projection, whose output starts as large as the language model's own embeddings.

    The Q-Former ends in a LayerNorm, so its outputs have a root mean square of 1; the weights' spread does the rest.

    Args:
        words: (vocabulary, L), the language model's embedding table.
    """
    projection = nn.Linear(WIDTH, words.shape[1])
    rms = words.pow(2).mean().sqrt()
    nn.init.normal_(projection.weight, std=float(rms) / math.sqrt(WIDTH))
    nn.init.zeros_(projection.bias)
    return projection


def project_words(words: Tensor, width: int) -> Tensor:
    """Return the embedding table (vocabulary, L) projected to (vocabulary, width), always in the same way."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(words.shape[1], width, generator=generator) / math.sqrt(words.shape[1])
    return words @ directions


def chat_codec(tokenizer: PreTrainedTokenizerBase) -> TextCodec:
    """Return the codec of a ChatML model: the question is the user's turn, the answer the assistant's."""
    vocabulary = tokenizer.get_vocab()
    start, end = vocabulary["<|im_start|>"], vocabulary["<|im_end|>"]

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    return TextCodec(
        lm_tokenizer=tokenizer,
        qformer_tokenizer=tokenizer,
        # The queries stand inside the user's turn. A language model parks surplus attention on its first token,
        # and answers worse where that is a query.
        opening=(start, *ids("user\n")),
        prompt_start=(),
        prompt_end=(end, *ids("\n"), start, *ids("assistant\n")),
        instruction_start=(),
        instruction_end=(),
        eos_id=end,
        pad_id=end,
        instruction_pad_id=end,
    )


# Found on eight photographs with five rows each. From an untrained start the first gradients are a hundred times
# the later ones: a warm-up of the usual 5% leaves some seeds with half the fit.
KIND: Final = ModelKind(
    assemble,
    TuningDefaults(epochs=14, batch_size=2, lr=3e-4, weight_decay=0.05, warmup=0.15, augment=False),
    TRAINABLE_PARTS,
)
