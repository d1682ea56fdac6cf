"""Tokens: what each reader gets, and what it must never get."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from emovit_train.model import EmoVIT
from emovit_train.text import TextLimits, collate, lavis_text, with_context


def test_answer_never_reaches_the_qformer(tiny_model: EmoVIT) -> None:
    """Whatever the answer is, the Q-Former's instruction tokens are those of the question alone."""
    codec = tiny_model.codec
    rows = [codec.encode("What is in the image?", answer) for answer in ("It is red.", "It is blue.")]
    assert (
        rows[0].instruction
        == rows[1].instruction
        == codec.encode_question("What is in the image?").instruction
    )
    words = codec.qformer_tokenizer.convert_ids_to_tokens(list(rows[0].instruction))
    assert words == ["[CLS]", "What", "is", "in", "the", "image", "?", "[SEP]"]


def test_prompt_starts_as_vicuna_was_pretrained(tiny_model: EmoVIT) -> None:
    """The language model's prompt begins with `</s>`, not with `<s>`, and every answer ends with it."""
    row = tiny_model.codec.encode("What is in the image?", "It is red.")
    end = tiny_model.codec.lm_tokenizer.convert_tokens_to_ids("</s>")
    assert row.prompt[0] == end
    assert row.answer[-1] == end
    assert tiny_model.codec.decode(row.answer) == "It is red."


def test_eos_survives_truncation(tiny_model: EmoVIT) -> None:
    """An answer that is too long loses its tail, keeps EOS, and is counted as truncated."""
    codec = replace(tiny_model.codec, limits=TextLimits(answer=5))
    row = codec.encode("What?", "It is red, green, blue or white.")
    assert len(row.answer) == 5
    assert row.answer[-1] == codec.eos_id
    assert row.truncated
    assert not codec.encode("What?", "red").truncated


def test_long_question_keeps_its_end_and_its_frame(tiny_model: EmoVIT) -> None:
    """In training, what is too long is cut on the left for both readers, and keeps BOS, [CLS] and [SEP]."""
    codec = replace(tiny_model.codec, limits=TextLimits(instruction=6, prompt=6))
    full = tiny_model.codec.encode_question("What is in the image? " * 4)
    cut = codec.encode("What is in the image? " * 4, "It is red.")
    assert cut.cut == ("instruction", "prompt")
    assert cut.prompt == (full.prompt[0], *full.prompt[-5:])
    assert cut.instruction == (full.instruction[0], *full.instruction[-5:])


@pytest.mark.parametrize("norm", ["raw", "lavis"])
def test_what_is_asked_is_read_whole(tiny_model: EmoVIT, norm: Literal["raw", "lavis"]) -> None:
    """The language model reads all of a question, examples before it, too; LAVIS' 50 words are a limit of its data."""
    codec = replace(tiny_model.codec, norm=norm)
    asked = codec.encode_question("a red image is an image of fear " * 40 + "what is in the image")
    assert len(asked.prompt) > 2 * codec.limits.prompt
    assert codec.decode(asked.prompt).endswith("what is in the image")
    assert len(asked.instruction) == codec.limits.instruction
    assert asked.cut == ("instruction",)


def test_spelled_out_special_token_stays_text(tiny_model: EmoVIT) -> None:
    """An answer that spells `</s>` gains no end-of-sentence token in its middle."""
    row = tiny_model.codec.encode("What?", "a </s> b")
    assert row.answer.count(tiny_model.codec.eos_id) == 1


def test_batches_are_padded_on_the_right(tiny_model: EmoVIT) -> None:
    """Every row starts at position 0, and only answer tokens with their EOS are marked as such."""
    codec = tiny_model.codec
    rows = [codec.encode("What?", "red"), codec.encode("What is in the image?", "It is blue.")]
    batch = collate(rows, codec)
    for number, row in enumerate(rows):
        assert tuple(batch.row_ids[number, : row.length]) == (*row.prompt, *row.answer)
        assert batch.row_mask[number].sum() == row.length
        assert tuple(batch.row_ids[number][batch.is_answer[number]]) == row.answer


def test_lavis_texts_are_lower_case_without_punctuation_and_short() -> None:
    """`lavis` does what LAVIS' `blip_caption` does; `raw` changes nothing."""
    assert lavis_text('Is it "Awe"?  It is: (Joy)! #1.') == "is it awe ? it is joy 1"
    assert lavis_text(" ".join(["word"] * 60)) == " ".join(["word"] * 50)


def test_text_norm_holds_for_both_readers_and_the_answer(tiny_model: EmoVIT) -> None:
    """Question and answer are normalised alike, in tuning and in asking."""
    raw = tiny_model.codec
    codec = replace(raw, norm="lavis")
    assert codec.encode("It is RED.", "It is Blue!") == raw.encode("it is red", "it is blue")
    assert codec.encode_question("It is RED.") == raw.encode_question("it is red")
    assert codec.encode("It is RED.", "Blue!") != raw.encode("It is RED.", "Blue!")


def test_each_part_that_was_cut_is_named(tiny_model: EmoVIT) -> None:
    """Instruction, prompt and answer are counted apart, and EOS is kept."""
    codec = tiny_model.codec
    assert codec.encode("What?", "red").cut == ()
    assert codec.encode("What? " * 200, "red").cut == ("instruction", "prompt")
    long = codec.encode("What?", "red " * 300)
    assert long.cut == ("answer",)
    assert long.truncated
    assert (len(long.answer), long.answer[-1]) == (codec.limits.answer, codec.eos_id)


def test_context_precedes_the_instruction() -> None:
    """A caption comes before the question; without one, the question stays as it is."""
    assert with_context("Why?", "A red cup.") == "Context: A red cup. Why?"
    assert with_context("Why?", None) == "Why?"
