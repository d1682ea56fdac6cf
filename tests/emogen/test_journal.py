"""The journal: what was put is there, whatever happens afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from emogen.errors import EmovitError, InputError
from emogen.journal import Journal
from emogen.journal_entry import Entry, request_key
from emogen.schemas import Completion, GuidedTurn, ImageInput, Message, Prompt, SeenImage, Usage


def entry(number: int = 0, text: str = "an answer", **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "key": number.to_bytes(32, "big"),
        "record_id": f"r{number:04}",
        "instruction": "reasoning",
        "revision": 0,
        "attempts": 1,
        "cost": 0.25,
        "answered_at": 1_790_000_000,
        "completion": Completion(text=text, model="m", usage=Usage(prompt_tokens=3, completion_tokens=2)),
        "context": {"record": {"id": f"r{number:04}"}},
    }
    return Entry(**{**values, **changes})


def stored(path: Path) -> list[Entry]:
    with Journal(path) as journal:
        return list(journal.entries())


async def put_all(journal: Journal, numbers: range) -> list[BaseException | None]:
    return await asyncio.gather(*(journal.put(entry(n)) for n in numbers), return_exceptions=True)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_journal import entry
from emogen.journal import Journal

async def main():
    journal = Journal(Path(sys.argv[1]))
    for number in range(1000):
        await journal.put(entry(number))
        print(number, flush=True)

asyncio.run(main())
"""


