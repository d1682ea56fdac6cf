"""What a request is expected to take, and what it may take at most, without a tokenizer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from emogen.schemas import Completion, Prompt, SeenImage, Usage

__all__ = ["estimated_usage", "image_tokens", "most_usage", "with_estimate"]

# English text has about four characters a token; the estimate is only what is reserved until the answer comes.
CHARS_PER_TOKEN: Final = 4
EXPECTED_ANSWER_TOKENS: Final = 300
# Of any script, in prompts of more than a few words.
LEAST_BYTES_PER_TOKEN: Final = 2
# Providers count images by rules of their own, and change them. This is the rule that pages about OpenAI's smaller
# models quote; users who measured found 1.2 tokens a patch, and the rule quoted for gpt-4o (85, and 170 a tile of
# 512 pixels) comes to less for a square of 768. One model is known to be far off: gpt-4o-mini, which counts an image
# more than 30 times as high as gpt-4o.
PATCH_PIXELS: Final = 32
TOKENS_PER_PATCH: Final = 1.62
MOST_TIMES_ESTIMATE: Final = 2


def estimated_usage(prompt: Prompt) -> Usage:
    """Return about how many tokens a request will take."""
    chars = sum(len(message.content) for message in prompt.messages)
    tokens = chars // CHARS_PER_TOKEN + sum(image_tokens(image.seen) for image in prompt.images)
    return Usage(prompt_tokens=tokens, completion_tokens=EXPECTED_ANSWER_TOKENS)


def with_estimate(completion: Completion, prompt_tokens: int) -> Completion:
    """Return an answer whose usage is stated: what the server does not count is estimated, and marked so.

    Args:
        completion: As it came.
        prompt_tokens: About how many tokens its prompt has.
    """
    usage, text = completion.usage, completion.text
    if usage.prompt_tokens and (usage.completion_tokens or not text):
        return completion
    estimate = Usage(
        prompt_tokens=usage.prompt_tokens or prompt_tokens,
        completion_tokens=usage.completion_tokens or math.ceil(len(text) / CHARS_PER_TOKEN),
        estimated=True,
    )
    return completion.model_copy(update={"usage": estimate})


def image_tokens(seen: SeenImage) -> int:
    """Return about how many tokens an image takes."""
    patches = math.ceil(seen.width / PATCH_PIXELS) * math.ceil(seen.height / PATCH_PIXELS)
    return math.ceil(patches * TOKENS_PER_PATCH)


def most_usage(prompt: Prompt, parameters: Mapping[str, Any]) -> Usage:
    """Return what a request may take at most, so that the money reserved for it is enough.

    Args:
        prompt: What is asked.
        parameters: What the backend asks with; the longest answer is read from them.
    """
    size = sum(len(message.content.encode()) for message in prompt.messages)
    images = MOST_TIMES_ESTIMATE * sum(image_tokens(image.seen) for image in prompt.images)
    longest = parameters.get("max_completion_tokens") or parameters.get("max_tokens")
    return Usage(
        prompt_tokens=size // LEAST_BYTES_PER_TOKEN + images,
        completion_tokens=longest or EXPECTED_ANSWER_TOKENS,
    )
