"""What every check promises, whoever adds it."""

from __future__ import annotations

import inspect
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.checks import CHECKS, Answer, Example, Fault, Score
from emogen.checks.settings import DEFAULT_CHECKS, OtherCheck
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
    examples=st.lists(st.builds(Example, words, st.lists(texts, max_size=2)), max_size=2),
)


def run(reason: str, answer: Answer) -> list[Fault | Score]:
    return list(CHECKS.get(reason)(answer, DEFAULT_CHECKS.of(reason)))


def verdict(reason: str, answer: Answer) -> list[Score | int | None]:
    """What a check measured, and the places of the turns in which it saw something."""
    return [
        one if isinstance(one, Score) else None if one.turn is None else answer.said.index(one.turn)
        for one in run(reason, answer)
    ]


every_check = pytest.mark.parametrize("reason", CHECKS.names())


@every_check
@given(answer=answers)
def test_a_check_finds_something_or_nothing(reason: str, answer: Answer) -> None:
    """Whatever the turns hold, a check says in words what it saw, in one of the turns, and the same each time."""
    seen = run(reason, answer)
    for fault in seen:
        if isinstance(fault, Fault):
            assert fault.detail.strip()
            assert fault.turn is None or fault.turn in answer.said
    assert run(reason, answer) == seen


@every_check
@given(answer=answers, space=st.text(" \n\t\r\u00a0\u2003\u2028", min_size=1, max_size=4))
def test_white_space_around_a_text_changes_nothing(reason: str, answer: Answer, space: str) -> None:
    """What stands before and after a question or an answer, and shows nothing, is no part of a verdict."""
    turns = [
        Turn(question=f"{space}{turn.question}{space}", answer=f"{space}{turn.answer}{space}", kind=turn.kind)
        for turn in answer.turns
    ]
    padded = Answer(answer.record, answer.instruction, turns, answer.completion, examples=answer.examples)
    assert verdict(reason, padded) == verdict(reason, answer)


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
    completion = Completion(text=text, model="m")
    run(reason, Answer(record, "reasoning", (turn,), completion, examples=[Example("a", [text])]))
    assert time.process_time() - begin_s < 2


@every_check
def test_a_check_has_settings_of_its_own(reason: str) -> None:
    """Each check of ours is a field of the settings, so that a run file can name it."""
    assert type(DEFAULT_CHECKS.of(reason)) is not OtherCheck
