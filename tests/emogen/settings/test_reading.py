"""The settings of a run: what they take, and how they refuse the rest."""

from __future__ import annotations

from typing import Any

import pytest

from emogen.errors import InputError
from emogen.labels import LABEL_SETS
from emogen.opening import backend_options
from emogen.settings import RunSettings, setting_fields
from emogen.settings.reading import read_settings


def test_every_setting_is_described() -> None:
    """Each setting says in a sentence what it is, and its name is an option's name of its own."""
    keys, fields = zip(*setting_fields(), strict=True)
    assert all(field.description and field.description.endswith(".") for field in fields)
    names = [key[-1].removesuffix("_s") for key in keys]
    assert len(set(names)) == len(names) > 15


def test_nothing_given() -> None:
    """Settings of which nothing was said are the defaults."""
    assert read_settings({}) == RunSettings()
    assert RunSettings().types == ("categorical", "conversation", "reasoning")


def test_lists_and_texts() -> None:
    """A list of types or labels may be written as a list or with commas, a label set also by its name."""
    given = read_settings({"types": "reasoning, categorical,reasoning", "labels": "joy, fear"})
    assert given == read_settings({"types": ["reasoning", "categorical"], "labels": ["joy", "fear"]})
    assert read_settings({"labels": "ekman-6"}).labels == LABEL_SETS["ekman-6"]


@pytest.mark.parametrize("given", [" http://a/v1, http://b/v1", ["http://a/v1,http://b/v1", "http://a/v1"]])
def test_several_servers(given: Any) -> None:
    """Servers may be a list, a text with commas, or both; each is taken once."""
    assert read_settings({"model": {"base_url": given}}).model.base_url == ("http://a/v1", "http://b/v1")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"limits": {"in_flight": 0}}, "HERE limits.in_flight: not above 0 (got 0)"),
        ({"model": {"temperature": 2.5}}, "HERE model.temperature: above 2 (got 2.5)"),
        ({"model": {"temperature": "warm"}}, "HERE model.temperature: not a number (got warm)"),
        ({"limits": {"max_cost": float("nan")}}, "HERE limits.max_cost: not a number (got nan)"),
        ({"limit": 1.5}, "HERE limit: not a whole number (got 1.5)"),
        ({"limit": True}, "HERE limit: not a number or a text (got True)"),
        ({"backend": 7}, "HERE backend: not text; quotes make it text (got 7)"),
        ({"labels": ["joy", True]}, "HERE labels.1: not text; quotes make it text (got True)"),
        ({"limits": 3}, "HERE limits: not a group of settings (got 3)"),
        ({"types": []}, "HERE types: no instruction type given"),
        (
            {"types": ["reasonning"]},
            "HERE types: unknown instruction type 'reasonning'. Did you mean 'reasoning'?",
        ),
        ({"labels": "plutchik"}, "HERE labels: unknown label set 'plutchik'"),
        ({"limts": {}}, "HERE limts: unknown setting 'limts'. Did you mean 'limits'? Known: backend, "),
        (
            {"limits": {"in_fligth": 3}},
            "HERE limits.in_fligth: unknown setting 'in_fligth'. Did you mean 'in_flight'? Known: in_flight, max_cost",
        ),
        (
            {"model": {"answer_format": "xml"}},
            "HERE model.answer_format: unknown answer format 'xml'. Known: function_call, json_object, ",
        ),
    ],
)
def test_settings_that_cannot_be_used(given: dict[str, Any], expected: str) -> None:
    """What cannot be used is named with its place, the value seen, and the nearest name that is known."""
    with pytest.raises(InputError) as refused:
        read_settings(given, lambda key: f"HERE {key}")
    assert str(refused.value).startswith(expected)


def test_the_backend_is_opened_with_what_was_said() -> None:
    """Every option of a model reaches the backend, with the seed and the number in flight."""
    model = {"temperature": 0.5, "max_tokens": 9, "answer_format": "text", "base_url": ("http://h/v1",)}
    model |= {"api_key_env": "MY_KEY", "timeout_s": 3, "vllm": None}
    given = read_settings({"model": model, "seed": 4, "limits": {"in_flight": 5}})
    run = {"model": None, "seed": 4, "in_flight": 5, "is_trial": False}
    assert backend_options(given).model_dump() == {**model, **run}
