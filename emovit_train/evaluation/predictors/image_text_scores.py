"""Log-probability of given answers by a model of transformers.

Of families that are known here, image and prompt are read once and each candidate goes on from there. Any other
decoder is shown the whole of image, prompt and candidate for each of them, which is slower and gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["CONTINUED", "answer_tokens", "score_continued", "score_whole", "scorer"]

# Candidates per call where each is read with image and prompt.
WHOLE_AT_ONCE: Final = 4
_IGNORED: Final = 0
# Inputs as long as the prompt, and what stands there for a candidate's tokens.
_AS_LONG: Final = {"attention_mask": 1, "token_type_ids": 0, "mm_token_type_ids": 0}

Inputs = Mapping[str, Tensor]
Scorer = Callable[[Any, Inputs, Sequence[Sequence[int]]], list[float]]


def answer_tokens(tokenizer: Any, prompt: str, answer: str, *, decoder_begins: bool) -> list[int]:
    """Return the tokens of an answer and its end, as they come after the prompt.

    Args:
        tokenizer: Of transformers.
        prompt: What the answer follows.
        answer: In words.
        decoder_begins: Whether the answer begins a text of its own, as an encoder-decoder writes it.
    """
    if decoder_begins:
        alone: list[int] = tokenizer(answer).input_ids
        return alone if alone[-1] == tokenizer.eos_token_id else [*alone, tokenizer.eos_token_id]
    # What a tokenizer makes of a word depends on what stands before it: the last piece of the prompt is read, too.
    begins = not prompt or prompt[-1].isspace()
    last = prompt[-1:] if begins else prompt.split()[-1]
    before: list[int] = tokenizer(last, add_special_tokens=False).input_ids
    whole: list[int] = tokenizer(f"{last}{'' if begins else ' '}{answer}", add_special_tokens=False).input_ids
    if whole[: len(before)] == before:
        tokens = whole[len(before) :]
    else:
        tokens = tokenizer(answer, add_special_tokens=False).input_ids
    return [*tokens, tokenizer.eos_token_id]


def scorer(model: Any) -> Scorer:
    """Return what scores candidates by this model."""
    return score_continued if model.config.model_type in CONTINUED else score_whole


@torch.inference_mode()
def score_continued(model: Any, inputs: Inputs, candidates: Sequence[Sequence[int]]) -> list[float]:
    """Return the summed log p of each candidate; image and prompt are read once.

    Args:
        model: Of a family in `CONTINUED`.
        inputs: Of one image and its prompt, each (1, ...).
        candidates: The tokens of each.
    """
    tokens = _padded(candidates).to(model.device)
    if _is_encoder_decoder(model):
        return _sums(_decoded(model, inputs, tokens), candidates, tokens)
    first, later = CONTINUED[model.config.model_type](model, inputs, tokens)
    return _sums(torch.cat([first.expand(len(tokens), 1, -1), later], 1), candidates, tokens)


@torch.inference_mode()
def score_whole(model: Any, inputs: Inputs, candidates: Sequence[Sequence[int]]) -> list[float]:
    """Return the same for any decoder, reading image and prompt with each candidate."""
    found = []
    for start in range(0, len(candidates), WHOLE_AT_ONCE):
        some = candidates[start : start + WHOLE_AT_ONCE]
        tokens = _padded(some).to(model.device)
        logits = model(**_extended(inputs, tokens)).logits
        # The prompt's last token predicts the first of the answer.
        found += _sums(logits[:, -tokens.shape[1] - 1 : -1], some, tokens)
    return found


def _padded(candidates: Sequence[Sequence[int]]) -> Tensor:
    """Return (candidates, longest); nothing looks back at what fills the end."""
    rows = [torch.tensor(candidate) for candidate in candidates]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=_IGNORED)


def _sums(logits: Tensor, candidates: Sequence[Sequence[int]], tokens: Tensor) -> list[float]:
    """Sum log p of each candidate's own tokens; `logits` (candidates, longest, vocabulary) predict them."""
    chosen = F.log_softmax(logits.float(), -1).gather(2, tokens[..., None])[..., 0]
    return [float(row[: len(candidate)].sum()) for row, candidate in zip(chosen, candidates, strict=True)]


