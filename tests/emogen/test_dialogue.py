"""What is asked about one row, and what comes of it, without anybody who answers."""

from __future__ import annotations

import pytest
from openai_stub import REASONING

from emogen.asking import Answered
from emogen.backends import BackendOptions, open_backend
from emogen.dialogue import Dialogue
from emogen.instructions.reasoning import Reasoning
from emogen.judging import Judge
from emogen.prompts import PromptRenderer
from emogen.schemas import Completion, ImageRecord, Rejection, Sample, Usage

RECORD = ImageRecord(id="r0", image="r0.jpg", emotion="awe", caption="A rocket stands on its launch pad.")


def dialogue(corrections: int = 1, tokens_per_row: int | None = None) -> Dialogue:
    backend = open_backend("openai:m", BackendOptions(base_url="http://127.0.0.1:9/v1"))
    judge = Judge()
    return Dialogue(
        RECORD, Reasoning(), PromptRenderer(), backend, judge, corrections, tokens_per_row=tokens_per_row
    )


def answer(text: str, cost: float | None = 0.5, finish_reason: str = "stop") -> Answered:
    return Answered(
        Completion(text=text, model="m-1", finish_reason=finish_reason),
        1,
        cost,
        1_790_000_000,
        replayed=False,
    )


def test_an_answer_that_is_kept() -> None:
    """A readable answer ends the dialogue with a sample that says how it came about."""
    row = dialogue()
    assert row.outcome is None
    assert row.request is not None
    assert row.request.revision == 0
    row.take(answer(REASONING))
    assert row.request is None
    assert isinstance(row.outcome, Sample)
    assert (row.outcome.provenance.model, row.outcome.provenance.cost) == ("m-1", 0.5)


def test_a_correction() -> None:
    """An unreadable answer is shown to the model with what is wrong with it, and both answers are paid for."""
    row = dialogue()
    first = row.request
    row.take(answer("Certainly."))
    second = row.request
    assert first is not None
    assert second is not None
    assert isinstance(row.outcome, Rejection)
    assert second.revision == 1
    assert second.context == first.context
    assert second.prompt.messages[: len(first.prompt.messages)] == first.prompt.messages
    assert [message.role for message in second.prompt.messages[-2:]] == ["assistant", "user"]
    assert second.prompt.messages[-2].content == "Certainly."
    row.take(answer(REASONING))
    assert row.request is None
    assert isinstance(row.outcome, Sample)
    assert (row.outcome.provenance.revision, row.outcome.provenance.cost) == (1, 1.0)


@pytest.mark.parametrize(
    ("corrections", "finish_reason", "reason"),
    [(0, "stop", "unreadable"), (1, "length", "truncated"), (1, "refusal", "refusal")],
)
def test_what_no_correction_mends(corrections: int, finish_reason: str, reason: str) -> None:
    """Where the answer was cut off or refused, or no corrections are wanted, nothing more is asked."""
    row = dialogue(corrections)
    row.take(answer("Certainly.", finish_reason=finish_reason))
    assert row.request is None
    assert isinstance(row.outcome, Rejection)
    assert row.outcome.reason == reason


def test_an_unknown_price() -> None:
    """What one answer cost is unknown, so what the row cost is, too."""
    row = dialogue()
    row.take(answer(REASONING, cost=None))
    assert isinstance(row.outcome, Sample)
    assert row.outcome.provenance.cost is None


def taking(prompt_tokens: int, completion_tokens: int) -> Answered:
    usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    return Answered(
        Completion(text="Certainly.", model="m-1", usage=usage), 1, 0.5, 1_790_000_000, replayed=False
    )


@pytest.mark.parametrize(("tokens_per_row", "corrected"), [(2299, False), (2300, True), (None, True)])
def test_a_row_has_a_budget_of_tokens(tokens_per_row: int | None, corrected: bool) -> None:
    """A correction that would exceed the budget is not asked for; the rejection stands, and says so."""
    row = dialogue(tokens_per_row=tokens_per_row)
    row.take(taking(1000, 100))
    assert (row.request is not None) is corrected
    assert isinstance(row.outcome, Rejection)
    assert row.outcome.reason == "unreadable"
    assert ("not asked again: " in row.outcome.detail) is not corrected
    assert ("about 2,300 tokens, over --tokens-per-row" in row.outcome.detail) is not corrected


def test_the_budget_counts_every_request() -> None:
    """What was taken before counts, too: a later correction is over the budget that the first ones were within."""
    row = dialogue(corrections=3, tokens_per_row=4000)
    row.take(taking(1000, 100))
    row.take(taking(1200, 100))
    assert row.request is not None
    row.take(taking(1200, 100))
    assert row.request is None
    assert isinstance(row.outcome, Rejection)
    assert "about 5,100 tokens" in row.outcome.detail


def test_one_cost_of_several_is_unknown() -> None:
    """Where nobody knows what the first answer cost, what the row cost is unknown, whatever the second one did."""
    row = dialogue()
    row.take(answer("Certainly.", cost=None))
    row.take(answer(REASONING))
    assert isinstance(row.outcome, Sample)
    assert row.outcome.provenance.cost is None
