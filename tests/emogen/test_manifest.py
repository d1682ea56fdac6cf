"""What makes a run repeatable, and what is said when it is repeated."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import Emogen
from openai_stub import OpenAIStub

from emogen.errors import InputError
from emogen.manifest import INPUTS, differences, manifest_of
from emogen.opening import renderer_of
from emogen.settings.reading import read_settings


@pytest.mark.parametrize(("records", "root"), [("data/records.jsonl", "../../data"), ("data", "../../data")])
def test_the_manifest_knows_where_the_images_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: str, root: str
) -> None:
    """`image_root` leads from the run folder to what image paths are relative to, for a file and for a folder."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/records.jsonl").write_text('{"image": "a.jpg"}\n')
    settings = read_settings({"records": records, "out": "runs/one", "types": "reasoning"})
    manifest = manifest_of(settings, None, renderer_of(settings))
    assert manifest["image_root"] == root
    assert set(manifest["templates"]) == set(manifest["seeds"]) == {"reasoning"}
    is_file = Path(records).is_file()
    assert manifest["records_sha256"] == (sha256(Path(records).read_bytes()).hexdigest() if is_file else None)


def test_versions(tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """The manifest names the versions of what the answers and the samples depend on."""
    settings = read_settings({"records": str(records_file()), "out": str(tmp_path / "run")})
    versions = manifest_of(settings, None, renderer_of(settings))["versions"]
    for package in ("emovit-toolkit", "json-repair", "openai", "orjson", "pydantic", "torch", "xllamacpp"):
        assert versions[package] == version(package)


@pytest.fixture
def run(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub) -> Path:
    """Generate a run with settings of every kind."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "reasoning.j2").write_text('{% extends "bundled/reasoning.j2" %}')
    (tmp_path / "prices.toml").write_text('as_of = 2026-01-01\n[per_million]\n"m" = [0.0, 1000.0]\n')
    words = ["generate", records_file(3), "--backend", "openai:m", "--base-url", stub.url, "--limit", 2]
    words += ["--types", "reasoning", "--temperature", 0.5, "--templates", tmp_path / "mine", "--seed", 3]
    words += ["--out", tmp_path / "runs" / "x", "--prices", tmp_path / "prices.toml", "--max-cost", 9]
    ran = emogen(*words, "--labels", "awe,no")
    assert ran.code == 0, ran.err
    return tmp_path / "runs" / "x"


def test_a_run_is_repeated_from_its_manifest(
    emogen: Emogen, tmp_path: Path, run: Path, stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest asks the same of the same model again, from any folder, and the two runs say the same."""
    first = stub.bodies[:]
    monkeypatch.chdir("/")
    ran = emogen("generate", "--config", run / "run.json", "--out", tmp_path / "runs" / "y")
    assert ran.code == 0, ran.err
    assert "not as in" not in ran.err
    assert sorted(map(json.dumps, stub.bodies[len(first) :])) == sorted(map(json.dumps, first))
    x, y = (json.loads((run.parent / name / "run.json").read_text()) for name in ("x", "y"))
    for manifest in (x, y):
        del manifest["created"]
    assert x == y
    assert x["settings"]["records"] == "../../records.jsonl"
    assert x["settings"]["prompts"]["templates"] == "../../mine"


def test_a_moved_run_is_repeated(emogen: Emogen, tmp_path: Path, run: Path, stub: OpenAIStub) -> None:
    """Run folder, records and templates may be moved together."""
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("runs", "records.jsonl", "mine", "prices.toml"):
        (tmp_path / name).rename(moved / name)
    ran = emogen("generate", "--config", moved / "runs" / "x" / "run.json", "--out", moved / "y")
    assert ran.code == 0, ran.err
    assert len(stub.bodies) == 4


def test_a_manifest_goes_on_with_its_own_run(emogen: Emogen, run: Path, stub: OpenAIStub) -> None:
    """Without another --out the manifest's own run goes on."""
    ran = emogen("generate", "--config", run / "run.json", "--limit", 3)
    assert ran.code == 0, ran.err
    assert "kept 3: reasoning 3" in ran.out
    assert len(stub.bodies) == 3


def test_what_has_changed_is_said(emogen: Emogen, tmp_path: Path, run: Path) -> None:
    """Another template, another seed file and another version are each named."""
    (tmp_path / "mine" / "reasoning.j2").write_text('{% extends "bundled/reasoning.j2" %}{# mine #}')
    manifest = json.loads((run / "run.json").read_text())
    manifest["versions"]["pydantic"] = "1.0"
    manifest["seeds"]["reasoning"] = "other"
    (run / "run.json").write_text(json.dumps(manifest))
    ran = emogen("generate", "--config", run / "run.json", "--out", tmp_path / "y")
    assert ran.code == 0, ran.err
    place = f"not as in {run / 'run.json'}: "
    said = [line.partition(place)[2] for line in ran.err.splitlines() if place in line]
    changes = ["other template of reasoning", "other seed examples of reasoning"]
    assert said == [*changes, f"pydantic 1.0, now {version('pydantic')}"]


def test_other_records(emogen: Emogen, tmp_path: Path, run: Path, stub: OpenAIStub) -> None:
    """Records that changed under a manifest stop the run, unless they were named on purpose."""
    with (tmp_path / "records.jsonl").open("a") as records:
        records.write('{"image": "new.jpg", "emotion": "awe"}\n')
    words = ["generate", "--config", run / "run.json", "--out", tmp_path / "y", "--labels", "awe,no"]
    ran = emogen(*words)
    assert ran.code == 2
    assert "records: the records have changed since the run that is to be repeated. Name them" in ran.err
    assert len(stub.bodies) == 2
    assert not (tmp_path / "y").exists()
    ran = emogen(*words, tmp_path / "records.jsonl")
    assert ran.code == 0, ran.err
    assert "the records are other ones" in ran.err


def test_a_folder_of_images_is_not_compared() -> None:
    """Where the records are no file, their sameness is said to be unknown."""
    manifest = {"templates": {}, "seeds": {}, "versions": {}, "git_revision": None}
    manifest |= {f"{name}_sha256": None for name in INPUTS}
    (said,) = differences(manifest, manifest, ())
    assert "not known" in said


@pytest.mark.parametrize("name", INPUTS)
def test_whatever_is_read_is_compared(name: str) -> None:
    """Records, captions and metadata that changed stop the repetition, unless they were named on purpose."""
    now = {"templates": {}, "seeds": {}, "versions": {}, "git_revision": None}
    now |= {f"{other}_sha256": "aa" for other in INPUTS}
    before = {**now, f"{name}_sha256": "bb"}
    with pytest.raises(InputError, match=f"^{name}: the {name} have changed"):
        list(differences(before, now, set(INPUTS) - {name}))
    assert list(differences(before, now, {name})) == [f"the {name} are other ones"]


def test_a_manifest_without_settings(emogen: Emogen, tmp_path: Path) -> None:
    """A manifest that holds no settings is refused, not guessed at."""
    (tmp_path / "run.json").write_text('{"state": "complete", "seed": 0}')
    ran = emogen("generate", "--config", tmp_path / "run.json")
    assert ran.code == 2
    assert "no manifest that holds the settings of its run" in ran.err
