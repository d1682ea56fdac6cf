"""Runs in an environment of its own, without emogen: a LLaVA too small to know anything, with its processor."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip import CLIPImageProcessor

SIZE = 8
PATCH = 4
SPECIALS = ["<pad>", "<s>", "</s>", "<image>"]
WIDTH = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def processor(chat_template=None):
    """Bytes are the tokens, so that what is decoded is what was read."""
    words = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    pad, begin, end, image = SPECIALS
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"height": SIZE, "width": SIZE},
            crop_size={"height": SIZE, "width": SIZE},
            do_normalize=False,
        ),
        tokenizer=PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            pad_token=pad,
            bos_token=begin,
            eos_token=end,
            extra_special_tokens=[image],
        ),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template,
    )


def model():
    words = len(SPECIALS) + len(pre_tokenizers.ByteLevel.alphabet())
    return LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(image_size=SIZE, patch_size=PATCH, **WIDTH),
            text_config=LlamaConfig(vocab_size=words, **WIDTH),
            image_token_id=SPECIALS.index("<image>"),
        )
    )


def seen(batch, row, tokenizer):
    """Return what the model reads and learns of a row, and the mean colour of its picture."""
    read, learnt = batch["input_ids"][row], batch["labels"][row]
    return {
        "read": tokenizer.decode(read[batch["attention_mask"][row].bool()]),
        "learnt": tokenizer.decode(learnt[learnt != -100]),
        "colour": (255 * batch["pixel_values"][row].float().mean(dim=(1, 2))).tolist(),
    }
