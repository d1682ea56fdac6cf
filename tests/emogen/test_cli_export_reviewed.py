"""`emogen export` heeds what people decided about samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Emogen
from made_reviews import review

from benchmarks.report.made_run import rows, write_run
from emogen.reviews import REVIEWS, append_review
from emogen.store import read_samples


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Seven samples: the first is rejected, the second edited, the third accepted, the fourth changed since."""
    folder = write_run(tmp_path / "run", rows(7))
    samples = list(read_samples(folder))
    append_review(folder, review(samples[0], "ann", "reject"))
    append_review(folder, review(samples[1], "ann", "edit", flags=("length",)))
    append_review(folder, review(samples[2], "ann", "accept"))
    append_review(folder, review(samples[3], "ann", "reject", said_sha256="0" * 64))
    return folder


def exported(emogen: Emogen, run: Path, *words: object) -> tuple[list[str], str, str]:
    out = run.parent / "out.json"
    ran = emogen("export", run, "--format", "llava", "--turns", "conversation", "--out", out, *words)
    assert ran.code == 0, ran.err
    text = out.read_text()
    return [row["id"] for row in json.loads(text)], text, ran.out


def test_rejected_samples_stay_away_and_edited_ones_say_what_the_edit_says(emogen: Emogen, run: Path) -> None:
    """The counts are told; what changed since it was rejected is exported."""
    ids, text, said = exported(emogen, run)
    assert len(ids) == 6
    assert "amusement_000000/conversation" not in ids
    assert "All of it." in text
    assert "reviewed: 1 accepted, 1 edited; left out 1 rejected; 1 have changed since a decision" in said
    assert exported(emogen, run)[1] == text


def test_only_what_was_accepted_on_request(emogen: Emogen, run: Path) -> None:
    """--reviewed accepted takes accepted and edited samples, and counts the others."""
    ids, _, said = exported(emogen, run, "--reviewed", "accepted")
    assert ids == ["amusement_000000/reasoning", "anger_000001/conversation"]
    assert "left out 1 rejected and 4 that nobody accepted" in said


def test_reviews_are_ignored_on_request(emogen: Emogen, run: Path) -> None:
    """--reviewed all gives the bytes of a run that nobody reviewed."""
    _, ignoring, said = exported(emogen, run, "--reviewed", "all")
    assert "reviewed" not in said
    (run / REVIEWS).unlink()
    assert exported(emogen, run)[1] == ignoring
    assert "All of it." not in ignoring


def test_flags_are_those_of_the_edit(emogen: Emogen, run: Path) -> None:
    """An edit that a check notices is dropped as any sample is; other types are not decided about."""
    ids, _, said = exported(emogen, run, "--flags", "drop:length")
    assert "amusement_000000/reasoning" not in ids
    _, _, said = exported(emogen, run, "--types", "reasoning")
    assert "left out 0 rejected" in said


def test_a_rejected_sample_still_holds_its_image_out(emogen: Emogen, run: Path) -> None:
    """What is known of an image's split counts, whatever people think of the question."""
    path = run / "samples.jsonl"
    made = [json.loads(line) for line in path.read_text().splitlines()]
    made[0]["record"]["split"] = "test"
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    ids, _, said = exported(emogen, run)
    assert "amusement_000000/reasoning" not in ids
    assert "held out with another record of the same image: 1" in said


def test_nothing_left_is_an_error(emogen: Emogen, run: Path) -> None:
    """Everything rejected, nobody to accept, or an unknown word: each says so."""
    words = ("export", run, "--format", "llava", "--out", run.parent / "out.json")
    assert "Did you mean 'accepted'" in emogen(*words, "--reviewed", "acepted").err
    for sample in read_samples(run):
        append_review(run, review(sample, "ann", "reject"))
    ran = emogen(*words)
    assert ran.code == 2
    assert "none of 7 samples is left by its reviewers" in ran.err
    (run / REVIEWS).unlink()
    assert "nobody has reviewed" in emogen(*words, "--reviewed", "accepted").err
