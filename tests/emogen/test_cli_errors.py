"""Everything a new user gets wrong: a short error with the place and the remedy, and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen, Ran
from openai_stub import OpenAIStub, Reply

INPUT, BACKEND, USAGE = 2, 4, 2


def refused(ran: Ran, code: int, *expected: str) -> None:
    """The command failed with `code` and one line that holds all of `expected`."""
    assert ran.code == code, ran.err
    (line,) = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    for text in expected:
        assert text in line, line
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, ["missing.jsonl", "no such file", "emogen describe"]),
        (b"", ["records.jsonl", "empty"]),
        (b"\n\n", ["records.jsonl", "empty"]),
        (b'{"image": "a.jpg"\n', ["records.jsonl:1", "not valid JSON"]),
        (b'["a.jpg"]\n', ["records.jsonl:1", "not a JSON object"]),
        (b'{"caption": "x"}\n', ["records.jsonl:1", "'image' is missing"]),
        (b'{"image": "a.jpg", "emotoin": "awe"}\n', ["records.jsonl:1", "Did you mean 'emotion'"]),
        (b'{"image": "a.jpg", "emotion": "joy"}\n', ["records.jsonl:1", "'joy'", "awe"]),
        (b'{"image": "a.jpg", "labels": "plutchik"}\n', ["records.jsonl:1", "'plutchik'", "mikels-8"]),
        (b'{"image": "a\xff.jpg"}\n', ["records.jsonl:1", "UTF-8"]),
    ],
)
def test_records_that_cannot_be_used(
    emogen: Emogen, tmp_path: Path, content: bytes | None, expected: list[str]
) -> None:
    """A records file that is missing, empty, broken or wrong is named with its line and the remedy."""
    path = tmp_path / ("missing.jsonl" if content is None else "records.jsonl")
    if content is not None:
        path.write_bytes(content)
    ran = emogen("generate", path, "--types", "categorical", "--out", tmp_path / "run")
    refused(ran, INPUT, *expected)


def test_a_broken_line_loses_nothing_before_it(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]
) -> None:
    """What was made of the lines before a broken one is kept, and made no second time once it is mended."""
    path = records_file(3)
    good = path.read_text()
    path.write_text(good + "{broken\n")
    words = ["generate", path, "--types", "categorical", "--out", tmp_path / "run"]
    refused(emogen(*words), INPUT, "records.jsonl:4", "not valid JSON")
    samples = tmp_path / "run" / "samples.jsonl"
    before = samples.read_bytes()
    assert before.count(b"\n") == 3
    path.write_text(good + '{"image": "r3.jpg", "emotion": "awe"}\n')
    assert emogen(*words).code == 0
    assert samples.read_bytes().startswith(before)
    assert samples.read_bytes().count(b"\n") == 4


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--backend", "opnai:gpt-6-luna"], INPUT, ["unknown backend or model 'opnai", "openai"]),
        (["--backend", "gpt-6-lunar"], INPUT, ["'gpt-6-lunar'", "Did you mean 'gpt-6-luna'"]),
        (["--backend", "openai"], INPUT, ["openai needs a model"]),
        (["--backend", "gpt-6-luna"], BACKEND, ["no key", "OPENAI_API_KEY", "export"]),
        (["--backend", "gpt-6-luna", "--api-key-env", "MY_KEY"], BACKEND, ["no key", "MY_KEY"]),
        (["--backend", "gpt-4"], BACKEND, ["gpt-4 has not been served", "gpt-6.1-sol", "--base-url"]),
        (["--backend", "openai:m", "--base-url", "localhost"], INPUT, ["--base-url", "http://host:port/v1"]),
        (["--backend", "scripted:nothing.jsonl"], INPUT, ["nothing.jsonl", "cannot be read"]),
        (["--backend", "embedded:llama"], INPUT, ["not 'llama'"]),
        (["--types", "categorial"], INPUT, ["'categorial'", "Did you mean 'categorical'"]),
        (["--types", " , "], INPUT, ["--types"]),
        (["--answer-format", "xml"], INPUT, ["'xml'", "json_schema"]),
        (["--types", "categorical", "--labels", "plutchik"], INPUT, ["'plutchik'", "mikels-8"]),
        (["--types", "categorical", "--labels", "joy,fear"], INPUT, ["records.jsonl:1", "'awe'", "joy"]),
        (["--templates", "nowhere"], INPUT, ["--templates", "nowhere"]),
        (["--seeds", "nowhere"], INPUT, ["--seeds", "nowhere"]),
    ],
)
def test_options_that_cannot_be_used(
    emogen: Emogen,
    tmp_path: Path,
    records_file: Callable[..., Path],
    options: list[str],
    code: int,
    expected: list[str],
) -> None:
    """A wrong name or value is one line that holds it and what to write instead."""
    refused(emogen("generate", records_file(1), "--out", tmp_path / "run", *options), code, *expected)


def test_no_backend_lists_the_choices(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]
) -> None:
    """Without `--backend` the error lists the backends with a line each."""
    ran = emogen("generate", records_file(1), "--out", tmp_path / "run")
    assert ran.code == INPUT
    assert "error: no backend given" in ran.err
    for name in ("embedded", "openai", "scripted"):
        assert f"\n  {name} " in ran.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "option",
    [
        ("--limit", "-1"),
        ("--limit", "0"),
        ("--max-tokens", "-5"),
        ("--temperature", "-0.1"),
        ("--temperature", "warm"),
        ("--in-flight", "0"),
        ("--timeout", "0"),
        ("--examples", "-1"),
    ],
)
def test_numbers_out_of_range(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], option: tuple[str, str]
) -> None:
    """A number that makes no sense is refused with its option."""
    ran = emogen("generate", records_file(1), "--out", tmp_path / "run", *option)
    assert ran.code == USAGE
    assert option[0] in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "run").exists()


def test_out_is_no_folder(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """A file in the place of the run folder, above it, and none at all are refused."""
    file = tmp_path / "file"
    file.write_text("mine")
    words = ["generate", records_file(1), "--types", "categorical"]
    refused(emogen(*words, "--out", file), INPUT, str(file), "is a file, and not a run folder")
    refused(emogen(*words, "--out", file / "run"), INPUT, str(file), "cannot be written")
    refused(emogen(*words), INPUT, "--out")
    assert file.read_text() == "mine"


def test_another_run_in_the_folder(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """A folder with a run of other settings is refused, naming the setting."""
    words = ["generate", records_file(1), "--types", "categorical", "--out", tmp_path / "run"]
    assert emogen(*words).code == 0
    refused(emogen(*words, "--seed", "1"), INPUT, "seed was 0 and is 1", "--overwrite")
    assert emogen(*words, "--seed", "1", "--overwrite").code == 0


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(401, {"error": {"message": "Incorrect API key provided"}}), ["refused the key", "Incorrect"]),
        (Reply(404, {"error": {"message": "no such model"}}), ["does not serve 'm'", "no such model"]),
        (
            Reply(400, {"error": {"message": "bad field"}}),
            ["not one of 2 requests was answered", "bad field"],
        ),
    ],
)
def test_a_server_that_refuses(
    emogen: Emogen,
    tmp_path: Path,
    records_file: Callable[..., Path],
    stub: OpenAIStub,
    reply: Reply,
    expected: list[str],
) -> None:
    """A server that answers nothing ends the command with its reason; what needs no model is kept."""
    stub.default = reply
    words = ["generate", records_file(2), "--types", "categorical,reasoning", "--out", tmp_path / "run"]
    refused(emogen(*words, "--backend", "openai:m", "--base-url", stub.url), BACKEND, *expected)
    assert (tmp_path / "run" / "samples.jsonl").read_text().count("categorical") >= 2


def test_nothing_selected(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """Where the selection leaves no record, generating fails with that, and not with reasons that are not there."""
    words = ["generate", records_file(2), "--split", "test", "--types", "categorical"]
    refused(emogen(*words, "--out", tmp_path / "run"), 1, "records.jsonl: not a single record is selected")


def test_nothing_kept(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """A run that kept nothing fails, and says where the reasons are."""
    ran = emogen(
        "generate", records_file(1, emotion=None), "--types", "categorical", "--out", tmp_path / "run"
    )
    refused(ran, 1, "nothing was kept", "rejections.jsonl")
    assert "no_emotion 1" in ran.out


def run_folder(emogen: Emogen, tmp_path: Path, records: Path) -> Path:
    assert emogen("generate", records, "--types", "categorical", "--out", tmp_path / "run").code == 0
    return tmp_path / "run"


def test_export_of_nothing(emogen: Emogen, tmp_path: Path) -> None:
    """A run that is not there, and one without samples, are refused with the command that makes some."""
    out = ["--format", "llava", "--out", tmp_path / "out.json"]
    refused(emogen("export", tmp_path / "nowhere", *out), INPUT, "nowhere", "emogen generate")
    (tmp_path / "empty").mkdir()
    refused(emogen("export", tmp_path / "empty", *out), INPUT, "empty", "emogen generate")
    (tmp_path / "empty" / "samples.jsonl").touch()
    refused(emogen("export", tmp_path / "empty", *out), INPUT, "no samples to export")
    assert not (tmp_path / "out.json").exists()


def test_export_errors(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """An unknown format, a broken sample and a place that cannot be written are refused with their names."""
    run = run_folder(emogen, tmp_path, records_file(1))
    out = tmp_path / "out.json"
    ran = emogen("export", run, "--format", "lava", "--out", out)
    refused(ran, INPUT, "'lava'", "Did you mean 'llava'", "instructblip")
    refused(emogen("export", run, "--format", "llava", "--out", tmp_path), INPUT, str(tmp_path), "a folder")
    with (run / "samples.jsonl").open("a") as samples:
        samples.write('{"record": {"id": "r1"}}\n')
    ran = emogen("export", run, "--format", "llava", "--out", out)
    refused(ran, INPUT, "samples.jsonl:2", "Mend or remove this line")
    assert not out.exists()


@pytest.mark.parametrize("field", ["seeds", "templates"])
def test_broken_examples_and_templates(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], field: str
) -> None:
    """A broken file in the user's own folder of templates or examples is named with its line."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "reasoning.jsonl").write_text("{broken\n")
    (own / "reasoning.j2").write_text("{% if %}\n")
    words = ["generate", records_file(1), "--types", "reasoning", "--out", tmp_path / "run"]
    ran = emogen(*words, "--backend", "embedded", "--show-prompt", f"--{field}", own)
    refused(ran, INPUT, "reasoning.jsonl:1" if field == "seeds" else "reasoning.j2, line 1")


