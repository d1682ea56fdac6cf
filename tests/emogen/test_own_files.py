"""A user's own templates and seed examples: what would be passed over is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Emogen

from emogen.errors import UnknownNameError
from emogen.own_files import refuse_unknown_files
from emogen.prompts import PromptRenderer

TYPES = ("conversation", "reasoning")
EXTENDS = '{% extends "bundled/reasoning.j2" %}\n'


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_j2", ".j2").replace("_jsonl", ".jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("kind", "file", "nearest"),
    [
        ("templates", "resoning_j2", "reasoning.j2"),
        ("templates", "bas_j2", "base.j2"),
        ("templates", "guided__reasonings_jsonl", "guided/reasoning.jsonl"),
        ("seeds", "conversations_jsonl", "conversation.jsonl"),
    ],
)
def test_a_misspelt_file(tmp_path: Path, kind: str, file: str, nearest: str) -> None:
    """A file whose name nothing looks for is answered with the nearest that is read."""
    write(tmp_path, **{file: ""})
    with pytest.raises(
        UnknownNameError, match=f"{tmp_path}: unknown file of {kind} .*Did you mean '{nearest}'"
    ):
        refuse_unknown_files(kind, tmp_path, TYPES)


def test_files_that_are_read(tmp_path: Path) -> None:
    """Our names, those of any instruction type, what a template includes, and what is not ours to read are accepted."""
    write(tmp_path, base_j2="", reasoning_j2='{% include "mine.j2" %}', mine_j2="", humor_j2="", README="")
    write(tmp_path, reasoning_jsonl="", guided__humor_jsonl="", guided__notes="", records_jsonl="")
    refuse_unknown_files("templates", tmp_path, [*TYPES, "humor"])
    refuse_unknown_files("seeds", tmp_path, TYPES)
    refuse_unknown_files("seeds", None, TYPES)


def test_the_environments_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the environment names is looked at like one that was given."""
    monkeypatch.setenv("EMOGEN_SEEDS", str(write(tmp_path, reasonning_jsonl="")))
    with pytest.raises(UnknownNameError, match=r"Did you mean .reasoning\.jsonl"):
        refuse_unknown_files("seeds", None, TYPES)


@pytest.mark.parametrize(
    ("template", "nearest"),
    [
        (EXTENDS + "{% block rulez %}Be brief.{% endblock %}", "rules"),
        (EXTENDS + "\n\n{% block contxt %}{% endblock %}", "context"),
        ('{% extends "bundled/base.j2" %}{% block taks %}{% endblock %}', "task"),
    ],
)
def test_a_misspelt_block(tmp_path: Path, template: str, nearest: str) -> None:
    """A block that nothing shows is answered with the nearest that is shown, and its line."""
    renderer = PromptRenderer(write(tmp_path, reasoning_j2=template))
    with pytest.raises(UnknownNameError, match=f"Did you mean '{nearest}'") as refused:
        renderer.template_sha256("reasoning")
    line = 1 + template[: template.index("{% block")].count("\n")
    assert refused.value.where == f"template {tmp_path / 'reasoning.j2'}, line {line}"


@pytest.mark.parametrize(
    "template",
    [
        EXTENDS + "{% block rules %}{% block mine %}Be brief.{% endblock %}{% endblock %}",
        '{% block mine %}{% call message("user") %}Look.{% endcall %}{% endblock %}',
        '{% extends "bundled/" ~ "reasoning.j2" %}{% block anything %}{% endblock %}',
        '{% extends "mine.j2" %}{% block new %}Briefly.{% endblock %}',
    ],
)
def test_blocks_that_are_shown(tmp_path: Path, template: str) -> None:
    """A block inside one of ours, in a template of its own, or in the user's own parent is accepted."""
    mine = EXTENDS + "{% block rules %}{% block new %}{% endblock %}{% endblock %}"
    assert PromptRenderer(write(tmp_path, reasoning_j2=template, mine_j2=mine)).template_sha256("reasoning")


def test_from_the_command_line(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """A misspelt file and a misspelt block end the command before anything is made."""
    own = write(tmp_path / "own", reasoning_j2=EXTENDS + "{% block rulez %}{% endblock %}")
    words = ["generate", records_file(1), "--backend", "openai:m", "--base-url", "http://127.0.0.1:9/v1"]
    words += ["--types", "reasoning", "--templates", own, "--out", tmp_path / "run"]
    ran = emogen(*words)
    assert ran.code == 2
    assert "line 2: unknown block 'rulez'. Did you mean 'rules'?" in ran.err
    write(own, reasonin_j2="")
    ran = emogen(*words)
    assert ran.code == 2
    assert "unknown file of templates 'reasonin.j2'. Did you mean 'reasoning.j2'?" in ran.err
    assert not (tmp_path / "run").exists()
