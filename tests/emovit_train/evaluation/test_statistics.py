"""Statistics, against values worked out by hand, scipy and each other."""

from __future__ import annotations

from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emovit_train.evaluation.statistics import calibration_error, flip_rate, interval, mcnemar, sensitivity

HITS = st.lists(st.booleans(), min_size=1, max_size=20)


def test_interval_of_a_share() -> None:
    """Near the normal approximation for a share of 0.3 of 400; no width where all are equal."""
    low, high = interval([True] * 120 + [False] * 280)
    assert low == pytest.approx(0.3 - 1.96 * 0.0229, abs=0.008)
    assert high == pytest.approx(0.3 + 1.96 * 0.0229, abs=0.008)
    assert interval([True, True]) == (1, 1)


def test_calibration_error_by_hand() -> None:
    """Two answers at 0.9 of which one is right, two at 0.5 of which one is: (2 * 0.4 + 0) / 4."""
    assert calibration_error([0.9, 0.9, 0.5, 0.5], [True, False, True, False]) == pytest.approx(0.2)


def test_mcnemar_by_hand() -> None:
    """Five that only the first has and none that only the second has: p = 2 / 32."""
    assert mcnemar([True] * 5 + [False], [False] * 6) == (5, 0, pytest.approx(2 / 32))
    assert mcnemar([True], [True]) == (0, 0, 1.0)


def test_sensitivity_by_hand() -> None:
    """With two instructions it is |a - b| / (a + b); NaN where the mean is 0: failing always is not stable."""
    assert sensitivity({"t": [0.6, 0.4]}) == pytest.approx(0.2)
    assert sensitivity({"t": [0.6, 0.4]}, sample=True) == pytest.approx(0.2 * 2**0.5)
    assert sensitivity({"t": [0.6, 0.4], "u": [0.5, 0.5]}) == pytest.approx(0.1)
    assert isnan(sensitivity({"t": [0.0, 0.0]}))
    assert isnan(sensitivity({"t": [0.5]}))


def test_units_are_drawn_whole() -> None:
    """Three like drawings of each of forty things tell no more than the forty things, though they are 120 images."""
    things = [number % 3 == 0 for number in range(40)]
    drawn = [hit for hit in things for _ in range(3)]
    units = [str(number) for number in range(40) for _ in range(3)]
    assert interval(drawn, units=units) == pytest.approx(interval(things))
    low, high = interval(drawn)
    assert high - low < 0.7 * (interval(things)[1] - interval(things)[0])


def test_units_of_other_sizes_keep_the_mean_of_images() -> None:
    """Two units, one of three right images and one of one wrong: draws give 0, 3/4 or 1."""
    assert interval([True] * 3 + [False], units=["a", "a", "a", "b"]) == (0.0, 1.0)
    assert interval([True, False], units=["a", "a"]) == (0.5, 0.5)


@settings(max_examples=20)
@given(HITS)
def test_an_interval_holds_its_mean(hits: list[bool]) -> None:
    """Whatever was right, the share lies in its interval, and an interval of units of one image is that of images."""
    low, high = interval(hits)
    assert 0 <= low <= sum(hits) / len(hits) + 1e-9
    assert sum(hits) / len(hits) <= high + 1e-9 <= 1 + 1e-8
    assert interval(hits, units=[str(number) for number in range(len(hits))]) == (low, high)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_a_calibration_error_is_a_share(answers: list[tuple[float, bool]]) -> None:
    """From 0 to 1; 0 where each answer is certain and right."""
    confidences, right = [each[0] for each in answers], [each[1] for each in answers]
    assert 0 <= calibration_error(confidences, right) <= 1 + 1e-9
    assert calibration_error([1.0] * len(right), [True] * len(right)) == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_mcnemar_is_the_binomial_test_of_what_differs(pairs: list[tuple[bool, bool]]) -> None:
    """The same turned round; never below what that many coins could do."""
    first, second = [one for one, _ in pairs], [two for _, two in pairs]
    only_first, only_second, p = mcnemar(first, second)
    assert (only_second, only_first, p) == mcnemar(second, first)
    assert p >= 2 / 2 ** (only_first + only_second) - 1e-12 or only_first == only_second == 0


def test_flip_rate_by_hand() -> None:
    """One of two items has another label under another instruction."""
    assert flip_rate([["a", "a"], ["a", "b"]]) == 0.5
