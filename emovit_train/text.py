"""Turns a question and its answer into tokens for the two readers: the Q-Former and the language model.

The Q-Former reads the question only. A decoder-only language model reads `opening [queries] prompt answer EOS`; the
encoder of an encoder-decoder reads `[queries] prompt`, and its decoder says `answer EOS`. The two texts are tokenised
apart, so that the answer cannot leak into the Q-Former and the loss knows its tokens exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "EncodedText",
    "TextBatch",
    "TextCodec",
    "TextLimits",
    "TextNorm",
    "collate",
    "lavis_text",
    "pad_right",
    "with_context",
]

TextNorm = Literal["raw", "lavis"]
LAVIS_WORDS: Final = 50


def lavis_text(text: str, most: int | None = LAVIS_WORDS) -> str:
    """Return the text as LAVIS' `blip_caption` leaves it: lower-case, without most punctuation, cut at 50 words.

    LAVIS applies it to the instructions and answers of its training data alike.

    Args:
        text: Any.
        most: Words that are kept; None is all of them.
    """
    plain = re.sub(r"([.!\"()*#:;~])", " ", text.lower())
    plain = re.sub(r"\s{2,}", " ", plain).rstrip("\n").strip(" ")
    return " ".join(plain.split(" ")[:most])


def with_context(question: str, context: str | None) -> str:
    """Return the instruction with what is known of the image before it (EmoVIT, equation 2), where anything is.

    Instructions are cut on the left: where all is too long, the context's beginning is lost first.
    """
    return f"Context: {context} {question}" if context else question


@dataclass(frozen=True)
class TextLimits:
    """Most tokens of each part; numbers and sides are those of LAVIS' `blip2_vicuna_instruct` and `blip2_t5_instruct`.

    Attributes:
        instruction: What the Q-Former reads, its special tokens included; the question is cut on the left.
        prompt: What the language model reads before the answer in training; the question is cut on the left. What it is
            asked it reads whole, as in LAVIS' `generate` and `predict_class`.
        answer: The answer with its EOS; cut on the right, and the EOS is kept.
    """

    instruction: int = 128
    prompt: int = 128
    answer: int = 256


@dataclass(frozen=True)
class EncodedText:
    """Token ids of one question and answer.

    Attributes:
        instruction: For the Q-Former; never holds a token of the answer.
        prompt: For the language model.
        answer: The answer's tokens and EOS.
        cut: The parts of `TextLimits` that were too long.
    """

    instruction: tuple[int, ...]
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    cut: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        """Whether anything was cut."""
        return bool(self.cut)

    @property
    def length(self) -> int:
        """Tokens that the language model reads, the queries not counted."""
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class TextCodec:
    """Tokenises for one assembly.

    Attributes:
        lm_tokenizer: Of the language model.
        qformer_tokenizer: Of the Q-Former's instruction.
        opening: Ids that the language model reads before the queries.
        prompt_start: Ids between queries and question (BOS).
        prompt_end: Ids between question and answer.
        instruction_start: Ids before the Q-Former's instruction ([CLS]).
        instruction_end: Ids after it ([SEP]).
        eos_id: Ends every answer.
        pad_id: Fills the language model's rows on the right; never looked at.
        instruction_pad_id: The same for the Q-Former.
        limits: See `TextLimits`.
        norm: `raw` leaves texts as they are; `lavis` changes them as `lavis_text` does.
    """

    lm_tokenizer: PreTrainedTokenizerBase
    qformer_tokenizer: PreTrainedTokenizerBase
    opening: tuple[int, ...]
    prompt_start: tuple[int, ...]
    prompt_end: tuple[int, ...]
    instruction_start: tuple[int, ...]
    instruction_end: tuple[int, ...]
    eos_id: int
    pad_id: int
    instruction_pad_id: int
    limits: TextLimits = TextLimits()
    norm: TextNorm = "raw"

    def encode(self, question: str, answer: str) -> EncodedText:
        """Return the tokens of one training row, each part as long as `limits` lets it be."""
        asked = self._asked(self._text(question), self.limits.prompt)
        words = self._ids(self.lm_tokenizer, self._text(answer))
        room = self.limits.answer - 1
        cut = (*asked.cut, "answer") if len(words) > room else asked.cut
        return EncodedText(asked.instruction, asked.prompt, (*words[:room], self.eos_id), cut)

    def encode_question(self, question: str) -> EncodedText:
        """Return the tokens of a question whose answer is asked for; `answer` is empty.

        The language model reads all of it, such as examples in front of what is asked; the Q-Former its end.
        """
        return self._asked(lavis_text(question, None) if self.norm == "lavis" else question, None)

    def _asked(self, text: str, most: int | None) -> EncodedText:
        instruction, instruction_cut = self._instruction(text)
        prompt, prompt_cut = self._prompt(text, most)
        cut = (*(["instruction"] if instruction_cut else ()), *(["prompt"] if prompt_cut else ()))
        return EncodedText(instruction, prompt, (), cut)

    def _text(self, text: str) -> str:
        return lavis_text(text) if self.norm == "lavis" else text

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of an answer's tokens, without special tokens."""
        return str(self.lm_tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def _instruction(self, question: str) -> tuple[tuple[int, ...], bool]:
        ids = self._ids(self.qformer_tokenizer, question)
        room = self.limits.instruction - len(self.instruction_start) - len(self.instruction_end)
        return (*self.instruction_start, *ids[-room:], *self.instruction_end), len(ids) > room

    def _prompt(self, question: str, most: int | None) -> tuple[tuple[int, ...], bool]:
        """Return the prompt of at most so many tokens, and whether the question was too long for it."""
        ids = self._ids(self.lm_tokenizer, question)
        room = len(ids) if most is None else most - len(self.prompt_start) - len(self.prompt_end)
        return (*self.prompt_start, *ids[max(0, len(ids) - room) :], *self.prompt_end), len(ids) > room

    @staticmethod
    def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
        # Special tokens are ours to place: a text that spells one out must stay text.
        return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


@dataclass(frozen=True)
class TextBatch:
    """Rows padded on the right: with left padding, position ids would have to be given to keep the loss.

    B rows; I, P, A, T tokens of the longest instruction, prompt, answer, and prompt with answer. All ids and masks
    are int64; masks are 1 where a token is.

    Attributes:
        instruction_ids: (B, I), for the Q-Former.
        instruction_mask: (B, I).
        prompt_ids: (B, P), for the language model.
        prompt_mask: (B, P).
        answer_ids: (B, A), what it is to say, with EOS.
        answer_mask: (B, A).
        row_ids: (B, T), prompt and answer without a gap, for decoder-only models.
        row_mask: (B, T).
        is_answer: (B, T) bool, true on the answer's tokens and its EOS.
    """

    instruction_ids: Tensor
    instruction_mask: Tensor
    prompt_ids: Tensor
    prompt_mask: Tensor
    answer_ids: Tensor
    answer_mask: Tensor
    row_ids: Tensor
    row_mask: Tensor
    is_answer: Tensor

    def to(self, device: torch.device) -> TextBatch:
        """Return the batch on `device`."""
        return TextBatch(**{name: each.to(device, non_blocking=True) for name, each in vars(self).items()})


def pad_right(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Return the rows as one (B, longest) int64 tensor, filled with `value` on the right."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows], dtype=torch.long)


def collate(rows: Sequence[EncodedText], codec: TextCodec) -> TextBatch:
    """Return the rows as one batch, on the CPU."""
    return TextBatch(
        instruction_ids=pad_right([row.instruction for row in rows], codec.instruction_pad_id),
        instruction_mask=_mask(len(row.instruction) for row in rows),
        prompt_ids=pad_right([row.prompt for row in rows], codec.pad_id),
        prompt_mask=_mask(len(row.prompt) for row in rows),
        answer_ids=pad_right([row.answer for row in rows], codec.pad_id),
        answer_mask=_mask(len(row.answer) for row in rows),
        row_ids=pad_right([(*row.prompt, *row.answer) for row in rows], codec.pad_id),
        row_mask=_mask(row.length for row in rows),
        is_answer=pad_right([[0] * len(row.prompt) + [1] * len(row.answer) for row in rows], 0).bool(),
    )


def _mask(lengths: Iterable[int]) -> Tensor:
    return pad_right([[1] * length for length in lengths], 0)
