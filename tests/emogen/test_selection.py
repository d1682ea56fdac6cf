from __future__ import annotations

from collections import Counter
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.errors import InputError, UnknownNameError
from emogen.schemas import ImageRecord
from emogen.selection import (
    PRESETS,
    Selected,
    Selection,
    merged,
    preset_of,
    read_rows,
    read_share,
    read_splits,
)

LABELS = ("calm", "tense", "merry")


def make(*counts: int, splits: tuple[str | None, ...] = (None,), unlabelled: int = 0) -> list[ImageRecord]:
    """Make so many records of each of the three classes; the splits take turns."""
    emotions = [label for label, count in zip(LABELS, counts, strict=True) for _ in range(count)]
    return [
        ImageRecord.model_validate(
            {
                "id": f"{emotion}-{i}",
                "image": f"{i}.jpg",
                "emotion": emotion,
                "labels": LABELS,
                "split": splits[i % len(splits)],
            }
        )
        for i, emotion in enumerate([*emotions, *[None] * unlabelled])
    ]


def ids(records: list[ImageRecord], **selection: object) -> list[str]:
    chosen = Selection(**selection)  # type: ignore[arg-type]
    return [record.id for record in Selected(chosen, lambda: records).take(records)]


counts = st.tuples(*(st.integers(0, 40) for _ in LABELS))
shares = st.fractions(0, 1, max_denominator=60).filter(bool)
seeds = st.integers(0, 5)


@given(counts=counts.filter(any), share=shares, more=shares, seed=seeds, order=st.randoms())
def test_a_smaller_share_lies_inside_a_larger(
    counts: tuple[int, ...], share: Fraction, more: Fraction, seed: int, order: Random
) -> None:
    """Whatever the order of the records, the smaller sample is part of the larger."""
    records = make(*counts)
    shuffled = order.sample(records, len(records))
    small, large = sorted((share, more))
    try:
        inner = set(ids(records, share=small, seed=seed))
    except InputError:
        inner = set()
    try:
        outer = set(ids(shuffled, share=large, seed=seed))
    except InputError:
        outer = set()
    assert inner <= outer


@given(counts=counts.filter(any), share=shares, seed=seeds)
def test_a_share_is_a_share_of_each_class(counts: tuple[int, ...], share: Fraction, seed: int) -> None:
    """Each class keeps its share, rounded to the nearest number."""
    records = make(*counts)
    wanted = [int(share * count + Fraction(1, 2)) for count in counts]
    if not sum(wanted):
        with pytest.raises(InputError, match="nothing is selected"):
            ids(records, share=share, seed=seed)
        return
    taken = Counter(name.partition("-")[0] for name in ids(records, share=share, seed=seed))
    assert [taken[label] for label in LABELS] == wanted
    assert Selected(Selection(share=share, seed=seed), lambda: records).count == sum(wanted)


@given(
    counts=st.tuples(*(st.integers(5, 30) for _ in LABELS)),
    number=st.integers(1, 5),
    seed=seeds,
    order=st.randoms(),
)
def test_so_many_of_each_class(counts: tuple[int, ...], number: int, seed: int, order: Random) -> None:
    """Every class gives the same number; the order of the records does not matter; more of each holds fewer."""
    records = make(*counts, unlabelled=4)
    taken = ids(records, per_class=number, seed=seed)
    assert Counter(name.partition("-")[0] for name in taken) == dict.fromkeys(LABELS, number)
    shuffled = order.sample(records, len(records))
    assert sorted(ids(shuffled, per_class=number, seed=seed)) == sorted(taken)
    assert set(ids(records, per_class=5, seed=seed)) >= set(taken)


def test_the_order_of_the_data_set_stays() -> None:
    """What is taken comes in the order in which it was read."""
    records = make(20, 20, 20)
    names = [record.id for record in records]
    taken = ids(records, per_class=7)
    assert taken == [name for name in names if name in set(taken)]


def test_the_seed_matters() -> None:
    """Another seed takes other records, the same seed the same."""
    records = make(30, 30, 30)
    assert ids(records, per_class=5, seed=1) == ids(records, per_class=5, seed=1)
    assert ids(records, per_class=5, seed=1) != ids(records, per_class=5, seed=2)


