"""Answers of the stub server: valid, of about 1.5 kB on the wire, and decided by the request's hash alone.

They speak of nothing but what every record of `records.py` shows and name no emotion, so that all checks let them pass.
"""

from __future__ import annotations

import json
from typing import Final

__all__ = ["completion", "wants_conversation"]

_WOOD: Final = (
    "old wood",
    "pale wood",
    "dark wood",
    "worn wood",
    "smooth wood",
    "painted wood",
    "heavy wood",
    "rough wood",
)
_PLACE: Final = ("left", "right", "near side", "far side", "middle", "front", "back", "edge")
_LIGHT: Final = ("soft", "low", "clear", "warm", "pale", "gentle", "bright", "thin")
_LEAVES: Final = ("dense", "loose", "small", "broad", "dry", "fresh", "heavy", "fine")
_PACE: Final = ("slowly", "calmly", "evenly", "quietly", "gradually", "steadily", "softly", "lightly")
_HOUR: Final = ("early", "late", "long", "short", "quiet", "mild", "cool", "dry")


def completion(key: str, prompt_bytes: int, *, conversation: bool) -> bytes:
    """Return the body of a chat completion for the request with hash `key` (hexadecimal)."""
    number = int(key, 16)
    content = json.dumps((_conversation if conversation else _reasoning)(number))
    tokens = (prompt_bytes // 4, len(content) // 4)
    return (
        f'{{"id":"chatcmpl-{key}","object":"chat.completion","created":0,"model":"stub-1","choices":[{{"index":0,'
        f'"message":{{"role":"assistant","content":{json.dumps(content)}}},"logprobs":null,"finish_reason":"stop"}}],'
        f'"usage":{{"prompt_tokens":{tokens[0]},"completion_tokens":{tokens[1]},"total_tokens":{sum(tokens)}}}}}'
    ).encode()


def wants_conversation(body: bytes) -> bool:
    """Whether three pairs are asked for, and not one: only their schema or form names the advanced one."""
    return b'"basic\\"' in body or b'"basic"' in body or b"three question-and-answer pairs" in body


def _conversation(number: int) -> dict[str, object]:
    wood, place, light, leaves, pace, hour = _words(number)
    return {
        "basic": [
            {
                "question": f"What stands under the tree on the {place} of the picture?",
                "answer": f"A bench of {wood} stands there, close to the trunk and within its shade.",
            },
            {
                "question": f"Are there leaves on the tree above the bench of {wood}?",
                "answer": f"Yes, the tree carries {leaves} leaves that hang over the bench on the {place}.",
            },
        ],
        "advanced": {
            "question": f"How do the bench and the {leaves} leaves work together to set the mood of the park?",
            "answer": (
                f"The bench of {wood} is empty and turned towards the open grass, so it reads as an invitation to sit "
                f"down for a {hour} while. Above it the tree spreads {leaves} leaves, and the {light} light falls "
                f"through them {pace} and leaves a pattern of bright and dark spots on the seat and on the ground. "
                f"Because nothing in the park moves, the eye wanders {pace} from the trunk to the {place} and back to "
                f"the seat, which gives the whole view its {hour} rhythm. The colours stay close to one another, "
                f"green beside brown, and the {light} light binds them together into one calm impression."
            ),
        },
    }


def _reasoning(number: int) -> dict[str, object]:
    wood, place, light, leaves, pace, hour = _words(number)
    return {
        "question": f"Why might the bench under the {leaves} leaves hold a viewer's attention for a {hour} while?",
        "answer": (
            f"The bench of {wood} is the only thing in the park that was made to be used, and it stands empty, so one "
            f"asks who will come and sit down. The tree leans over it from the {place} with {leaves} leaves, and the "
            f"{light} light moves {pace} across the seat as if it marked the time that passes. Taken together, the "
            f"empty seat, the shade and the open grass tell of a {hour} pause between two walks. A viewer fills that "
            f"pause with something remembered, and so the view stays in mind although little happens in it. "
            f"The {light} light and the {wood} add to this, since both speak of many days spent out of doors, {pace} "
            f"and without a sound, one like the other."
        ),
    }


def _words(number: int) -> tuple[str, ...]:
    words = []
    for choices in (_WOOD, _PLACE, _LIGHT, _LEAVES, _PACE, _HOUR):
        number, place = divmod(number, len(choices))
        words.append(choices[place])
    return tuple(words)
