"""Near-duplicates by their words: candidates by MinHash, the verdict exact."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.dedup.minhash import MinHash, rows_per_band, shingles

WORDS = [f"w{number}" for number in range(400)]
ROCKET = "The rocket stands alone under a wide sky and steam drifts slowly from its tanks"


def matches(texts: list[str], threshold: float = 0.7) -> dict[int, tuple[int, float]]:
    return {
        place: tuple(match)
        for place, match in MinHash().matches(texts, threshold, lambda count: None).items()
    }


def exact(texts: list[str], threshold: float) -> dict[int, tuple[int, float]]:
    """The same by comparing every pair."""
    kept: list[int] = []
    found = {}
    pairs = [shingles(text) for text in texts]
    for number, words in enumerate(pairs):
        scores = [(len(words & pairs[place]) / len(words | pairs[place]), -place) for place in kept]
        best = max(scores, default=(0.0, 0))
        if best[0] >= threshold:
            found[number] = (-best[1], best[0])
        else:
            kept.append(number)
    return found


def varied(count: int, length: int, seed: int) -> list[str]:
    """Texts of which half are earlier ones with up to a quarter of their words changed."""
    chance = random.Random(seed)
    texts: list[list[str]] = []
    for _ in range(count):
        if texts and chance.random() < 0.5:
            text = list(chance.choice(texts))
            for _ in range(chance.randrange(1 + length // 4)):
                text[chance.randrange(length)] = chance.choice(WORDS)
        else:
            text = chance.choices(WORDS, k=length)
        texts.append(text)
    return [" ".join(text) for text in texts]


def test_the_same_words() -> None:
    """Case, punctuation and space do not count; the earlier text stays."""
    assert matches([ROCKET, "A cat sleeps.", f"  {ROCKET.upper()}!!"]) == {2: (0, 1.0)}


def test_one_other_word() -> None:
    """One word of fifteen makes 0.75, which is alike by default; three do not."""
    one = ROCKET.replace("wide", "grey")
    three = one.replace("steam", "smoke").replace("tanks", "sides")
    assert matches([ROCKET, one]) == {1: (0, pytest.approx(12 / 16))}
    assert matches([ROCKET, three]) == {}


def test_similarity_does_not_pass_on() -> None:
    """What is itself a near-duplicate is nobody's match, so that no chain leads far away."""
    words = [f"w{number}" for number in range(30)]
    texts = [" ".join([*(f"x{i}" for i in range(changed)), *words[changed:]]) for changed in (0, 3, 6)]
    assert matches(texts) == {1: (0, pytest.approx(26 / 32))}
    assert matches(texts[1:]) == {1: (0, pytest.approx(25 / 33))}


@pytest.mark.parametrize("threshold", [0.4, 0.7, 0.9])
@pytest.mark.parametrize("length", [8, 40])
def test_nearly_all_pairs_are_found(threshold: float, length: int) -> None:
    """Of the near-duplicates that comparing every pair finds, at most one in fifty is missed, and none is invented."""
    texts = varied(600, length, seed=length)
    wanted, found = exact(texts, threshold), matches(texts, threshold)
    assert len(wanted) > 50
    assert len(wanted.keys() - found.keys()) <= len(wanted) / 50
    for place, (kept, score) in found.items():
        first, second = shingles(texts[place]), shingles(texts[kept])
        assert score == len(first & second) / len(first | second) >= threshold


@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_text(texts: list[str]) -> None:
    """Whatever is compared: a repeated text is always found, and what stays is nobody's near-duplicate."""
    found = matches(texts)
    seen: set[str] = set()
    for number, text in enumerate(texts):
        if text in seen:
            assert found[number][1] >= 0.7
        seen.add(text)
    assert not {kept for kept, _ in found.values()} & found.keys()


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("One", {"one"}),
        ("one, two; ONE two", {"one two", "two one"}),
        ("火箭很大", {"火 箭", "箭 很", "很 大"}),
        ("…!", {"…!"}),
        ("", {""}),
    ],
)
def test_shingles(text: str, pairs: set[str]) -> None:
    """Pairs of neighbouring words; letters of scripts without spaces are words, and a text without words is itself."""
    assert shingles(text) == pairs


@pytest.mark.parametrize(("threshold", "rows"), [(0.3, 1), (0.5, 3), (0.7, 6), (0.9, 8), (1.0, 8)])
def test_rows_per_band(threshold: float, rows: int) -> None:
    """A higher threshold lets more hashes be asked to agree, so that fewer pairs are compared in vain."""
    assert rows_per_band(threshold) == rows
