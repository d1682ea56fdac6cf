"""What a request is expected to take, and what it may take at most, without a tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from emogen.schemas import Prompt, Usage

__all__ = ["estimated_usage", "most_usage"]

# English text has about four characters a token; the estimate is only what is reserved until the answer comes.
CHARS_PER_TOKEN: Final = 4
EXPECTED_ANSWER_TOKENS: Final = 300
# Of any script, in prompts of more than a few words.
LEAST_BYTES_PER_TOKEN: Final = 2


def estimated_usage(prompt: Prompt) -> Usage:
    """Return about how many tokens a request will take."""
    chars = sum(len(message.content) for message in prompt.messages)
    return Usage(prompt_tokens=chars // CHARS_PER_TOKEN, completion_tokens=EXPECTED_ANSWER_TOKENS)


def most_usage(prompt: Prompt, parameters: Mapping[str, Any]) -> Usage:
    """Return what a request may take at most, so that the money reserved for it is enough.

    Args:
        prompt: What is asked.
        parameters: What the backend asks with; the longest answer is read from them.
    """
    size = sum(len(message.content.encode()) for message in prompt.messages)
    longest = parameters.get("max_completion_tokens") or parameters.get("max_tokens")
    return Usage(
        prompt_tokens=size // LEAST_BYTES_PER_TOKEN, completion_tokens=longest or EXPECTED_ANSWER_TOKENS
    )
