"""Results of batches, in any order and state, become answers in the journal or failures that are asked again."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from typing import Any

import pytest
from batch_stub import Result, answered, not_run, refused, result
from batch_world import World
from openai_stub import REASONING

from emogen.batch import collecting
from emogen.batch.drafting import Limits
from emogen.batch.planned import Failure, State
from emogen.batch.rows import Missing
from emogen.errors import BackendError
from emogen.journal import Journal
from emogen.journal_entry import Entry
from emogen.schemas import Sample


def reasons(world: World, count: int) -> list[str | None]:
    """Return, for each row that misses an answer, why."""
    rows = [row for row in world.rows(count) if isinstance(row, Missing)]
    return [row.failure.reason if row.failure else None for row in rows]


def test_answers(world: World) -> None:
    """Answers come in any order, go to their own requests, and are paid at the price of a batch."""
    world.submit(5, limits=Limits(requests=2))
    records = {line["custom_id"]: i for i, line in enumerate(_all_requests(world))}
    world.stub.end(answer=lambda i, line: answered(line, f"about {records[line['custom_id']]}"))
    began = int(time.time())
    collections = world.collect()
    assert sum(len(collection.answered) for collection in collections) == 5
    assert world.answers() == {f"r{i}": f"about {i}" for i in range(5)}
    (entry, *_) = world.journal.entries()
    assert (entry.cost, entry.attempts, entry.completion.model) == (0.0025, 1, "stub-model-1")
    # A batch does not say when it made each: what is known is when it was collected.
    assert entry.answered_at is not None
    assert began <= entry.answered_at <= time.time()
    assert entry.context["record"]["id"] == "r0"
    assert {batch.state for batch in world.plans.batches()} == {State.COLLECTED}
    assert list((world.run / "batches").iterdir()) == []


def test_rows_after_collecting(world: World) -> None:
    """What was collected is what the pipeline would have made of the same answers online."""
    world.submit(1)
    world.stub.end()
    world.collect()
    (sample,) = world.rows(1)
    assert isinstance(sample, Sample)
    assert sample.turns[0].answer == json.loads(REASONING)["answer"]
    assert sample.provenance.cost == 0.0025


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_partial_output(world: World, status: Any) -> None:
    """What was answered before a batch expired or was cancelled is kept; the rest is free to be submitted again."""
    world.submit(4)
    world.stub.end(status, lambda i, line: answered(line) if i < 2 else not_run(line, f"batch_{status}"))
    (collection,) = world.collect()
    assert (len(collection.answered), collection.reasons()) == (2, Counter({f"batch_{status}": 2}))
    assert reasons(world, 4) == [f"batch_{status}"] * 2
    assert world.submit(4).requests == 2
    world.stub.end()
    world.collect()
    assert len(world.answers()) == 4
    assert reasons(world, 4) == []


def test_an_expired_batch_without_an_error_file(world: World) -> None:
    """Requests that stand in neither file are failures, too, named after what became of the batch."""
    world.submit(3)
    world.stub.end("expired", lambda i, line: answered(line) if i else None)
    (collection,) = world.collect()
    assert collection.reasons() == Counter(batch_expired=1)
    assert world.submit(3).requests == 1


def test_a_failed_batch(world: World) -> None:
    """A batch that failed as a whole has answered nothing; its errors are kept as the reason."""
    world.submit(2)
    message = "Enqueued token limit reached."
    world.stub.end(
        "failed", lambda i, line: None, errors=[{"code": "token_limit_exceeded", "message": message}]
    )
    (collection,) = world.collect()
    assert collection.reasons() == Counter(batch_failed=2)
    assert set(collection.failures.values()) == {Failure("batch_failed", f"token_limit_exceeded: {message}")}
    assert world.submit(2).requests == 2


def test_requests_that_were_refused(world: World) -> None:
    """Refused requests are failures in whichever file they stand, and are asked again."""
    world.submit(3)
    results: list[Result] = []

    def answer(i: int, line: dict[str, Any]) -> Result:
        results.append([answered(line), refused(line), json.dumps(refused(line, 500)).encode()][i])
        return results[-1]

    world.stub.end(answer=answer)
    (collection,) = world.collect()
    assert collection.reasons() == Counter(bad_request=1, server_error=1)
    assert collection.garbled == []
    assert world.submit(3).requests == 2


def test_garbled_lines(world: World) -> None:
    """A line that cannot be used loses no other: it is reported and kept, and its request is asked again."""
    world.submit(6)
    odd: list[Result] = [
        b'{"custom_id": "half',
        b"\xff\xfe",
        b"",
        json.dumps(answered({"custom_id": "ab" * 32, "body": {"messages": [{"content": ""}]}})).encode(),
    ]
    world.stub.end(answer=lambda i, line: odd[i] if i < 4 else answered(line))
    (collection,) = world.collect()
    assert len(collection.answered) == 2
    assert len(collection.garbled) == 3
    assert "abab" in "".join(collection.garbled)
    kept = collection.unread.read_bytes().splitlines()
    assert sorted(kept) == sorted(line for line in odd if isinstance(line, bytes) and line)
    assert collection.reasons() == Counter(no_answer=4)
    assert world.submit(6).requests == 4


def test_a_body_without_an_answer(world: World) -> None:
    """A result that says 200 and holds no completion is a failure, as it is online."""
    world.submit(2)
    world.stub.end(answer=lambda i, line: result(line, 200, {"choices": []}) if i else answered(line))
    (collection,) = world.collect()
    assert collection.reasons() == Counter(unreadable_reply=1)


def test_an_answer_without_usage(world: World) -> None:
    """Where the provider does not say what was used, tokens and cost are estimates, as online, and marked so."""
    world.submit(2)
    body = {"choices": [{"message": {"content": REASONING}}]}
    world.stub.end(answer=lambda i, line: result(line, 200, body) if i else answered(line))
    (collection,) = world.collect()
    assert collection.estimated == 1
    entries = {entry.completion.usage.estimated: entry for entry in world.journal.entries()}
    assert entries[False].cost == 0.0025
    usage = entries[True].completion.usage
    assert usage.completion_tokens == -(-len(REASONING) // 4)
    assert usage.prompt_tokens > 100
    assert entries[True].cost == pytest.approx(usage.completion_tokens * 0.0005)
    samples = [row for row in world.rows(2) if isinstance(row, Sample)]
    assert sorted(sample.provenance.usage.estimated for sample in samples) == [False, True]
    assert [b'"estimated"' in sample.model_dump_json().encode() for sample in samples].count(True) == 1


def test_a_batch_that_an_earlier_version_submitted(world: World) -> None:
    """Plans of before prompts were counted are read; of such a prompt nobody knows the tokens."""
    world.submit(1)
    with closing(sqlite3.connect(world.plans.path)) as old:
        old.executescript("ALTER TABLE requests DROP COLUMN prompt_tokens; PRAGMA user_version=1;")
    with World(world.run, world.stub) as now:
        now.stub.end(answer=lambda i, line: answered(line))
        now.collect()
        assert len(now.answers()) == 1


def test_an_answer_that_stands_twice(world: World) -> None:
    """Of a request that stands twice in the results, the first answer counts, and a failure beside it does not."""
    world.submit(1)

    def answer(i: int, line: dict[str, Any]) -> Result:
        return b"\n".join(
            json.dumps(one).encode()
            for one in (refused(line), answered(line, "first"), answered(line, "second"))
        )

    world.stub.end(answer=answer)
    (collection,) = world.collect()
    assert world.answers() == {"r0": "first"}
    assert (len(collection.answered), collection.failures) == (1, {})


def test_results_that_are_gone(world: World) -> None:
    """Results that the provider has deleted are said to be gone; nobody waits for them for ever."""
    world.submit(2)
    world.stub.end()
    world.stub.files.clear()
    (collection,) = world.collect()
    assert collection.reasons() == Counter(results_gone=2)
    assert world.submit(2).requests == 2


def test_a_download_that_breaks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that break off end the command; what was read is kept, and the next one loses and pays nothing."""
    monkeypatch.setattr(collecting, "CHUNK", 1)
    world.submit(8)
    world.stub.end()
    world.stub.cut_next_content = True
    with pytest.raises(BackendError, match="unreachable"):
        world.collect()
    assert [batch.state for batch in world.plans.batches()] == [State.CREATED]
    assert 0 < len(world.answers()) < 8
    (collection,) = world.collect()
    assert (len(collection.answered), collection.failures) == (8, {})
    assert len(list(world.journal.entries())) == 8
    assert world.stub.calls.count("create") == 1