def _extended(inputs: Inputs, tokens: Tensor) -> dict[str, Tensor]:
    """Return the inputs of each candidate, its tokens after the prompt's."""
    count, longest = tokens.shape
    many = {name: torch.cat([tensor] * count) for name, tensor in inputs.items()}
    many["input_ids"] = torch.cat([many["input_ids"], tokens], 1)
    for name, value in _AS_LONG.items():
        if name in many:
            filled = many[name].new_full((count, longest), value)
            many[name] = torch.cat([many[name], filled], 1)
    if "image_attention_mask" in many:
        mask = many["image_attention_mask"]
        many["image_attention_mask"] = torch.cat([mask, mask[:, -1:].expand(-1, longest, -1)], 1)
    return many


def _is_encoder_decoder(model: Any) -> bool:
    text = getattr(model.config, "text_config", None) or model.config
    return bool(model.config.is_encoder_decoder or text.is_encoder_decoder)


def _mask(inputs: Inputs, tokens: Tensor) -> Tensor:
    """Return the attention mask (candidates, prompt and longest)."""
    before = inputs["attention_mask"].expand(len(tokens), -1)
    return torch.cat([before, before.new_ones(tokens.shape)], 1)


def _after_llava(model: Any, inputs: Inputs, tokens: Tensor) -> tuple[Tensor, Tensor]:
    read = model(**inputs, use_cache=True)
    read.past_key_values.batch_repeat_interleave(len(tokens))
    later = model(
        input_ids=tokens[:, :-1],
        attention_mask=_mask(inputs, tokens[:, :-1]),
        past_key_values=read.past_key_values,
    )
    return read.logits[:, -1:], later.logits


def _after_blip(model: Any, inputs: Inputs, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Go on in the language model alone: the whole model would want to look at the image again."""
    read = model(**inputs, use_cache=True).language_model_outputs
    read.past_key_values.batch_repeat_interleave(len(tokens))
    later = model.language_model(
        input_ids=tokens[:, :-1],
        attention_mask=_mask(inputs, tokens[:, :-1]),
        past_key_values=read.past_key_values,
    )
    return read.logits[:, -1:], later.logits


def _after_idefics(model: Any, inputs: Inputs, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Its layers look at the image again at every token, at what the first pass made of it."""
    read = model(**inputs, use_cache=True)
    read.past_key_values.batch_repeat_interleave(len(tokens))
    made = "perceiver_embeddings" if model.config.use_resampler else "image_encoder_embeddings"
    many = len(tokens)
    seen = read.image_hidden_states.expand(many, *read.image_hidden_states.shape[1:])
    looking = inputs["image_attention_mask"][:, -1:].expand(many, tokens.shape[1] - 1, -1)
    later = model(
        input_ids=tokens[:, :-1],
        attention_mask=_mask(inputs, tokens[:, :-1]),
        past_key_values=read.past_key_values,
        image_attention_mask=looking,
        **{made: seen},
    )
    return read.logits[:, -1:], later.logits


def _decoded(model: Any, inputs: Inputs, tokens: Tensor) -> Tensor:
    """Return the logits (candidates, longest, vocabulary) of an encoder-decoder behind a Q-Former."""
    language = model.language_model
    start = language.config.decoder_start_token_id
    begun = tokens.new_full((1, 1), start)
    read = model(**inputs, decoder_input_ids=begun).language_model_outputs
    states = read.encoder_last_hidden_state.expand(len(tokens), -1, -1)
    shifted = torch.cat([tokens.new_full((len(tokens), 1), start), tokens[:, :-1]], 1)
    logits: Tensor = language(
        encoder_outputs=(states,),
        attention_mask=inputs["attention_mask"].expand(len(tokens), -1),
        decoder_input_ids=shifted,
    ).logits
    return logits


CONTINUED: Final[Mapping[str, Callable[[Any, Inputs, Tensor], tuple[Tensor, Tensor]]]] = {
    "llava": _after_llava,
    "blip-2": _after_blip,
    "idefics": _after_idefics,
}
