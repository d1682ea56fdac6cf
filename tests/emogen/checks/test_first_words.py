"""The words that are looked for first must let through whatever the patterns would find."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from emogen.checks import refusal, source_leak, words_of


@pytest.mark.parametrize("check", [refusal, source_leak], ids=["refusal", "source_leak"])
@given(data=st.data())
def test_a_word_is_in_every_match(check: object, data: st.DataObject) -> None:
    """Whatever a pattern matches holds one of its words, so that looking for them first loses nothing."""
    pattern = re.compile(getattr(check, "_REFUSAL", None) or check._LEAK)  # type: ignore[attr-defined]
    text = data.draw(st.from_regex(pattern)).lower()
    assume(pattern.search(text))
    assert not check._WORDS.isdisjoint(words_of(text))  # type: ignore[attr-defined]
