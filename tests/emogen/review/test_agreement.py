"""How far reviewers agree, by type, and where they do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Emogen

from benchmarks.report.made_run import rows, write_run
from emogen.review.agreement import ALL, agreement_of
from emogen.reviews import Review, Reviews, append_review
from emogen.schemas import Turn

EDITED = (Turn(question="What is it?", answer="A kite.", kind="basic"),)


def review(number: int, instruction: str, reviewer: str, decision: str, sha: str = "x") -> Review:
    return Review.model_validate(
        {
            "record_id": f"r{number:02}",
            "instruction": instruction,
            "reviewer": reviewer,
            "decision": decision,
            "reason": "leak" if decision == "reject" else "",
            "turns": EDITED if decision == "edit" else (),
            "said_sha256": sha,
            "at": "2026-11-28T10:00:00+00:00",
        }
    )


def reviews(*pairs: tuple[str, str, str]) -> Reviews:
    made = Reviews()
    for number, (instruction, one, other) in enumerate(pairs):
        made.add(review(number, instruction, "ann", one))
        made.add(review(number, instruction, "bob", other))
    return made


def test_figures_are_those_of_a_table_done_by_hand() -> None:
    """Of 20 samples: 10 both accept, 4 both reject, 3 against 3; kappa is (0.7 - 0.545) / (1 - 0.545) = 0.3407."""
    both = [("reasoning", "accept", "accept")] * 10 + [("reasoning", "reject", "reject")] * 4
    apart = [("reasoning", "accept", "reject")] * 3 + [("reasoning", "reject", "accept")] * 3
    (pair,) = agreement_of(reviews(*both, *apart))
    (row,) = pair.by_type
    assert (row.samples, row.agreed) == (20, 0.7)
    assert row.kappa == pytest.approx((0.7 - 0.545) / 0.455)
    assert row.kept_kappa == row.kappa
    assert pair.confusion["accept", "reject"] == 3
    assert [found.record_id for found in pair.disagreements] == [f"r{number}" for number in range(14, 20)]


def test_an_edit_keeps_a_sample() -> None:
    """Accepting and editing are different decisions, but both keep; of one and the same decision follows no kappa."""
    (pair,) = agreement_of(reviews(("a", "accept", "edit"), ("b", "accept", "accept")))
    first, second, total = pair.by_type
    assert (first.agreed, first.kept_agreed, first.kept_kappa) == (0.0, 1.0, None)
    assert (second.agreed, second.kappa) == (1.0, None)
    assert (total.instruction, total.samples, total.agreed) == (ALL, 2, 0.5)


def test_only_the_same_words_are_compared() -> None:
    """What one reviewer saw before a sample was made anew is no disagreement with what another saw after it."""
    made = Reviews()
    made.add(review(0, "a", "ann", "accept", "old"))
    made.add(review(0, "a", "bob", "reject", "new"))
    assert agreement_of(made) == []
    assert made.disputed() == frozenset()
    made.add(review(0, "a", "ann", "accept", "new"))
    assert made.disputed() == {("r00", "a")}


def test_the_command_prints_it(emogen: Emogen, tmp_path: Path) -> None:
    """Per reviewer, per pair and type, and each disagreement with its reasons; --json says the same to programs."""
    run = write_run(tmp_path / "run", rows(4))
    assert "nobody has reviewed" in emogen("review", run, "--agreement").err
    for number, (one, other) in enumerate([("accept", "accept"), ("reject", "reject"), ("edit", "reject")]):
        append_review(run, review(number, "reasoning", "ann", one))
        append_review(run, review(number, "reasoning", "bob", other))
    ran = emogen("review", run, "--agreement")
    assert ran.code == 0, ran.err
    assert "ann: 3 decided (accept 1, reject 1, edit 1)" in ran.out
    assert "r02/reasoning: ann edit; bob reject (leak)" in ran.out
    said = json.loads(emogen("review", run, "--agreement", "--json").out)
    assert said["reviewers"]["bob"] == {"accept": 1, "reject": 2, "edit": 0}
    (pair,) = said["pairs"]
    assert pair["confusion"]["edit"]["reject"] == 1
    assert pair["agreement"][0]["samples"] == 3
    assert pair["disagreements"][0]["why"] == ["", "leak"]


def test_what_cannot_be_reviewed_is_said(emogen: Emogen, tmp_path: Path) -> None:
    """No run, no name, no such type, nobody who disagrees: an error each, and no page."""
    run = write_run(tmp_path / "run", rows(4))
    assert "no such run folder" in emogen("review", tmp_path / "nowhere").err
    assert "--reviewer" in emogen("review", run, "--reviewer", " ").err
    assert "Did you mean 'reasoning'" in emogen("review", run, "--types", "reasonin").err
    assert "no two reviewers disagree" in emogen("review", run, "--only-disagreements").err
    assert emogen("review", run, "--port", "99999").code == 2
