"""What questions ask for, parsed by a real spaCy pipeline that is trained here on a few dozen sentences."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from made_once import made_once
from small_parser import save_parser

from benchmarks.report.made_run import rows, write_run
from emogen.report.syntax import Parser, load_parser, parse_questions

QUESTIONS = (
    "Which feeling does the light evoke?",
    "Which mood does the sky evoke?",
    "Why does the scene evoke the mood?",
    "What does the dog hold?",
    "Is the child sad?",
    "Describe the picture.",
)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with a parser and parts of speech, on the disk."""
    return made_once(tmp_path_factory, "parser", save_parser)


@pytest.fixture(scope="module")
def parser(pipeline: Path) -> Parser:
    return load_parser(str(pipeline))


def asked(*questions: str) -> Iterator[dict[str, Any]]:
    for row, question in zip(rows(4 * len(questions)), questions * 4, strict=False):
        if "record" in row:
            row["turns"][-1]["question"] = question
            yield row


def test_verbs_and_their_objects(parser: Parser) -> None:
    """Objects are nouns: what a question word asks for is none, and a question that only says what is has none."""
    found = parse_questions(parser, QUESTIONS)
    assert found.verbs == {
        "evoke": {"mood": 2, "feeling": 1},
        "describe": {"picture": 1},
        "hold": {"": 1},
        "is": {"": 1},
    }
    assert next(iter(found.verbs)) == "evoke"
    assert (found.parsed, found.without_verb) == (6, 0)


@pytest.mark.parametrize("odd", ["", " ", "?", "why " * 5000, "<script>\0"])
def test_odd_questions(parser: Parser, odd: str) -> None:
    """Whatever a question is, it is counted, and the others are parsed."""
    found = parse_questions(parser, [odd, QUESTIONS[0]])
    assert found.parsed == 2
    assert found.verbs["evoke"] == {"feeling": 1}


def test_the_report_shows_them(pipeline: Path, tmp_path: Path, emogen: Emogen) -> None:
    """Verbs stand in a chart and with their nouns in a table, and in the figures."""
    run = write_run(tmp_path / "run", asked(*QUESTIONS[:2]))
    ran = emogen("report", run, "--parser", pipeline)
    assert ran.code == 0, ran.err
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Root verbs and their objects" in page
    assert "feeling 4" in page
    ran = emogen("report", run, "--parser", pipeline, "--json")
    (found,) = json.loads(ran.out)["runs"]
    assert found["measures"]["verbs"]["advanced"]["verbs"]["evoke"] == {"feeling": 4}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_pipeline", "--parser no_such_pipeline: cannot be loaded: .*spacy download"),
        ("json", "--parser json: cannot be loaded"),
        ("", "--parser .: cannot be loaded"),
    ],
)
def test_no_pipeline(name: str, said: str, tmp_path: Path, emogen: Emogen) -> None:
    """A name that is no pipeline's is refused before the run is read, with what brings one."""
    ran = emogen("report", tmp_path / "no run", "--parser", name or ".")
    assert ran.code == 2
    assert re.search(said, ran.err)


def test_a_pipeline_that_does_not_parse(tmp_path: Path, emogen: Emogen) -> None:
    """A pipeline without a parser, or without parts of speech, is refused with what it lacks."""
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    ran = emogen("report", tmp_path, "--parser", tmp_path / "blank")
    assert ran.code == 2
    assert "has no parser and no parts of speech" in ran.err


def test_without_spacy(tmp_path: Path, emogen: Emogen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where spaCy is not installed, the extra is named that brings it."""
    monkeypatch.setitem(sys.modules, "spacy", None)
    ran = emogen("report", tmp_path, "--parser", "en_core_web_sm")
    assert ran.code == 3
    assert "[syntax]" in ran.err