def test_a_share_of_so_many_of_each_class() -> None:
    """Both together take the share of the number, inside of what the number takes alone."""
    records = make(30, 40, 50)
    all_of_them = set(ids(records, per_class=20))
    tenth = ids(records, per_class=20, share=Fraction(1, 10))
    assert Counter(name.partition("-")[0] for name in tenth) == dict.fromkeys(LABELS, 2)
    assert set(tenth) < all_of_them


def test_splits() -> None:
    """Records of the named splits are taken, those without a split as train; balance counts only them."""
    records = make(9, 9, 9, splits=("train", None, "test"))
    assert len(ids(records, splits=frozenset({"train"}))) == 18
    assert len(ids(records, splits=frozenset({"test"}))) == 9
    taken = set(ids(records, splits=frozenset({"test"}), per_class=3))
    assert {record.split for record in records if record.id in taken} == {"test"}


def test_rows_of_each_class() -> None:
    """Rows are counted within each class and split, in the order of the data set."""
    records = make(6, 6, 2, splits=("train", "test"))
    taken = ids(records, splits=frozenset({"train"}), rows=(1, 3))
    assert taken == ["calm-2", "calm-4", "tense-8", "tense-10"]


def test_the_first_so_many() -> None:
    """The limit counts what the rest selects, and what lies behind it is not read."""
    records = make(9, 9, 9)
    assert ids(records, per_class=3, limit=4) == ids(records, per_class=3)[:4]

    def endless() -> object:
        yield records[0]
        pytest.fail("a record too many was read")

    selected = Selected(Selection(limit=1), endless)  # type: ignore[arg-type]
    assert len(list(selected.take(endless()))) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("counts", "selection", "expected"),
    [
        (
            (5, 3, 9),
            {"per_class": 4},
            r"4 of each class are wanted, and there are calm 5, tense 3, merry 9\. Either take at most 3",
        ),
        ((5, 0, 9), {"per_class": 4}, r"tense 0, merry 9\. Either leave out the labels"),
        ((5, 3, 9), {"per_class": 4, "splits": frozenset({"train"})}, r"or take more splits \(--split\)"),
        ((5, 3, 9), {"share": Fraction(1, 100)}, "nothing is selected"),
        ((0, 0, 0), {"per_class": 1}, "no labelled record"),
    ],
)
def test_too_few(counts: tuple[int, ...], selection: dict[str, object], expected: str) -> None:
    """Where a class has too few, the message says what there is and what to do."""
    with pytest.raises(InputError, match=expected):
        ids(make(*counts), **selection)


def test_presets() -> None:
    """The paper's number is eight times 6,400 training images; what is given besides goes first."""
    paper = merged(preset_of("paper-51200"), Selection(seed=3, share=Fraction(1, 10)))
    assert paper.per_class is not None
    assert paper.per_class * 8 == 51_200
    assert (paper.splits, paper.seed, paper.share) == (frozenset({"train"}), 3, Fraction(1, 10))
    assert merged(preset_of("paper-51200"), Selection(per_class=5)).per_class == 5
    assert merged(preset_of("emovit-release"), Selection()) == PRESETS["emovit-release"]
    with pytest.raises(UnknownNameError, match="Did you mean 'paper-51200'"):
        preset_of("paper-5120")


@pytest.mark.parametrize(
    ("text", "share"),
    [("5%", Fraction(1, 20)), ("0.05", Fraction(1, 20)), ("100 %", Fraction(1)), ("1/3", Fraction(1, 3))],
)
def test_shares(text: str, share: Fraction) -> None:
    """A share is read exactly, as a percentage, a decimal or a fraction."""
    assert read_share(text) == share


@pytest.mark.parametrize("text", ["", "%", "0", "-5%", "101%", "5", "nan", "a", "1/0"])
def test_no_shares(text: str) -> None:
    """What is no share above nothing and up to everything is refused with the remedy."""
    with pytest.raises(InputError, match="Write it as 5%"):
        read_share(text)


def test_splits_and_rows_as_text() -> None:
    """Splits and rows are read from what a user writes, or refused with the remedy."""
    assert read_splits("train, val") == {"train", "val"}
    assert read_splits("all") == {"train", "val", "test"}
    assert read_rows("1000:5600") == (1000, 5600)
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        read_splits("trian")
    for text in ("", "5", "5:", "5:5", "-1:4", "a:b"):
        with pytest.raises(InputError, match="1000:5600"):
            read_rows(text)
