"""The short strings that make results comparable with the paper's, in one place.

Sources: EmoVIT (CVPR 2024), Figures 10 and 11 (the categorical question and answer), section 4.3.2 (the two
evaluation instructions), section 4.4.1 (the form of affective reasoning).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emogen.errors import UnknownNameError

__all__ = [
    "CATEGORICAL_ANSWER_PREFIX",
    "EVALUATION_INSTRUCTIONS",
    "REASONING_FORM",
    "categorical_answer",
    "categorical_question",
    "evaluation_instruction",
]

CATEGORICAL_ANSWER_PREFIX: Final = "Predict emotion:"

EVALUATION_INSTRUCTIONS: Final[dict[str, str]] = {
    "paper-1": (
        "From the given options: {labels}, identify the emotion that most accurately reflects the image. "
        "Ensure your selection is confined to the listed options. Respond in the format: Predicted emotion:"
    ),
    "paper-2": (
        "Please choose the emotion that best corresponds to the image from the following options: {labels}. "
        "(Do not provide answers beyond the provided candidates.) "
        "Please reply in the following format: Predict emotion:"
    ),
}

REASONING_FORM: Final = "Predicted emotion: [emotion].\nReason: [explanation]."


def categorical_question(labels: Sequence[str]) -> str:
    """Return the paper's categorical question over `labels`, in their order (at least two)."""
    options = f"{', '.join(labels[:-1])} and {labels[-1]}"
    return f"Please select the emotion closest to the image from the following options: {options}."


def categorical_answer(label: str) -> str:
    """Return the paper's answer to the categorical question."""
    return f"{CATEGORICAL_ANSWER_PREFIX} {label}."


def evaluation_instruction(name: str, labels: Sequence[str]) -> str:
    """Return the evaluation instruction `name` of `EVALUATION_INSTRUCTIONS` over `labels`.

    Raises:
        UnknownNameError: no such instruction.
    """
    if name not in EVALUATION_INSTRUCTIONS:
        raise UnknownNameError("evaluation instruction", name, EVALUATION_INSTRUCTIONS)
    return EVALUATION_INSTRUCTIONS[name].format(labels=", ".join(labels))
