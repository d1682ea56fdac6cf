"""Run files: what they hold, where their paths lead, and what they must not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emogen.errors import InputError
from emogen.run_file import read_run_file
from emogen.settings import RunSettings, setting_fields
from emogen.settings.reading import read_settings

EXAMPLE = Path(__file__).parents[3] / "examples" / "run.yaml"
SECRET = "sk-planted-0123456789abcdef"


def settings_of(path: Path) -> RunSettings:
    file = read_run_file(path)
    return read_settings(file.given, file.place)


def test_the_example() -> None:
    """The example is a run file as it stands, and names every setting."""
    settings = settings_of(EXAMPLE)
    assert settings.records == EXAMPLE.parent / "records.jsonl"
    assert (settings.limit, settings.limits.max_cost) == (20, 20.0)
    text = EXAMPLE.read_text()
    assert [key for key, _ in setting_fields() if f"{key[-1]}:" not in text] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "run.yaml",
            "records: r.jsonl\nmodel:\n  temperature: 0.5\nlabels: [joy, no]\nlimits: {in_flight: 8}\n",
        ),
        ("run.yml", "{records: r.jsonl, model: {temperature: .5}, labels: 'joy,no', limits: {in_flight: 8}}"),
        (
            "run.toml",
            'records = "r.jsonl"\nlabels = ["joy", "no"]\nlimits.in_flight = 8\n[model]\ntemperature = 0.5\n',
        ),
    ],
)
def test_one_run_in_every_language(tmp_path: Path, name: str, text: str) -> None:
    """The same settings are the same run, in whichever language they are written."""
    path = tmp_path / name
    path.write_text(text)
    wanted = {"records": tmp_path / "r.jsonl", "model": {"temperature": 0.5}, "labels": ["joy", "no"]}
    assert settings_of(path) == RunSettings.model_validate({**wanted, "limits": {"in_flight": 8}})


def test_paths_lead_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths lead from the file's folder, wherever the command is given; others stay as they are."""
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "runs").mkdir()
    path = tmp_path / "runs" / "run.yaml"
    path.write_text(
        "records: ../r.jsonl\nout: /tmp/out\nbackend: scripted:answers.jsonl\n"
        "prices: ~/prices.toml\nprompts: {templates: mine, seeds: mine}\n"
    )
    settings = settings_of(path)
    folder = tmp_path / "runs"
    assert (settings.records, settings.out) == (folder / "../r.jsonl", Path("/tmp/out"))
    assert settings.backend == f"scripted:{folder / 'answers.jsonl'}"
    assert settings.prices == Path("/home/me/prices.toml")
    assert settings.prompts.templates == settings.prompts.seeds == folder / "mine"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("run.yaml", "# a\nlimits:\n  in_flight: 0\n", ":3: limits.in_flight: not above 0 (got 0)"),
        ("run.toml", "# a\n[limits]\nin_flight = 0\n", ":3: limits.in_flight: not above 0 (got 0)"),
        ("run.yaml", "seed: 1\nlimts: {}\n", ":2: limts: unknown setting 'limts'. Did you mean 'limits'?"),
        (
            "run.toml",
            "max_cost = 3\n",
            ":1: max_cost: 'max_cost' has another place. Write it as limits.max_cost.",
        ),
        ("run.yaml", "labels: [joy, true]", ":1: labels.1: not text; quotes make it text (got True)"),
        ("run.yaml", "labels: [[joy, fear]]", ":1: labels.0: not text; quotes make it text. Mend"),
        ("run.yaml", "- records: r.jsonl\n", ": holds no settings. Write them as NAME: VALUE"),
        ("run.yaml", "", ": holds no settings."),
        ("run.ini", "", ": unknown kind of run file '.ini'. Known: .json, .toml, .yaml, .yml."),
        ("run.json", "{}", ": is no manifest that holds the settings of its run."),
        ("run.json", "{", ": is no manifest that holds the settings of its run."),
        ("run.json", '{"settings": {"seed": "x"}}', ": settings.seed: not a whole number (got x)"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, text: str, expected: str) -> None:
    """What cannot be used is named with its file, its line and its dotted key."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        settings_of(path)
    assert str(refused.value).startswith(f"{path}{expected}")


def test_no_such_file(tmp_path: Path) -> None:
    """A file that is not there, or is no text, is refused."""
    with pytest.raises(InputError, match="No such file"):
        read_run_file(tmp_path / "run.yaml")
    (tmp_path / "run.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(InputError, match="not UTF-8"):
        read_run_file(tmp_path / "run.toml")


@pytest.mark.parametrize(
    "text",
    [
        f"model:\n  api_key: {SECRET}\n",
        f"seed: 1\nOPENAI_API_KEY: {SECRET}\n",
        f"model:\n  api-key: {SECRET}\n",
        f"model:\n  token: {SECRET}\n",
        f"model:\n  api_key_env: {SECRET}\n",
        f"model:\n  api_key_env: {SECRET.replace('-', '') * 2}\n",
        f"model:\n  api_key_env: [{SECRET}]\n",
        f"model:\n  seed: {SECRET}\n",
        f"model:\n  max_tokens: 3\n  api_key: {SECRET}\n  api_key: {SECRET}\n",
        f"model: [{SECRET}]\n",
    ],
)
def test_a_secret_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    """A key to a service in the file is an error that names its line, and never the key."""
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        settings_of(path)
    assert "planted" not in f"{refused.value!r} {refused.value} {refused.value.__cause__}"
    assert str(refused.value).startswith(f"{path}:")


def test_a_document_that_holds_itself(tmp_path: Path) -> None:
    """A YAML document whose parts repeat each other without end is refused like any other."""
    path = tmp_path / "run.yaml"
    path.write_text("model: &m\n  inner: *m\n")
    with pytest.raises(InputError, match=r":2: model\.inner: unknown setting"):
        settings_of(path)
    doubled = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))
    path.write_text(f"a0: &a0 [x]\n{doubled}\n")
    with pytest.raises(InputError, match="unknown setting"):
        settings_of(path)


def test_a_manifest(tmp_path: Path) -> None:
    """The settings in a manifest are read like those of a run file."""
    path = tmp_path / "run.json"
    path.write_text(
        json.dumps({"state": "complete", "settings": {"records": "../r.jsonl", "out": ".", "limit": None}})
    )
    settings = settings_of(path)
    assert (settings.records, settings.out, settings.limit) == (tmp_path / "../r.jsonl", tmp_path, None)


def test_a_data_set_of_the_hub_is_no_path(tmp_path: Path) -> None:
    """The name of a data set on the Hub stays as it is, and a selection is said in the group `data`."""
    path = tmp_path / "run.yaml"
    path.write_text("records: hf:me/tiny\ndata: {sample: 5%, captions: captions.json}\n")
    settings = settings_of(path)
    assert str(settings.records) == "hf:me/tiny"
    assert (settings.data.sample, settings.data.captions) == ("5%", tmp_path / "captions.json")