def test_what_put_returned_survives_a_kill(tmp_path: Path) -> None:
    """Every answer whose put returned before kill -9 is there afterwards, and the file goes on being usable."""
    path = tmp_path / "j.sqlite"
    words = [sys.executable, "-c", KILLED, str(path), str(Path(__file__).parent)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 20:
                break
        process.kill()
        acknowledged = [int(line), *map(int, process.stdout.read().split())]
    kept = stored(path)
    assert kept[: acknowledged[-1] + 1] == [entry(number) for number in range(acknowledged[-1] + 1)]
    with Journal(path) as journal:
        asyncio.run(journal.put(entry(5000)))
    assert len(stored(path)) == len(kept) + 1


async def test_what_came_after_a_position(tmp_path: Path) -> None:
    """The answers that came after a position are told by record and type, and how long answers are in the mean."""
    with Journal(tmp_path / "j.sqlite") as journal:
        assert (journal.last_position(), journal.mean_answer_tokens()) == (0, {})
        for number in range(3):
            await journal.put(entry(number))
        last = journal.last_position()
        await journal.put(entry(3))
        assert journal.rows_after(last) == {(entry(3).record_id, entry(3).instruction)}
        assert len(journal.rows_after(0)) == 4
        lengths = [entry(number).completion.usage.completion_tokens for number in range(4)]
        (mean,) = journal.mean_answer_tokens().values()
        assert mean == sum(lengths) / len(lengths) > 0


PROMPT = Prompt(
    record_id="r0",
    instruction="reasoning",
    messages=(Message(role="user", content="Why?"),),
    answer_schema={"type": "object", "title": "a"},
    guide=(GuidedTurn(kind="basic", question="What?", openings=("It",), evidence=("dog",)),),
    template_sha256="t",
)


def test_the_same_request_has_the_same_key() -> None:
    """Content alone makes the key: the order of parameters and the hash of the template do not count."""
    key = request_key("m", {"a": 1, "b": 2}, PROMPT)
    assert request_key("m", {"b": 2, "a": 1}, PROMPT.model_copy(update={"template_sha256": "u"})) == key
    assert len(key) == 32


def test_whatever_changes_the_request_changes_the_key() -> None:
    """Model, parameters, message, role, schema, guide, type, record and revision each make another key."""
    message = Message(role="user", content="Why then?")
    system = Message(role="system", content="Why?")
    evidence = (PROMPT.guide[0].model_copy(update={"evidence": ("cat",)}),)
    keys = [
        request_key("m", {"a": 1}, PROMPT),
        request_key("n", {"a": 1}, PROMPT),
        request_key("m", {"a": 2}, PROMPT),
        request_key("m", {"a": 1}, PROMPT, 1),
        *(
            request_key("m", {"a": 1}, PROMPT.model_copy(update=change))
            for change in (
                {"messages": (message,)},
                {"messages": (system,)},
                {"messages": (*PROMPT.messages, *PROMPT.messages)},
                {"answer_schema": None},
                {"guide": ()},
                {"guide": evidence},
                {"instruction": "conversation"},
                {"record_id": "r1"},
            )
        ),
    ]
    assert len(set(keys)) == len(keys) == 12


def shown(**changes: Any) -> Prompt:
    seen = SeenImage(**{"sha256": "aa", "width": 60, "height": 40, "quality": 85, **changes})
    message = PROMPT.messages[0].model_copy(update={"images": (ImageInput(seen, lambda: b"jpeg"),)})
    return PROMPT.model_copy(update={"messages": (message,)})


def test_the_keys_of_requests_without_images_are_kept() -> None:
    """These keys address answers that were paid for: they are written down here, and no change may move them."""
    assert request_key("m", {"a": 1, "b": 2}, PROMPT).hex() == (
        "d6b5d10a4f94b6d5f738457eea784978e4db07fe6242c9572d2e2fb2f011e89b"
    )
    assert request_key("m", {"a": 1, "b": 2}, PROMPT, 1).hex() == (
        "f9a5e66028e4badeca57b9e4fc3272d72846b73837fefd1438b3a056e2435cb2"
    )


def test_an_edited_image_is_another_request() -> None:
    """Whether an image goes along, which, how large and how good, is part of the key; how it is read is not."""
    changes = ({"sha256": "bb"}, {"width": 30}, {"quality": 50})
    prompts = [PROMPT, shown(), *(shown(**change) for change in changes)]
    keys = {request_key("m", {}, prompt) for prompt in prompts}
    assert len(keys) == len(prompts)
    assert request_key("m", {}, shown()) in keys


def test_commits_are_grouped(tmp_path: Path) -> None:
    """Answers that come together share commits of at most 64."""
    with Journal(tmp_path / "j.sqlite") as journal:
        statements: list[str] = []
        journal._writer.set_trace_callback(statements.append)
        assert asyncio.run(put_all(journal, range(320))) == [None] * 320
        commits = sum(statement.startswith("INSERT") for statement in statements)
    assert 320 // 64 <= commits < 60
    assert len(stored(tmp_path / "j.sqlite")) == 320


def test_a_full_disk(tmp_path: Path) -> None:
    """A full disk fails what waits and what comes later, and keeps what was committed before."""
    path = tmp_path / "j.sqlite"
    with Journal(path) as journal:
        asyncio.run(journal.put(entry(0)))
        pages = journal._writer.execute("PRAGMA page_count").fetchone()[0]
        journal._writer.execute(f"PRAGMA max_page_count={pages}")
        for number in (1, 2):
            with pytest.raises(EmovitError, match=r"j\.sqlite: cannot be written: .*full.*Free some space"):
                asyncio.run(journal.put(entry(number, "x" * 100_000)))
        with pytest.raises(EmovitError, match="full"):
            asyncio.run(journal.put(entry(3)))
    assert entry(0) in stored(path)


def test_a_writer_that_breaks_leaves_nobody_waiting(tmp_path: Path) -> None:
    """An answer that SQLite cannot take fails its put instead of ending the thread that all others wait for."""
    with Journal(tmp_path / "j.sqlite") as journal:
        with pytest.raises(EmovitError, match="cannot be written"):
            asyncio.run(asyncio.wait_for(journal.put(entry(0, revision=2**70)), 10))
        with pytest.raises(EmovitError, match="cannot be written"):
            asyncio.run(asyncio.wait_for(journal.put(entry(1)), 10))


@pytest.mark.parametrize("content", [b"this is no database, however long one reads it", None])
def test_no_journal(tmp_path: Path, content: bytes | None) -> None:
    """A file that is something else, and a folder that is not there, are refused with a place and a remedy."""
    path = tmp_path / "j.sqlite" if content else tmp_path / "nowhere" / "j.sqlite"
    if content:
        path.write_bytes(content * 100)
    with pytest.raises(InputError, match=r"j\.sqlite: cannot be opened: .*Name another file"):
        Journal(path)


def test_another_format_version(tmp_path: Path) -> None:
    """A journal of another format version is refused and left as it is."""
    path = tmp_path / "j.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version=7")
    with pytest.raises(InputError, match=r"another version of this program \(format 7\)"):
        Journal(path)


