"""What servers send back, however odd."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai_stub import completion

from emogen.backends.chat_reply import read_completion
from emogen.schemas import Completion, Usage


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "7",
        {},
        {"prompt_tokens": None, "completion_tokens": "5"},
        {"prompt_tokens": 10**30, "completion_tokens": -5},
        {"prompt_tokens": 7.5, "completion_tokens": [1]},
    ],
)
def test_a_usage_that_cannot_be_is_unknown(usage: Any) -> None:
    """An answer is paid for: that its tokens are counted in nonsense is no reason to ask again."""
    raw = json.dumps({**completion("An answer."), "usage": usage}).encode()
    answer = read_completion(raw, "m")
    assert (answer.text, answer.usage) == ("An answer.", Usage())


def test_what_no_file_can_hold() -> None:
    """Half characters in the names that a server gives are replaced, so that the answer can be kept."""
    reply = {**completion("An answer."), "model": "m\ud83d"}
    reply["choices"][0]["finish_reason"] = "stop\udc00"
    answer = read_completion(json.dumps(reply).encode(), "m")
    assert (answer.model, answer.finish_reason) == ("m\ufffd", "stop\ufffd")
    assert Completion.model_validate_json(answer.model_dump_json()) == answer
