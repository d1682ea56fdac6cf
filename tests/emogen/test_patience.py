"""A run that no request will succeed in ends early, asks nothing twice that was answered, and says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen, Ran
from openai_stub import OpenAIStub, Reply

from emogen.backends import RequestError
from emogen.backends.scripted import ScriptedBackend
from emogen.errors import BackendError
from emogen.patience import FAILURES, REFUSALS, RESUMED, Patience

UNKNOWN = (
    "/chat/completions: Invalid model name passed in model=m, request {}. Call `/v1/models` to view them."
)
FILTERED = {"error": {"message": "The prompt triggered the filter.", "code": "content_filter"}}
IN_FLIGHT = 4

Run = Callable[..., Ran]


def count_until_hopeless(patience: Patience, errors: list[RequestError]) -> int | None:
    """Return how many failures it takes; None where these are not enough."""
    for number, error in enumerate(errors, 1):
        try:
            patience.failed(error)
        except BackendError:
            return number
    return None


def refusals(count: int) -> list[RequestError]:
    return [RequestError("bad_request", f"HTTP 400: {UNKNOWN.format(number)}") for number in range(count)]


@pytest.mark.parametrize(
    ("errors", "after"),
    [
        ([RequestError("server_error", "HTTP 500")] * 200, FAILURES),
        (refusals(200), REFUSALS),
        ([RequestError("bad_request", f"HTTP 400: caption {'x' * n} is bad") for n in range(70)], None),
        ([RequestError("content_filter", "HTTP 400")] * 200, None),
        ([RequestError("content_filter", "HTTP 400")] * 100 + refusals(50), 100 + REFUSALS),
    ],
    ids=["failures", "alike but for numbers", "each its own", "filtered", "mixed"],
)
def test_how_many_failures_are_enough(errors: list[RequestError], after: int | None) -> None:
    """Few failures of the server, more refusals of one kind; refusals of single prompts never."""
    backend = ScriptedBackend([])
    assert count_until_hopeless(Patience(backend), errors) == after
    answered = Patience(backend)
    answered.answered = True
    assert count_until_hopeless(answered, errors) is None


def test_a_run_that_goes_on_has_more_patience() -> None:
    """What failed before is asked first; so is what an old journal does not answer."""
    resumed, replayed = Patience(ScriptedBackend([]), resumed=True), Patience(ScriptedBackend([]))
    replayed.replayed = True
    for patience in (resumed, replayed):
        assert count_until_hopeless(patience, refusals(200)) == RESUMED


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("timeout", "--timeout"),
        ("content_filter", "leave them out, or ask another model"),
        ("bad_request", "the model's name"),
    ],
)
def test_what_to_do_depends_on_what_went_wrong(reason: str, advice: str) -> None:
    """A server that is too slow, one that filters, and one that refuses are mended in different ways."""
    patience = Patience(ScriptedBackend([]))
    patience.failed(RequestError(reason, "HTTP 400"))
    error = patience.nothing_answered()
    assert error is not None
    assert error.remedy is not None
    assert advice in error.remedy


@pytest.fixture
def run(emogen: Emogen, stub: OpenAIStub, tmp_path: Path, records_file: Callable[..., Path]) -> Run:
    words = ["generate", records_file(100), "--types", "categorical,reasoning", "--in-flight", IN_FLIGHT]
    words += ["--backend", "openai:m", "--base-url", stub.url, "--out", tmp_path / "run"]
    return lambda *more: emogen(*words, *more)


def reasons(run: Path) -> list[str]:
    return [json.loads(line)["reason"] for line in (run / "rejections.jsonl").read_text().splitlines()]


def test_an_unknown_model_behind_a_proxy(run: Run, stub: OpenAIStub, tmp_path: Path) -> None:
    """400 upon 400 ends the run with what was said, where, and what to do; once mended, all rows are asked."""

    def refuse(body: dict[str, Any]) -> Reply:
        return Reply(400, {"error": {"message": UNKNOWN.format(len(stub.bodies)), "code": "400"}})

    stub.rule = refuse
    ran = run()
    assert ran.code == 4
    assert f"error: m at {stub.url}: not one of {REFUSALS} requests was answered" in ran.err
    assert "Invalid model name passed in model=m" in ran.err
    assert "--base-url" in ran.err
    assert REFUSALS <= len(stub.bodies) <= REFUSALS + 3 * IN_FLIGHT
    # The same again: nothing that was refused counts as done.
    asked = len(stub.bodies)
    assert run().code == 4
    assert len(stub.bodies) <= asked + REFUSALS + 3 * IN_FLIGHT
    stub.rule = lambda body: None
    asked = len(stub.bodies)
    ran = run()
    assert ran.code == 0, ran.err
    assert len(stub.bodies) == asked + 100
    assert reasons(tmp_path / "run") == []
    assert len((tmp_path / "run" / "samples.jsonl").read_text().splitlines()) == 200


def test_prompts_that_a_filter_stops(run: Run, stub: OpenAIStub, tmp_path: Path) -> None:
    """What a provider's filter stops is the row's own matter: the others are asked."""
    stub.plan = [Reply(400, FILTERED)] * 40
    ran = run()
    assert ran.code == 0, ran.err
    assert len(stub.bodies) == 100
    assert reasons(tmp_path / "run") == ["content_filter"] * 40
    # They are asked again, and that they are stopped once more is no failure of the run.
    stub.default = Reply(400, FILTERED)
    assert run().code == 0
    assert len(stub.bodies) == 140
