"""`emogen validate`: what it says of anybody's file, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Emogen

from emogen.exporters import EXPORTERS

GOOD = {"id": "a", "conversations": [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "A."}]}
BAD = {"id": "b", "conversations": [{"from": "gpt", "value": "A."}]}


def write(path: Path, *rows: object) -> Path:
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    return path


def test_a_file_that_loads_is_said_to_load(emogen: Emogen, tmp_path: Path) -> None:
    """Exit code 0, and how many rows there are."""
    ran = emogen("validate", write(tmp_path / "train.json", GOOD, GOOD), "--format", "llava")
    assert (ran.code, ran.out) == (0, "loads as llava: 2 rows\n")


def test_each_problem_is_a_line_with_place_field_rule_and_remedy(emogen: Emogen, tmp_path: Path) -> None:
    """Exit code 1; the file, line and row, the field, what must be, and what to do."""
    path = write(tmp_path / "train.json", GOOD, BAD)
    ran = emogen("validate", path, "--format", "llava")
    assert ran.code == 1
    first, second = ran.out.splitlines()
    assert first.startswith(f"{path}:3: row 1: conversations[0].from must be 'human', not 'gpt'")
    assert first.endswith("Let human and gpt take turns, human first.")
    assert "even number of turns" in second
    assert f"{path}: breaks 2 rules of llava in 2 rows" in ran.err


def test_many_problems_are_cut_short(emogen: Emogen, tmp_path: Path) -> None:
    """--show says how many are printed; how many there are is always said."""
    path = write(tmp_path / "train.json", *[BAD] * 30)
    ran = emogen("validate", path, "--format", "llava", "--show", 3)
    assert len(ran.out.splitlines()) == 4
    assert "… and 57 more" in ran.out
    assert "breaks 60 rules" in ran.err


def test_json_for_programs(emogen: Emogen, tmp_path: Path) -> None:
    """--json prints one object with every problem, and nothing else on stdout."""
    path = write(tmp_path / "train.json", *[BAD] * 30)
    ran = emogen("validate", path, "--format", "llava", "--json")
    assert ran.code == 1
    told = json.loads(ran.out)
    found = told["problems"]
    assert (told["rows"], len(found)) == (30, 60)
    assert found[0] == {
        "place": f"{path}:2: row 0",
        "field": "conversations[0].from",
        "rule": "must be 'human', not 'gpt'",
        "remedy": "Let human and gpt take turns, human first.",
    }
    good = emogen("validate", write(path, GOOD), "--format", "llava", "--json")
    assert json.loads(good.out)["problems"] == []


def test_a_file_that_cannot_be_read_is_unusable_input(emogen: Emogen, tmp_path: Path) -> None:
    """Exit code 2, with the place where reading ended."""
    (tmp_path / "train.json").write_text('[\n{"a":')
    ran = emogen("validate", tmp_path / "train.json", "--format", "llava")
    assert ran.code == 2
    assert "train.json:2:" in ran.err
    assert emogen("validate", tmp_path, "--format", "lava").code == 2


@pytest.mark.parametrize("command", ["export", "validate"])
def test_the_help_names_every_format(emogen: Emogen, command: str) -> None:
    """No format is left out of the help."""
    text = " ".join(emogen(command, "--help").out.split())
    assert ", ".join(sorted(EXPORTERS.targets())) in text
