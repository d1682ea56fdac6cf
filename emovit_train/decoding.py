"""How answers are generated: greedily unless another preset is named.

The presets of the references are the defaults of their `generate`: LAVIS, `blip2_vicuna_instruct.py`; EmoVIT, the
file of the same name in its repository. EmoVIT also sets a temperature of 0, which does nothing where nothing is
sampled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from emogen.errors import UnknownNameError

__all__ = ["DECODINGS", "GREEDY", "Decoding", "decoding_of", "decoding_preset"]


@dataclass(frozen=True)
class Decoding:
    """Settings of generation; nothing is sampled.

    Attributes:
        max_new_tokens: Longest answer, in tokens.
        beams: Answers that are followed at once; 1 takes the most probable token at each step.
        repetition_penalty: Divides the score of tokens that were said already; 1 is none.
    """

    max_new_tokens: int = 64
    beams: int = 1
    repetition_penalty: float = 1.0

    def options(self) -> dict[str, Any]:
        """Return the settings as transformers' `generate` takes them."""
        from transformers import LogitsProcessorList, RepetitionPenaltyLogitsProcessor

        # Its own option of that name takes as many of the answer's first tokens out as there is padding on the left.
        penalty = (
            [RepetitionPenaltyLogitsProcessor(self.repetition_penalty)]
            if self.repetition_penalty != 1
            else []
        )
        return {
            "max_new_tokens": self.max_new_tokens,
            "num_beams": self.beams,
            "logits_processor": LogitsProcessorList(penalty),
            "do_sample": False,
            # Whatever a checkpoint's own generation settings say of these, they are for sampling.
            "temperature": None,
            "top_p": None,
            "top_k": None,
        }


GREEDY: Final = Decoding()
DECODINGS: Final[dict[str, Decoding]] = {
    "greedy": GREEDY,
    "emovit": Decoding(max_new_tokens=256, beams=1, repetition_penalty=5.0),
    "lavis": Decoding(max_new_tokens=256, beams=5, repetition_penalty=1.5),
}


def decoding_preset(name: str) -> Decoding:
    """Return the preset `name` of `DECODINGS`.

    Raises:
        UnknownNameError: no such preset.
    """
    if name not in DECODINGS:
        raise UnknownNameError("decoding", name, DECODINGS, where="--decoding")
    return DECODINGS[name]


def decoding_of(name: str, max_new_tokens: int | None = None) -> Decoding:
    """Return the preset `name`, with another longest answer where one is given.

    Raises:
        UnknownNameError: no such preset.
    """
    preset = decoding_preset(name)
    return preset if max_new_tokens is None else replace(preset, max_new_tokens=max_new_tokens)
