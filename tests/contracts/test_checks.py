"""What every check promises, whoever adds it."""

from __future__ import annotations

import inspect
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogen import checks
from emogen.checks import ACTIONS, CHECKS, Answer
from emogen.instructions import INSTRUCTIONS
from emogen.schemas import Completion, ImageRecord, Turn

TRAPS = [
    *" .,:;!?-*`\"'“”’()[]{}<>\n\t\0\x0b\x1c\x85\u2028\u3000。",
    *("the caption", "brightness", "0.6", "is", "evokes", "no", "fear", "contentment", "i cannot see", "a"),
    *("é", "\U0001f680", "1.", "[", "\\"),
]
words = st.lists(st.sampled_from(TRAPS), min_size=1, max_size=12).map(" ".join)
texts = words | st.lists(st.sampled_from(TRAPS), min_size=1, max_size=12).map("".join)
kinds = st.sampled_from(["categorical", "basic", "advanced", "reasoning"])
labels = st.sampled_from([("fear", "contentment"), ("Joy (deep)", "a+b", "fear"), ("\\d", "[", "é")])
records = labels.flatmap(
    lambda names: st.builds(
        ImageRecord,
        id=st.just("a"),
        image=st.just("a.jpg"),
        emotion=st.sampled_from([None, *names]),
        labels=st.just(names),
        origin=st.just({}),
    )
)
answers = st.builds(
    Answer,
    record=records,
    instruction=st.sampled_from([*INSTRUCTIONS.names(), "own"]),
    turns=st.lists(st.builds(Turn, question=texts, answer=texts, kind=kinds), max_size=3),
    completion=st.builds(
        lambda text, reason: Completion(text=text, model="m", finish_reason=reason), texts, texts
    ),
)

every_check = pytest.mark.parametrize("reason", CHECKS.names())


@every_check
@settings(deadline=None, max_examples=60)
@given(answer=answers)
def test_a_check_finds_something_or_nothing(reason: str, answer: Answer) -> None:
    """Whatever the turns hold, a check returns None or what it saw in words, and the same each time."""
    found = CHECKS.get(reason)(answer)
    assert found is None or found.strip()
    assert CHECKS.get(reason)(answer) == found


@every_check
def test_a_check_says_what_it_rejects(reason: str) -> None:
    """The docstring's first line, which lists of checks show, is a whole sentence."""
    summary = CHECKS.summaries()[reason]
    assert len(summary.split()) >= 4
    assert summary.endswith(".")


@every_check
def test_a_check_is_a_file_of_its_reason_code(reason: str) -> None:
    """One reason code is one file of that name."""
    assert Path(inspect.getfile(CHECKS.get(reason))).stem == reason


@every_check
@pytest.mark.parametrize(
    "unit", ["no ", "a ", "brightness ", "evokes a sense of ", " ", "i cannot ", "the ", "\n", "1. "]
)
def test_a_check_takes_time_in_proportion(reason: str, unit: str) -> None:
    """A hundred kilobytes of the words that a check looks for are checked in a moment."""
    text = unit * (100_000 // len(unit)) + "x"
    turn = Turn(question=text, answer=text, kind="reasoning")
    record = ImageRecord(id="a", image="a.jpg", emotion="fear")
    begin_s = time.process_time()
    CHECKS.get(reason)(Answer(record, "reasoning", (turn,), Completion(text=text, model="m")))
    assert time.process_time() - begin_s < 2


def test_actions_name_checks_and_types_that_exist() -> None:
    """The table of actions speaks of registered checks and instruction types, in known words."""
    assert set(ACTIONS) <= set(CHECKS.names())
    for actions in ACTIONS.values():
        assert set(actions) <= set(INSTRUCTIONS.names())
        assert set(actions.values()) <= set(checks.Action.__args__)  # type: ignore[attr-defined]
