"""How a LLaVA checkpoint words a question about an image: by its own chat template, tokenised as its processor does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emogen.errors import InputError, shorten
from emovit_train.text import TextCodec
from emovit_train.transformers_folder import token_id

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["LlavaCodec", "read_llava_codec"]

# What LLaVA 1.5 was tuned with, where a checkpoint says nothing.
LLAVA_15: Final = (
    "{% for message in messages %}USER: {% for part in message.content %}{% if part.type == 'image' %}<image>\n"
    "{% else %}{{ part.text }}{% endif %}{% endfor %} ASSISTANT:{% endfor %}"
)
_QUESTION: Final = "\N{OBJECT REPLACEMENT CHARACTER}"
_REMEDY: Final = "Name a folder laid out as llava-1.5-7b-hf on the Hugging Face Hub."


@dataclass(frozen=True)
class LlavaCodec(TextCodec):
    """Tokenises for a LLaVA: `opening [image] start question end answer EOS`; there is nobody else to read anything.

    Attributes:
        image_token: What stands for an image in the template.
        start: Text between image and question.
        end: Text between question and answer.
    """

    image_token: str = "<image>"
    start: str = ""
    end: str = ""

    def _instruction(self, question: str) -> tuple[tuple[int, ...], bool]:
        return (), False

    def _prompt(self, question: str, most: int | None) -> tuple[tuple[int, ...], bool]:
        words = self._ids(self.lm_tokenizer, question)
        room = len(words) if most is None else most - len(self._after_image(self.start + self.end))
        cut = len(words) > room
        if cut:
            question = str(self.lm_tokenizer.decode(words[-room:]))
        return tuple(self._after_image(self.start + question + self.end)), cut

    def _after_image(self, text: str) -> list[int]:
        """Return the tokens of a text that follows an image.

        Tokenised with the image before it, since tokenizers treat the beginning of a text in a way of their own.
        """
        marked = list(self.lm_tokenizer(self.image_token + text, add_special_tokens=False)["input_ids"])[1:]
        special = set(self.lm_tokenizer.all_special_ids)
        # A question that spells out a special token stays text.
        return self._ids(self.lm_tokenizer, text) if special.intersection(marked) else marked


def read_llava_codec(folder: Path, config: Any) -> LlavaCodec:
    """Return the checkpoint's tokenizer and chat template as a codec.

    Args:
        folder: The checkpoint.
        config: Of the whole model.

    Raises:
        InputError: the tokenizer is missing, or the template asks for more than a turn with one image.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise InputError(f"no tokenizer: {shorten(error, 160)}", where=folder, remedy=_REMEDY) from error
    image = str(tokenizer.convert_ids_to_tokens(config.image_token_index))
    before, start, end = _pieces(tokenizer, folder, image)
    eos = token_id(tokenizer, tokenizer.eos_token, folder, _REMEDY)
    pad = config.text_config.pad_token_id
    return LlavaCodec(
        lm_tokenizer=tokenizer,
        qformer_tokenizer=tokenizer,
        opening=tuple(tokenizer(before)["input_ids"]),
        prompt_start=(),
        prompt_end=(),
        instruction_start=(),
        instruction_end=(),
        eos_id=eos,
        pad_id=eos if pad is None or not 0 <= pad < config.text_config.vocab_size else pad,
        instruction_pad_id=eos,
        image_token=image,
        start=start,
        end=end,
    )


def _pieces(tokenizer: PreTrainedTokenizerBase, folder: Path, image: str) -> tuple[str, str, str]:
    """Return what the template puts before the image, between image and question, and before the answer."""
    question: Any = [{"type": "image"}, {"type": "text", "text": _QUESTION}]
    template = tokenizer.chat_template or _template_beside(folder) or LLAVA_15
    try:
        text = str(
            tokenizer.apply_chat_template(
                [{"role": "user", "content": question}],
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
            )
        )
        # The tokenizer puts its own beginning of a text there.
        text = text.removeprefix(str(tokenizer.bos_token))
        before, rest = text.split(image)
        start, end = rest.split(_QUESTION)
    except Exception as error:  # A template may raise whatever its author thought of.
        raise InputError(
            f"its chat template cannot be used: {shorten(error, 120)}", where=folder, remedy=_REMEDY
        ) from error
    return before, start, end


def _template_beside(folder: Path) -> str | None:
    """Return the template that a processor keeps in a file of its own."""
    plain, in_json = folder / "chat_template.jinja", folder / "chat_template.json"
    if plain.is_file():
        return plain.read_text("utf-8")
    if in_json.is_file():
        return str(json.loads(in_json.read_text("utf-8")).get("chat_template") or "") or None
    return None
