"""Captions by a model of transformers that writes about images: BLIP-2, BLIP, GIT, encoder-decoders, chat models."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from emogen.errors import InputError
from emogen.perception import Finding
from emogen.perception.checkpoint import Checkpoint, Machine, explained_memory, model_name
from emogen.perception.tensors import alike, joined
from emogen.schemas import MODEL_ORIGIN, ImageRecord

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["CHAT_PROMPT", "KIND", "MAX_NEW_TOKENS", "Captioner"]

KIND: Final = "AutoModelForImageTextToText"
MAX_NEW_TOKENS: Final = 60
# Models that chat describe nothing unasked.
CHAT_PROMPT: Final = "Describe this image in one sentence."
_TAKES_NO_PROMPT: Final = ("vision-encoder-decoder",)


class Captioner:
    """A model that writes a sentence about an image, greedily or as its generation config has it, without sampling.

    Images whose inputs have the same shape make a batch without padding, so that a batch says what single images would.

    Args:
        spec: A checkpoint that transformers loads by `AutoModelForImageTextToText`.
        machine: Where it runs.
        prompt: What the caption goes on from or answers to (`a photo of`), and is itself no part of it; None asks a
            chat model for one sentence, and lets any other model write freely.
        max_new_tokens: The longest caption, in tokens.

    Raises:
        InputError: the checkpoint cannot be used, or takes no prompt.
        MissingExtraError: transformers or torch is not installed.
    """

    def __init__(
        self, spec: str, machine: Machine, prompt: str | None = None, *, max_new_tokens: int = MAX_NEW_TOKENS
    ) -> None:
        checkpoint = Checkpoint(spec, "--captioner")
        if prompt and checkpoint.config.model_type in _TAKES_NO_PROMPT:
            raise InputError(
                "this model takes no prompt",
                where=f"--captioner {spec}",
                remedy="Leave --caption-prompt out.",
            )
        self.fields = ("caption",)
        self._model = checkpoint.model(KIND, machine)
        self._images = checkpoint.image_processor()
        self._tokenizer = checkpoint.tokenizer()
        processor = checkpoint.processor()
        self._chats = bool(getattr(processor, "chat_template", None)) and hasattr(
            processor, "image_processor"
        )
        self._prompt = prompt or (CHAT_PROMPT if self._chats else None)
        self._processor = processor if self._prompt else None
        self._machine = machine
        self._longest = max_new_tokens
        # A tokenizer cannot be used by two threads at once.
        self._lock = threading.Lock()
        self.origin = f"{MODEL_ORIGIN}{model_name(spec)}"
        self.identity = {
            "stage": "captioner",
            **checkpoint.identity,
            "dtype": machine.dtype,
            "prompt": self._prompt,
            "max_new_tokens": max_new_tokens,
        }

    def prepare(self, image: Image) -> dict[str, Tensor]:
        """Return the model's inputs of one image, with the prompt."""
        if self._processor is None:
            return dict(self._images(images=image, return_tensors="pt"))
        with self._lock:
            if not self._chats:
                return dict(self._processor(images=image, text=self._prompt, return_tensors="pt"))
            content = [{"type": "image", "image": image}, {"type": "text", "text": self._prompt}]
            return dict(
                self._processor.apply_chat_template(
                    [{"role": "user", "content": content}],
                    add_generation_prompt=True,
                    tokenize=True,
                    return_dict=True,
                    return_tensors="pt",
                )
            )

    def find(self, records: Sequence[ImageRecord], prepared: Sequence[Any]) -> list[Finding]:
        """Return a caption of each image, none where the model says nothing."""
        found: list[Finding] = [{}] * len(records)
        for places in alike(prepared):
            captions = self._written([prepared[place] for place in places])
            for place, caption in zip(places, captions, strict=True):
                if caption:
                    found[place] = {"caption": caption}
        return found

    def _written(self, prepared: list[dict[str, Tensor]]) -> list[str]:
        import torch

        inputs = joined(prepared, self._machine)
        with torch.inference_mode(), explained_memory("a smaller --batch-size"):
            tokens = self._model.generate(**inputs, max_new_tokens=self._longest, do_sample=False)
        begun = inputs.get("input_ids")
        # Some models repeat what they were told before they go on.
        if begun is not None and torch.equal(tokens[:, : begun.shape[1]], begun):
            tokens = tokens[:, begun.shape[1] :]
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [self._own_words(text) for text in texts]

    def _own_words(self, text: str) -> str:
        """Return a text on one line, without the prompt where it was repeated."""
        said, prompt = " ".join(text.split()), " ".join((self._prompt or "").split())
        return said[len(prompt) :].lstrip() if said.lower().startswith(prompt.lower()) else said
