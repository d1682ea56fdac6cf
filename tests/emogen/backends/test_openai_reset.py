"""How long a refusing server asks to wait, in all its forms."""

from __future__ import annotations

import pytest
from openai_stub import OpenAIStub, Reply

from emogen.backends import BackendOptions, ThrottledError
from emogen.backends.openai import OpenAIBackend
from emogen.schemas import Message, Prompt

PROMPT = Prompt(
    record_id="r",
    instruction="free",
    messages=(Message(role="user", content="Why?"),),
    template_sha256="",
)


def limits(what: str, remaining: str, reset: str) -> dict[str, str]:
    return {f"x-ratelimit-remaining-{what}": remaining, f"x-ratelimit-reset-{what}": reset}


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "3600"}, 60.0),
        (limits("requests", "0", "1s"), 1.0),
        (limits("tokens", "0", "250ms"), 0.25),
        (limits("tokens", "0", "6m0s"), 60.0),
        (limits("tokens", "0", "0h0m1.5s"), 1.5),
        (limits("tokens", "0", "12"), 12.0),
        (limits("tokens", "5", "12s"), None),
        (limits("tokens", "-1", "12s"), None),
        (limits("tokens", "0", "a while"), None),
        (limits("requests", "0", "1s") | limits("tokens", "0", "2s"), 2.0),
        (limits("tokens", "0", "12s") | {"Retry-After": "3"}, 3.0),
    ],
)
async def test_how_long_to_wait(stub: OpenAIStub, headers: dict[str, str], wait_s: float | None) -> None:
    """A 429 says how long to wait by Retry-After or by the reset of what is used up, at most a minute; or not."""
    stub.plan = [Reply(429, {"error": {"message": "slowly"}}, headers)]
    backend = OpenAIBackend(BackendOptions(model="m", base_url=stub.url))
    try:
        with pytest.raises(ThrottledError) as refused:
            await backend.complete(PROMPT)
    finally:
        await backend.aclose()
    assert refused.value.retry_after_s == (None if wait_s is None else pytest.approx(wait_s))
