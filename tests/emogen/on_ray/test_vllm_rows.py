"""Requests as rows of Ray's vLLM processor, and what it says of them as answers; nothing here needs Ray."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Emogen

from emogen.backends import BackendOptions
from emogen.backends.openai import OpenAIBackend
from emogen.batch.planned import Failure
from emogen.batch.rows import Missing
from emogen.dialogue import Request
from emogen.errors import InputError
from emogen.journal_entry import Entry
from emogen.on_ray.vllm_rows import answer_of, kept, row_of
from emogen.on_ray.vllm_settings import read_vllm_settings
from emogen.schemas import Message, Prompt

SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "minLength": 3}}}


def row(answer_format: str | None = None, **options: Any) -> dict[str, Any]:
    told = {"model": "m", "vllm": Path("vllm.yaml"), "answer_format": answer_format, "max_tokens": 9}
    backend = OpenAIBackend(BackendOptions.model_validate({**told, **options}))
    ask = Message(role="user", content="Why is it so?")
    prompt = Prompt(record_id="r", instruction="reasoning", messages=(ask,), answer_schema=SCHEMA)
    missing = Missing(b"\1" * 32, Request(prompt, 1, {"parameters": backend.parameters}), waiting=False)
    return row_of(missing, backend)


@pytest.mark.parametrize(
    ("answer_format", "structure"),
    [
        (
            None,
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
        ("json_object", None),
        ("text", None),
    ],
)
def test_a_request(answer_format: str | None, structure: dict[str, Any] | None) -> None:
    """Messages and sampling are those that `vllm serve` would be sent; a schema goes along as text."""
    made = row(answer_format, temperature=0.5)
    assert made["messages"] == [{"role": "user", "content": "Why is it so?"}]
    sampling = made["sampling_params"]
    asked = sampling.pop("structured_outputs")
    assert sampling == {"max_tokens": 9, "seed": 0, "temperature": 0.5}
    if structure:
        assert orjson.loads(asked["json"]) == structure
    else:
        assert asked == ({"json_object": True} if answer_format == "json_object" else None)


def test_what_it_has_not() -> None:
    """Function calls are refused, and so is a model that is served in two ways."""
    with pytest.raises(InputError, match=r"--answer-format: .*no function calls"):
        row("function_call")
    with pytest.raises(InputError, match=r"--vllm: .*in two ways"):
        row(base_url="http://h/v1")


@pytest.mark.parametrize(("made", "ended"), [(5, "stop"), (9, "length")])
def test_an_answer(made: int, ended: str) -> None:
    """What comes out is what the journal keeps of the same request over HTTP; an answer of full length was cut."""
    out = kept(
        {**row(), "generated_text": '{"a": "so"}', "num_input_tokens": 4, "num_generated_tokens": made}
        | {"time_taken_llm": 0.1234, "batch_uuid": "u", "__inference_error__": ""}
    )
    entry = answer_of(out, "m", None)
    assert isinstance(entry, Entry)
    assert (entry.key, entry.record_id, entry.revision, entry.cost) == (b"\1" * 32, "r", 1, None)
    assert entry.context["parameters"]["server"] == "own"
    answer = entry.completion
    assert (answer.text, answer.finish_reason, answer.answer_format) == ('{"a": "so"}', ended, "json_schema")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.latency_s) == (4, made, 0.123)


def test_no_answer() -> None:
    """A row that failed says why, whatever else it lacks."""
    failed = answer_of({**row(), "__inference_error__": "ValueError: too long"}, "m", None)
    assert failed == Failure("engine_error", "ValueError: too long")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bach_size: 4\n", r"vllm.yaml:1: bach_size: there is no such setting.*Known: engine,"),
        ("engine:\n  model: x\n", r"vllm.yaml:2: engine.model: is not said here.*--backend openai:MODEL"),
        ("batch_size: many\n", r"vllm.yaml:1: batch_size: Input should be a valid integer"),
    ],
)
def test_settings_that_cannot_be_used(text: str, expected: str, tmp_path: Path) -> None:
    """What a file says wrong is named with its line."""
    (tmp_path / "vllm.yaml").write_text(text)
    with pytest.raises(InputError, match=expected):
        read_vllm_settings(tmp_path / "vllm.yaml")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "--vllm: is of use only with --engine ray"),
        (["--engine", "ray", "--max-cost", 1], "--vllm: GPUs of your own have no limits"),
        (["--engine", "ray", "--backend", "scripted:answers.jsonl"], "--vllm: Ray's vLLM processor is asked"),
    ],
)
def test_options_that_do_not_go_together(
    words: list[object],
    expected: str,
    emogen: Emogen,
    records_file: Callable[..., Path],
    answers_file: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are refused before a cluster is looked for."""
    monkeypatch.chdir(tmp_path)
    answers_file({"text": "x"})
    (tmp_path / "prices.toml").write_text('as_of = 2026-01-01\n[per_million]\n"m" = [1, 1]\n')
    (tmp_path / "vllm.yaml").touch()
    told = ["generate", records_file(1), "--backend", "openai:m", "--out", "run", "--vllm", "vllm.yaml"]
    ran = emogen(*told, "--prices", "prices.toml", *words)
    assert ran.code == 2
    assert expected in ran.err
