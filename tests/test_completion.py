"""What a shell offers, as it asks for it."""

from __future__ import annotations

import sys

import pytest
import shellingham

import emogen.cli
import emovit_train.cli
from emogen.completion import choices, names_in, several
from emogen.terminal import run_app

PROGRAMS = {"emogen": emogen.cli.app, "emovit_train": emovit_train.cli.app}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("emogen exp", {"export"}),
        ("emogen generate --backend gpt-6.1-s", {"gpt-6.1-sol"}),
        ("emogen generate --types categorical,re", {"categorical,reasoning"}),
        ("emogen generate --answer-format json", {"json_schema", "json_object"}),
        ("emogen records --preset paper", {"paper-51200"}),
        ("emogen records --split train,v", {"train,val"}),
        ("emogen records --labels mik", {"mikels-8"}),
        ("emogen export --format lavis", {"lavis-llava"}),
        ("emogen validate --format web", {"webdataset"}),
        ("emogen import --format sh", {"sharegpt"}),
        ("emogen dedup --method emb", {"embeddings"}),
        ("emogen batch sub", {"submit"}),
        ("emovit_train train --preset instr", {"instructblip"}),
        ("emovit_train train --schedule l", {"lavis_epoch"}),
        ("emovit_train train --engine l", {"lavis"}),
        ("emovit_train evaluate --as emotion", {"emotion6", "emotionroi"}),
        ("emovit_train evaluate --instruction paper", {"paper-1", "paper-2"}),
        ("emovit_train evaluate --decoding g", {"greedy"}),
        ("emovit_train datasets check --as fi", {"fi"}),
        ("emovit_train reproduce hum", {"humour"}),
        ("emovit_train humour write --device c", {"cpu", "cuda"}),
    ],
)
def test_what_bash_is_offered(
    typed: str, offered: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands, options' choices and the names of tables, several between commas too."""
    program = typed.split()[0]
    monkeypatch.setenv(f"_{program.upper()}_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    monkeypatch.setattr(sys, "argv", ["-m"])
    with pytest.raises(SystemExit):
        run_app(PROGRAMS[program])
    assert set(capsys.readouterr().out.split()) == offered


@pytest.mark.parametrize("program", PROGRAMS)
def test_script_of_a_shell(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--show-completion` prints what is installed, for the program by its own name, run as a module too."""
    # Whether there is a shell above this process is not what is tested.
    monkeypatch.setattr(shellingham, "detect_shell", lambda: ("bash", "bash"))
    monkeypatch.setattr(sys, "argv", ["-m", "--show-completion", "bash"])
    with pytest.raises(SystemExit):
        run_app(PROGRAMS[program])
    script = capsys.readouterr().out
    assert f"_{program.upper()}_COMPLETE=complete_bash" in script
    assert f"complete -o default -F _{program}_completion {program}" in script


def test_a_broken_table_offers_nothing() -> None:
    """A shell that completes shows no traceback; other tables are still read."""
    complete = several(names_in("no_such_module:TABLE", "emogen.labels:LABEL_SETS"))
    assert complete("x,ekm") == ["x,ekman-6"]
    assert choices("one", "other")("o") == ["one", "other"]