def test_a_process_that_ends_while_it_collects(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends between two answers leaves a batch that is collected again, each answer once."""
    world.submit(3)
    world.stub.end()
    real, put = Journal.put, []

    async def ends(self: Journal, entry: Entry) -> None:
        if len(put) == 2:
            raise KeyboardInterrupt
        put.append(entry.key)
        await real(self, entry)

    monkeypatch.setattr(collecting, "CHUNK", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "put", ends)
        with pytest.raises(KeyboardInterrupt):
            world.collect()
    assert len(world.answers()) == 2
    (collection,) = world.collect()
    assert len(collection.answered) == 3
    assert len(list(world.journal.entries())) == 3


def test_a_batch_that_goes_on(world: World) -> None:
    """A batch that has not ended is left alone, and its requests wait."""
    world.submit(2)
    assert world.collect() == []
    assert [row.waiting for row in world.rows(3) if isinstance(row, Missing)] == [True, True, False]


def test_a_correction_goes_into_the_next_batch(world: World) -> None:
    """An answer that cannot be read is shown to the model in a further batch, with what is wrong with it."""
    world.submit(2)
    world.stub.end(answer=lambda i, line: answered(line, None if i else "Certainly."))
    world.collect()
    assert world.submit(2).requests == 1
    (line,) = world.stub.requests("batch_2")
    assert [message["role"] for message in line["body"]["messages"][-2:]] == ["assistant", "user"]
    assert line["body"]["messages"][-2]["content"] == "Certainly."
    world.stub.end()
    world.collect()
    first, second = world.rows(2)
    assert isinstance(first, Sample)
    assert isinstance(second, Sample)
    assert (first.provenance.revision, first.provenance.cost) == (1, 0.005)
    assert second.provenance.revision == 0


def test_what_was_paid_before_the_formats_were_refused(world: World) -> None:
    """Where a run comes down to text, what was asked for as JSON before keeps its answer, and what waits goes on."""
    world.submit(1)
    world.stub.end()
    world.collect()
    world.submit(2)
    (batch,) = world.plans.open_batches()
    refused_formats = {name: "HTTP 400: no" for name in ("json_schema", "function_call", "json_object")}
    with world.plans.transaction():
        world.plans.refuse(refused_formats)
    first, second, third = world.rows(3)
    assert isinstance(first, Sample)
    assert isinstance(second, Missing)
    assert isinstance(third, Missing)
    assert second.waiting
    assert second.key.hex() in world.stub.submitted()
    assert (third.waiting, third.request.prompt.answer_schema) == (False, None)
    assert batch.requests == 1


def _all_requests(world: World) -> list[dict[str, Any]]:
    return [line for batch_id in world.stub.batches for line in world.stub.requests(batch_id)]
