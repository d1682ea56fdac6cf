"""Instructions by name: what is asked about an image, and which answers stand for its labels."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError, UnknownNameError
from emogen.protocol import (
    EVALUATION_INSTRUCTIONS,
    REASONING_FORM,
    categorical_answer,
    categorical_question,
)

__all__ = ["INSTRUCTIONS", "REASONING", "Instruction", "own_instruction", "read_instructions"]

CATEGORICAL: Final = "categorical"
REASONING: Final = "reasoning"


@dataclass(frozen=True)
class Instruction:
    """One way to ask for an emotion.

    Attributes:
        name: As it is called in tables.
        text: What is asked, `{labels}` standing for the options; None is the question that tuning asks.
        answer: The answer that stands for a label when candidates are ranked, `{label}` standing for it.
        order: Seed of the options' order, another one for each image; None is the data set's own order.
        before: What stands in front of the question, such as examples.
    """

    name: str
    text: str | None
    answer: str
    order: int | None = None
    before: str = ""

    def labels(self, labels: Sequence[str], item_id: str) -> tuple[str, ...]:
        """Return the options in the order in which an image's question lists them."""
        if self.order is None:
            return tuple(labels)
        return tuple(random.Random(f"options {self.order} {item_id}").sample(labels, len(labels)))

    def question(self, labels: Sequence[str]) -> str:
        """Return what is asked over `labels`, in their order."""
        asked = (
            categorical_question(labels)
            if self.text is None
            else self.text.replace("{labels}", ", ".join(labels))
        )
        return f"{self.before} {asked}" if self.before else asked

    def candidates(self, labels: Sequence[str]) -> Mapping[str, str]:
        """Return label → the answer that stands for it."""
        return {label: self.answer.replace("{label}", label) for label in labels}

    @property
    def identity(self) -> dict[str, Any]:
        """All that it asks besides the labels, as JSON."""
        before = {"before": self.before} if self.before else {}
        return {"text": self.text, "answer": self.answer, **before}

    def shuffled(self, seed: int) -> Instruction:
        """Return the same with the options of each image in an order of its own."""
        return replace(self, order=seed)

    def after(self, examples: str) -> Instruction:
        """Return the same with examples in front of the question."""
        return replace(self, name=f"{self.name}, with examples", before=examples)


_PREDICT: Final = categorical_answer("{label}")
_PREDICTED: Final = "Predicted emotion: {label}."

INSTRUCTIONS: Final[dict[str, Instruction]] = {
    # What the paper's categorical data ask (Figures 10 and 11).
    CATEGORICAL: Instruction(CATEGORICAL, None, _PREDICT),
    # The two of section 4.3.2; each wants an answer in a form of its own.
    "paper-1": Instruction("paper-1", EVALUATION_INSTRUCTIONS["paper-1"], _PREDICTED),
    "paper-2": Instruction("paper-2", EVALUATION_INSTRUCTIONS["paper-2"], _PREDICT),
    # Figure 1 asks an API model directly, and then with a revised instruction; its words are a picture, these are ours.
    "plain": Instruction("plain", "Which emotion does this image evoke?", "{label}"),
    "revised": Instruction(
        "revised",
        "Look at brightness and colours, the scene, the objects, faces, and what people do. Which one emotion of "
        "these does the image evoke in a viewer: {labels}? Respond in the format: Predicted emotion:",
        _PREDICTED,
    ),
    # Affective reasoning (section 4.4.1); the request around the form is ours.
    REASONING: Instruction(
        REASONING,
        "From the given options: {labels}, identify the emotion that most accurately reflects the image, and say which "
        f"visual details it is seen by. Respond in the format:\n{REASONING_FORM}",
        _PREDICTED,
    ),
}


def own_instruction(name: str, text: str, answer: str = "{label}") -> Instruction:
    """Return an instruction in words of one's own.

    Raises:
        InputError: it has no name or no text, its name is one of `INSTRUCTIONS`, or `answer` has no place for a label.
    """
    where = f"--instruction {name}"
    if not name or not text.strip():
        raise InputError(
            "an instruction needs a name and a text", where=where, remedy="Give it as NAME=TEXT."
        )
    if name in INSTRUCTIONS:
        raise InputError("this name is taken", where=where, remedy="Choose another name for yours.")
    if "{label}" not in answer:
        raise InputError(
            "{label} is not in the answer", where=where, remedy="Say where the label goes: '{label}'."
        )
    return Instruction(name, text, answer)


def read_instructions(
    told: Sequence[str], orders: Sequence[int] = (), examples: str = ""
) -> list[Instruction]:
    """Read `--instruction`: each a known name, or `NAME=TEXT`, or `NAME=@FILE`.

    Args:
        told: As given; none is the categorical one.
        orders: Seeds; each instruction is asked once more under each, with the options in another order.
        examples: Each instruction is asked once more with this in front, too; empty for no such thing.

    Raises:
        UnknownNameError: there is no such instruction.
        InputError: one is given twice, or cannot be read.
    """
    chosen = [_instruction(each) for each in told or [CATEGORICAL]]
    names = [each.name for each in chosen]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is given twice", where="--instruction", remedy="Name each once.")
    if examples:
        chosen = [variant for each in chosen for variant in (each, each.after(examples))]
    return [variant for each in chosen for variant in (each, *(each.shuffled(seed) for seed in orders))]


def _instruction(told: str) -> Instruction:
    name, mark, text = told.partition("=")
    if not mark:
        if told not in INSTRUCTIONS:
            raise UnknownNameError("instruction", told, INSTRUCTIONS, where="--instruction")
        return INSTRUCTIONS[told]
    return own_instruction(name, _from_file(Path(text[1:])) if text.startswith("@") else text)


def _from_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "this instruction cannot be read", where=path, remedy="Name a UTF-8 text file."
        ) from error
