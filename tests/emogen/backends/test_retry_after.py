"""How long a refusing server asks to wait, in all its forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.backends.retry_after import retry_after_s


def limits(what: str, remaining: str, reset: str) -> dict[str, str]:
    return {f"x-ratelimit-remaining-{what}": remaining, f"x-ratelimit-reset-{what}": reset}


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "0"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "3600"}, 60.0),
        (limits("requests", "0", "1s"), 1.0),
        (limits("tokens", "0", "250ms"), 0.25),
        (limits("tokens", "0", "6m0s"), 60.0),
        (limits("tokens", "0", "0h0m1.5s"), 1.5),
        (limits("tokens", "0", "12"), 12.0),
        (limits("tokens", "5", "12s"), None),
        (limits("tokens", "-1", "12s"), None),
        (limits("tokens", "0", "a while"), None),
        (limits("requests", "0", "1s") | limits("tokens", "0", "2s"), 2.0),
        (limits("tokens", "0", "12s") | {"retry-after": "3"}, 3.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    """A refusal says how long to wait by Retry-After or by the reset of what is used up, at most a minute; or not."""
    assert retry_after_s(headers) == (None if wait_s is None else pytest.approx(wait_s))


NAMES = ["retry-after", "retry-after-ms", *limits("tokens", "", ""), *limits("requests", "", "")]
VALUES = st.one_of(
    st.text(),
    st.floats().map(str),
    st.sampled_from(
        ["0", "-1", "1e400", "9h9m", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 1 Jan 0001 00:00:00"]
    ),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_whatever_a_server_says(headers: dict[str, str]) -> None:
    """Any headers give a wait of more than nothing and at most a minute, or none."""
    wait_s = retry_after_s(headers)
    assert wait_s is None or 0 < wait_s <= 60