async def test_answers_without_a_time(tmp_path: Path) -> None:
    """A journal of before times were kept opens, and says of its answers that their time is unknown."""
    path = tmp_path / "j.sqlite"
    with Journal(path) as journal:
        await journal.put(entry(0))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(
            "UPDATE answers SET body = CAST(json_remove(CAST(body AS TEXT), '$.answered_at') AS BLOB)"
        )
    with Journal(path) as journal:
        await journal.put(entry(1))
    assert stored(path) == [entry(0, answered_at=None), entry(1)]


def test_a_process_killed_while_it_made_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables and format version are made together or not at all, so that the next run can make them."""
    import emogen.journal

    path = tmp_path / "j.sqlite"
    whole = emogen.journal._SCHEMA
    monkeypatch.setattr(emogen.journal, "_SCHEMA", whole.partition("PRAGMA")[0] + "broken;")
    with pytest.raises(InputError, match="broken"):
        Journal(path)
    monkeypatch.setattr(emogen.journal, "_SCHEMA", whole)
    assert stored(path) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\0b", "a\0b"),
        ("x" * 1_000_000, "x" * 1_000_000),
        (b"bad \xff byte".decode("utf-8", "replace"), "bad \ufffd byte"),
        ("half a smile \ud83d", "half a smile \ufffd"),
        ("[" * 5000, "[" * 5000),
    ],
    ids=["nul", "1 MB", "invalid UTF-8", "lone surrogate", "deeply nested"],
)
def test_odd_answers(tmp_path: Path, text: str, kept: str) -> None:
    """Odd answers come back as they were; half a character, which no file can hold, becomes U+FFFD."""
    path = tmp_path / "j.sqlite"
    with Journal(path) as journal:
        asyncio.run(journal.put(entry(0, text)))
    with Journal(path) as journal:
        found = journal.get(entry(0).key)
    assert found is not None
    assert found.completion.text == kept


def test_an_unknown_request(tmp_path: Path) -> None:
    """What was never asked is None."""
    with Journal(tmp_path / "j.sqlite") as journal:
        assert journal.get(b"?") is None


def test_the_same_answer_twice(tmp_path: Path) -> None:
    """The first answer to a request stands."""
    with Journal(tmp_path / "j.sqlite") as journal:
        asyncio.run(journal.put(entry(0, "first")))
        asyncio.run(journal.put(entry(0, "second")))
        assert [found.completion.text for found in journal.entries()] == ["first"]


def test_a_cancelled_put(tmp_path: Path) -> None:
    """An answer whose put was cancelled is paid for: it is committed, and closing waits for nobody."""

    async def cancel(journal: Journal) -> None:
        task = asyncio.create_task(journal.put(entry(0)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Journal(tmp_path / "j.sqlite") as journal:
        asyncio.run(cancel(journal))
    assert stored(tmp_path / "j.sqlite") == [entry(0)]


def test_close_commits_what_waits(tmp_path: Path) -> None:
    """Closing while puts wait commits them first."""

    async def leave_them() -> None:
        with Journal(tmp_path / "j.sqlite") as journal:
            tasks = [asyncio.create_task(journal.put(entry(number))) for number in range(200)]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(leave_them())
    assert len(stored(tmp_path / "j.sqlite")) == 200


def test_two_event_loops_in_turn(tmp_path: Path) -> None:
    """One journal serves one event loop after another, also where a put of the first was left behind."""

    async def leave_one(journal: Journal) -> None:
        asyncio.get_running_loop().create_task(journal.put(entry(0)))
        await asyncio.sleep(0)

    with Journal(tmp_path / "j.sqlite") as journal:
        asyncio.run(leave_one(journal))
        assert asyncio.run(put_all(journal, range(1, 5))) == [None] * 4
        assert [found.record_id for found in journal.entries()] == [f"r{n:04}" for n in range(5)]


def test_spent(tmp_path: Path) -> None:
    """Costs are summed as they were; answers of then unknown price count by the price that is known now."""
    with Journal(tmp_path / "j.sqlite") as journal:
        asyncio.run(journal.put(entry(0)))
        asyncio.run(journal.put(entry(1, cost=None)))
        assert journal.spent() == 0.25
        assert journal.spent(lambda usage: float(usage.prompt_tokens)) == 3.25