def test_a_folder_of_images_as_records(emogen: Emogen, tmp_path: Path) -> None:
    """A folder of images is as good as a records file, and the manifest leads to the images."""
    (tmp_path / "photos" / "awe").mkdir(parents=True)
    (tmp_path / "photos" / "awe" / "a.jpg").touch()
    ran = emogen("generate", tmp_path / "photos", "--types", "categorical", "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    manifest: dict[str, Any] = json.loads((tmp_path / "run" / "run.json").read_text())
    sample = json.loads((tmp_path / "run" / "samples.jsonl").read_text())
    assert (tmp_path / "run" / manifest["image_root"] / sample["record"]["image"]).is_file()


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (("--in-flight", "0"), "--in-flight: not above 0 (got 0)"),
        (("--temperature", "2.5"), "--temperature: above 2 (got 2.5)"),
        (("--timeout", "-1"), "--timeout: not above 0 (got -1.0)"),
        (("--max-cost", "nan"), "--max-cost: not a number (got nan)"),
        (("--types", "poem"), "--types: unknown instruction type 'poem'"),
    ],
)
def test_an_option_is_named_as_it_was_written(
    emogen: Emogen, records_file: Callable[..., Path], option: tuple[str, str], expected: str
) -> None:
    """A value that cannot be used is named by its option, not by the setting behind it."""
    refused(emogen("generate", records_file(1), *option), INPUT, f"error: {expected}")


def test_no_records(emogen: Emogen, tmp_path: Path) -> None:
    """Without records the error says how to name them."""
    refused(emogen("generate", "--types", "categorical", "--out", tmp_path), INPUT, "no records given")
