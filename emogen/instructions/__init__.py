"""The instruction types: which question is asked of a language model, and how its answer is read.

Adding one is a file here, a template `templates/<name>.j2`, seed examples `seeds/<name>.jsonl` and a line below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from emogen.prompts import PromptRenderer
from emogen.registry import Registry
from emogen.schemas import ImageInput, ImageRecord, Prompt, Turn

__all__ = ["INSTRUCTIONS", "AskedInstruction", "DirectInstruction", "Unreadable"]


@dataclass(frozen=True)
class Unreadable:
    """An answer, or a record, from which no turns could be read.

    Attributes:
        reason: Short reason code.
        detail: What exactly was seen.
    """

    reason: str
    detail: str


class DirectInstruction(Protocol):
    """An instruction type whose turns follow from the record alone."""

    name: str
    asks_model: bool

    def turns(self, record: ImageRecord) -> tuple[Turn, ...] | Unreadable:
        """Return the turns of `record`."""


class AskedInstruction(Protocol):
    """An instruction type whose turns a language model writes."""

    name: str
    asks_model: bool

    def prompt(
        self,
        record: ImageRecord,
        renderer: PromptRenderer,
        *,
        structured: bool,
        guided: bool = True,
        images: tuple[ImageInput, ...] = (),
    ) -> Prompt:
        """Render the prompt.

        Args:
            record: What is known of the image.
            renderer: Templates and seed examples.
            structured: Ask for JSON, otherwise for "Question: / Answer:" text.
            guided: Render the small steps for the smallest models, too.
            images: What a model that sees is shown.
        """

    def parse(self, text: str) -> tuple[Turn, ...] | Unreadable:
        """Read the turns from a model's answer, JSON or text."""


INSTRUCTIONS: Registry[type[DirectInstruction] | type[AskedInstruction]] = Registry(
    "instruction type",
    "emogen.instructions",
    {
        "categorical": "emogen.instructions.categorical:Categorical",
        "conversation": "emogen.instructions.conversation:Conversation",
        "reasoning": "emogen.instructions.reasoning:Reasoning",
    },
)
