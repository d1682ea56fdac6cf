from __future__ import annotations

import json
from pathlib import Path

import pytest

from emogen.backends import BackendOptions, RequestError, open_backend
from emogen.backends.scripted import ScriptedAnswer, ScriptedBackend
from emogen.errors import InputError
from emogen.schemas import Prompt


def prompt(record_id: str = "a", instruction: str = "reasoning") -> Prompt:
    return Prompt(record_id=record_id, instruction=instruction, messages=())


async def test_each_answer_is_given_once_to_the_first_it_fits() -> None:
    """Answers go to the record and the type that they name, otherwise to whoever asks, each one time."""
    backend = ScriptedBackend(
        [
            ScriptedAnswer(text="for b", record_id="b"),
            ScriptedAnswer(text="for a conversation", instruction="conversation"),
            ScriptedAnswer(text="for anybody", finish_reason="length"),
        ]
    )
    first = await backend.complete(prompt("a"))
    assert (first.text, first.finish_reason) == ("for anybody", "length")
    assert (await backend.complete(prompt("b"))).text == "for b"
    with pytest.raises(RequestError, match="no_scripted_answer: b/reasoning"):
        await backend.complete(prompt("b"))
    assert (await backend.complete(prompt("c", "conversation"))).text == "for a conversation"
    assert [asked.record_id for asked in backend.prompts] == ["a", "b", "b", "c"]


async def test_a_scripted_failure() -> None:
    """An answer with an error fails its request with that reason."""
    backend = ScriptedBackend([ScriptedAnswer(error="server_error", text="HTTP 500")])
    with pytest.raises(RequestError) as caught:
        await backend.complete(prompt())
    assert (caught.value.reason, caught.value.detail) == ("server_error", "HTTP 500")


async def test_a_file_of_answers(tmp_path: Path) -> None:
    """A script is a JSON Lines file; blank lines are none."""
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"text": "héllo"}) + "\n\n", encoding="utf-8")
    backend = open_backend(f"scripted:{path}")
    assert (await backend.complete(prompt())).text == "héllo"
    assert backend.structured is False
    assert backend.parameters["answers"] == "answers.jsonl"
    assert open_backend(f"scripted:{path}", BackendOptions(answer_format="json_schema")).structured is True


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"text": "a"}\n{"text": ', r"answers\.jsonl:2: line: Invalid JSON"),
        (b'{"text": "a"}\nnull', r"answers\.jsonl:2: line: "),
        (b'{"txet": "a"}', r"answers\.jsonl:1: txet: Extra inputs"),
        (b'{"text": "\xff"}', r"answers\.jsonl:1: line: "),
    ],
)
def test_a_broken_script(tmp_path: Path, content: bytes, expected: str) -> None:
    """A line that is no answer is refused with file, line and field."""
    path = tmp_path / "answers.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=expected):
        open_backend(f"scripted:{path}")


def test_no_script(tmp_path: Path) -> None:
    """A missing script, and none at all, are refused with what to name."""
    with pytest.raises(InputError, match=r"scripted:answers\.jsonl"):
        open_backend("scripted")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        open_backend(f"scripted:{tmp_path / 'missing.jsonl'}")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        open_backend(f"scripted:{tmp_path}")
