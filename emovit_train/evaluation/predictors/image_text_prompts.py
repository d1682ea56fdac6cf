"""How a question and an image become the inputs of a model: by its chat template, or by the form of its family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["FORMS", "Prompter", "alike", "together"]

_END_OF_UTTERANCE: Final = "<end_of_utterance>"
_DIALOGUE: Final = f"User:{{image}}{{question}}{_END_OF_UTTERANCE}\nAssistant:"

# Of models whose processor has no chat template. BLIP-2 reads a question for a short answer (its paper's VQA prompt),
# LLaVA 1.5 its own conversations; IDEFICS its few-shot tasks, and its instructed version a dialogue.
FORMS: Final[Mapping[str, str]] = {
    "blip-2": "Question: {question} Answer:",
    "llava": "USER: <image>\n{question} ASSISTANT:",
    "idefics": "{image}Question: {question} Answer:",
}


class Prompter:
    """Makes inputs of a model.

    Args:
        processor: Of transformers, with tokenizer and image processor.
        model_type: As the model's configuration names it.
    """

    def __init__(self, processor: Any, model_type: str) -> None:
        self._processor = processor
        self._interleaves = model_type == "idefics"
        self._template = getattr(processor, "chat_template", None)
        self._form = FORMS.get(model_type, "{question}")
        if self._interleaves and _END_OF_UTTERANCE in processor.tokenizer.get_vocab():
            self._form = _DIALOGUE

    @property
    def identity(self) -> str:
        """What decides the prompt besides the question."""
        return str(self._template) if self._template else self._form

    def text(self, question: str) -> str:
        """Return the prompt as the tokenizer reads it, but for what stands for the image."""
        if not self._template:
            return self._form.replace("{image}", "").replace("{question}", question)
        rendered = self._processor.apply_chat_template(_messages(None, question), add_generation_prompt=True)
        return str(rendered)

    def inputs(self, image: Image, question: str) -> dict[str, Tensor]:
        """Return the model's inputs of one image and question, each (1, ...)."""
        if self._template:
            made = self._processor.apply_chat_template(
                _messages(image, question),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        elif self._interleaves:
            parts = self._form.split("{image}")
            before, after = (part.replace("{question}", question) for part in parts)
            prompt = [before, image, after] if before else [image, after]
            made = self._processor(text=[prompt], return_tensors="pt")
        else:
            made = self._processor(images=image, text=self.text(question), return_tensors="pt")
        return dict(made)


def _messages(image: Image | None, question: str) -> list[dict[str, Any]]:
    shown = {"type": "image"} if image is None else {"type": "image", "image": image}
    return [{"role": "user", "content": [shown, {"type": "text", "text": question}]}]


def alike(inputs: Sequence[Mapping[str, Tensor]]) -> list[list[int]]:
    """Return the places of inputs of the same shapes: they make a batch without padding, which changes no answer."""
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, made in enumerate(inputs):
        groups[tuple((name, tuple(tensor.shape)) for name, tensor in made.items())].append(place)
    return list(groups.values())


def together(
    inputs: Sequence[Mapping[str, Tensor]], device: torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return inputs of the same shapes as one batch, where the model computes."""
    import torch

    joined = {name: torch.cat([made[name] for made in inputs]) for name in inputs[0]}
    return {
        name: tensor.to(device, dtype if tensor.is_floating_point() else None)
        for name, tensor in joined.items()
    }
