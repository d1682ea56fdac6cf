"""The settings of the checks: names, actions, thresholds, and other packages' checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from emogen.checks import CHECKS, Answer, Fault, Score
from emogen.checks.findings import Examiner, Finding
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings, Length, OtherCheck
from emogen.errors import UnknownNameError
from emogen.schemas import Completion, ImageRecord, Turn

RECORD = ImageRecord(id="a", image="a.jpg", emotion="awe", caption="A high mountain.")
BASIC = Turn(kind="basic", question="What gives the scene its awe?", answer="The height of the mountain.")
ADVANCED = BASIC.model_copy(update={"kind": "advanced"})
REASONING = BASIC.model_copy(update={"kind": "reasoning"})


def examine(settings: CheckSettings, *turns: Turn, instruction: str = "conversation") -> list[Finding]:
    answer = Answer(RECORD, instruction, turns, Completion(text="", model="m"))
    return list(Examiner(settings).examine(answer).findings)


def actions(settings: CheckSettings, *turns: Turn, instruction: str = "conversation") -> dict[str, str]:
    return {found.reason: found.action for found in examine(settings, *turns, instruction=instruction)}


def test_what_is_not_said_is_as_by_default() -> None:
    """A table that names one bound or one action leaves all others alone."""
    settings = CheckSettings.model_validate(
        {"length": {"answer_words": {"advanced": [1, 9]}}, "question_leak": {"action": {"reasoning": "flag"}}}
    )
    assert settings.length.answer_words.advanced == (1, 9)
    assert settings.length.answer_words.basic == DEFAULT_CHECKS.length.answer_words.basic
    assert settings.question_leak.action_on("reasoning", "reasoning") == "flag"
    assert settings.question_leak.action_on("conversation", "basic") == "reject"
    assert settings.question_leak.action_on("another", "basic") == "off"


def test_one_action_is_for_all_answers() -> None:
    """A single word takes the place of a check's whole default table."""
    settings = CheckSettings.model_validate({"question_leak": {"action": "flag"}})
    assert actions(settings, REASONING, instruction="reasoning")["question_leak"] == "flag"
    assert actions(settings, BASIC) == {"question_leak": "flag"}


def test_the_turn_decides_before_the_type() -> None:
    """Where a table names the turn's kind and the instruction type, the kind of the faulty turn counts."""
    settings = CheckSettings.model_validate(
        {
            "question_leak": {"action": {"conversation": "flag", "advanced": "reject"}},
            "length": {"action": "off"},
        }
    )
    assert actions(settings, BASIC) == {"question_leak": "flag"}
    assert actions(settings, ADVANCED) == {"question_leak": "reject"}


def test_a_check_that_is_off_finds_nothing() -> None:
    """`off` for a turn kind hides faults there, and only there."""
    settings = CheckSettings.model_validate({"question_leak": {"action": {"basic": "off"}}})
    assert examine(settings, BASIC) == []
    assert "question_leak" in actions(settings, BASIC, ADVANCED)


@pytest.mark.parametrize(
    ("table", "nearest", "where"),
    [
        ({"lenght": {}}, "'length'", "checks.lenght"),
        ({"length": {"answer_word": {}}}, "'answer_words'", "checks.length.answer_word"),
        ({"length": {"answer_words": {"basics": [1, 2]}}}, "'basic'", "checks.length.answer_words.basics"),
        (
            {"length": {"action": {"conversaton": "off"}}},
            "'conversation'",
            "checks.length.action.conversaton",
        ),
        ({"length": {"action": {"advance": "off"}}}, "'advanced'", "checks.length.action.advance"),
        ({"length": {"action": {"basic": "of"}}}, "'off'", "checks.length.action.basic"),
        ({"refusal": {"action": "rejekt"}}, "'reject'", "checks.refusal.action"),
        ({"others": {"lenth": {}}}, "'length'", "checks.lenth"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(table: dict[str, Any], nearest: str, where: str) -> None:
    """Each name that does not exist is an error that says where it stands and which one was meant."""
    with pytest.raises(UnknownNameError) as caught:
        CheckSettings.model_validate(table)
    assert f"Did you mean {nearest}?" in str(caught.value)
    assert caught.value.where == where


@pytest.mark.parametrize(
    "table",
    [
        {"length": {"question_words": [5, 3]}},
        {"length": {"question_words": [-1, 3]}},
        {"length": {"question_words": "three"}},
        {"length": {"action": 1}},
        {"truncated": {"phrase_words": -1}},
        {"truncated": 3},
        {"others": 3},
        3,
    ],
)
def test_a_wrong_value_is_refused(table: object) -> None:
    """A value that no check could use is refused before a run begins."""
    with pytest.raises(ValidationError):
        CheckSettings.model_validate(table)


def test_settings_survive_a_file() -> None:
    """What was set, written as JSON and read again, is the same settings."""
    settings = CheckSettings.model_validate(
        {"length": {"action": {"basic": "flag"}, "question_words": [1, 9]}}
    )
    said = settings.model_dump_json(exclude_unset=True)
    assert CheckSettings.model_validate_json(said) == settings
    assert CheckSettings.model_validate_json(DEFAULT_CHECKS.model_dump_json()) == DEFAULT_CHECKS
    assert DEFAULT_CHECKS.model_dump(exclude_unset=True) == {}


def test_settings_are_frozen() -> None:
    """Nobody changes settings under a run that uses them."""
    with pytest.raises(ValidationError):
        DEFAULT_CHECKS.length = Length(action="off")  # type: ignore[misc]


def test_a_threshold_reaches_its_check() -> None:
    """The bounds given are the bounds that count."""
    settings = CheckSettings.model_validate({"length": {"answer_words": {"basic": [6, 9]}}})
    assert "basic answer of 5 words, wanted 6 to 9" in [found.detail for found in examine(settings, BASIC)]
    settings = CheckSettings.model_validate(
        {"truncated": {"phrase_words": 1}, "question_leak": {"action": "off"}}
    )
    assert actions(settings, BASIC.model_copy(update={"answer": "A mountain"})) == {"truncated": "reject"}


def too_dull(answer: Answer, settings: OtherCheck) -> Iterator[Fault | Score]:
    """Finds every answer dull that lacks a word."""
    word = (settings.model_extra or {}).get("word", "!")
    yield Score(sum(word in turn.answer.text for turn in answer.said))
    yield from (Fault(f"no {word}", turn) for turn in answer.said if word not in turn.answer.text)


@pytest.fixture
def another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that another package registered."""
    monkeypatch.setattr(CHECKS, "_others", {"too_dull": f"{__name__}:too_dull"}, raising=False)
    monkeypatch.setitem(CHECKS._loaded, "too_dull", too_dull)


@pytest.mark.usefixtures("another_package")
def test_another_packages_check_has_a_free_table() -> None:
    """A check from an entry point stands beside ours: it runs, it can be set, and its settings are its own."""
    turns = (BASIC.model_copy(update={"question": "What is it?"}),)
    answer = Answer(RECORD, "conversation", turns, Completion(text="", model="m"))
    assert [f.reason for f in Examiner().examine(answer).findings] == ["too_dull"]
    settings = CheckSettings.model_validate({"too_dull": {"action": "flag", "word": "height", "other": [1]}})
    assert settings.of("too_dull").model_extra == {"word": "height", "other": [1]}
    examined = Examiner(settings).examine(answer)
    assert (list(examined.findings), examined.scores["too_dull"]) == ([], 1)
    assert CheckSettings.model_validate(settings.model_dump()) == settings
    with pytest.raises(UnknownNameError, match="too_dull"):
        CheckSettings.model_validate({"to_dull": {}})
