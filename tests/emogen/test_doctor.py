"""`emogen doctor`: it sees what is there, says what is not, and never a secret."""

from __future__ import annotations

import json
import sys
import tomllib
from email.message import Message
from pathlib import Path

import pytest
from command_line import Emogen

from emogen import doctor
from emogen.doctor import EXTRAS, KEYS, findings

ROOT = Path(__file__).parents[2]
SECRET = "sk-planted-0123456789"


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for a GPU takes seconds; it has a test of its own."""
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)


def test_every_extra_is_explained() -> None:
    """What pip can be asked for is what the doctor looks for."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert EXTRAS.keys() == extras.keys() - {"dev"}


def test_one_screen_without_a_secret(emogen: Emogen, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it fits a screen; keys are set or not, and no part of them is shown."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("HF_TOKEN", "  ")
    for words in ((), ("--json",)):
        ran = emogen("doctor", *words)
        assert ran.code == 0
        assert "sk-" not in ran.out + ran.err
        assert "planted" not in ran.out + ran.err
    found = {one["name"]: one for one in json.loads(ran.out)["findings"]}
    assert found["OPENAI_API_KEY"]["said"] == "set"
    assert found["HF_TOKEN"]["said"] == "not set"
    assert KEYS.keys() <= found.keys()
    lines = emogen("doctor").out.splitlines()
    assert len(lines) <= 40
    assert any(line.startswith("+ key     OPENAI_API_KEY") for line in lines)


def test_missing_packages_are_named_with_what_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra without its package, or with too old a one, says so, what it would enable and the command."""
    wanted = [
        "thing>=2; extra == 'dedup'",
        "other; extra == 'report'",
        "pydantic>=1; extra == 'see'",
        "pydantic",
    ]
    monkeypatch.setattr(doctor, "requires", lambda name: wanted)
    installed = {"thing": "1.9", "pydantic": "2.0", doctor.DISTRIBUTION: "0.1"}

    def version(name: str) -> str:
        if name not in installed:
            raise doctor.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(doctor, "version", version)
    known = Message()
    for extra in ("dedup", "report", "see"):
        known["Provides-Extra"] = extra
    monkeypatch.setattr(doctor, "metadata", lambda name: known)
    found = {one.name: one for one in findings() if one.group == "extra"}
    assert (found["dedup"].state, found["dedup"].said) == ("missing", "thing>=2 (1.9 is installed)")
    assert (found["report"].state, found["report"].said) == ("missing", "other")
    assert found["report"].remedy == "pip install '.[report]'"
    assert found["report"].enables == "emogen report, card, review"
    assert found["see"].state == "ok"
    assert (found["local"].state, found["local"].said) == ("missing", "newer than what is installed")


def test_places_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache that cannot be, and a folder of templates that is not there, are told apart from missing ones."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("EMOGEN_TEMPLATES", str(tmp_path / "none"))
    found = {one.name: one for one in findings() if one.group == "place"}
    assert found["Hub's cache"].state == "broken"
    assert found["templates"].state == "broken"
    assert found["seeds"].state == "ok"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "new"))
    found = {one.name: one for one in findings() if one.group == "place"}
    assert found["Hub's cache"].state == "ok"
    assert not (tmp_path / "new").exists()


def test_a_torch_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken torch is a finding, not the end."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(doctor, "find_spec", lambda name: object() if name == "torch" else None)
    monkeypatch.setattr(doctor, "_own_cache", lambda: None)
    (device,) = [one for one in findings() if one.group == "device"]
    assert device.state == "broken"
    assert "torch cannot be loaded" in device.said
