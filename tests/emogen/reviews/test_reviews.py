"""Decisions are kept, and what several people decided comes to one thing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from made_reviews import EDITED, review

from benchmarks.report.made_run import rows, write_run
from emogen.errors import InputError
from emogen.reviews import REVIEWS, Review, Reviews, append_review, read_reviews
from emogen.schemas import Sample
from emogen.store import read_samples
from emogen.stored import as_stored


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return next(read_samples(write_run(tmp_path / "run", rows(2))))


def verdict(sample: Sample, *made: Review) -> tuple[Any, ...]:
    reviews = Reviews()
    for each in made:
        reviews.add(each)
    return tuple(reviews.verdict(as_stored(sample)))


def test_any_rejection_rejects_and_the_last_edit_wins(sample: Sample) -> None:
    """Rejection before edit before acceptance; of edits the last, of one reviewer the last decision."""
    first, last = review(sample, "ann", "edit"), review(sample, "bob", "edit", note="mine")
    accepted = review(sample, "cyd", "accept")
    assert verdict(sample) == (None, None, False)
    assert verdict(sample, accepted) == ("accept", accepted, False)
    assert verdict(sample, first, last, accepted) == ("edit", last, False)
    assert verdict(sample, last, first) == ("edit", first, False)
    rejected = review(sample, "cyd", "reject")
    assert verdict(sample, rejected, first) == ("reject", rejected, False)
    assert verdict(sample, review(sample, "ann", "reject"), first)[0] == "edit"
    assert verdict(sample, accepted, review(sample, "cyd", "none"))[0] is None


def test_a_decision_about_other_words_does_not_count(sample: Sample) -> None:
    """A sample that was made anew is as if nobody had seen it, and says so."""
    other = sample.model_copy(update={"turns": EDITED})
    assert verdict(other, review(sample, "ann", "reject")) == (None, None, True)
    accepted = review(other, "bob", "accept")
    assert verdict(other, review(sample, "ann", "reject"), accepted) == ("accept", accepted, True)


def test_half_a_last_line_is_passed_over_and_cut_off(sample: Sample, tmp_path: Path) -> None:
    """What a machine that stopped left costs no other decision; a whole line in the middle that is broken is named."""
    path = tmp_path / REVIEWS
    append_review(tmp_path, review(sample, "ann", "accept"))
    whole = path.read_bytes()
    for torn in (whole[:40], b'{"record_id": "x'):
        path.write_bytes(whole + torn)
        assert [each.reviewer for each in read_reviews(tmp_path)] == ["ann"]
        append_review(tmp_path, review(sample, "bob", "reject"))
        assert sorted(each.reviewer for each in read_reviews(tmp_path)) == ["ann", "bob"]
        assert path.read_bytes().count(b"\n") == 2
    path.write_bytes(whole[:40] + b"\n" + whole)
    with pytest.raises(InputError, match=r"reviews\.jsonl:1"):
        read_reviews(tmp_path)


def test_a_decision_that_does_not_fit_on_the_disk_leaves_nothing(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is an error, and the file is as it was."""
    append_review(tmp_path, review(sample, "ann", "accept"))
    whole = (tmp_path / REVIEWS).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left"):
        append_review(tmp_path, review(sample, "bob", "reject"))
    assert (tmp_path / REVIEWS).read_bytes() == whole


def test_only_edits_have_turns(sample: Sample) -> None:
    """An edit without turns, or turns without an edit, is no review."""
    for decision, turns in (("edit", ()), ("accept", EDITED)):
        with pytest.raises(ValueError, match="an edit has turns"):
            review(sample, "ann", decision, turns=turns)


def test_several_processes_may_decide_at_once(sample: Sample, tmp_path: Path) -> None:
    """No line is lost or torn, however their writes meet."""

    def decide(reviewer: int) -> None:
        for _ in range(25):
            append_review(tmp_path, review(sample, f"r{reviewer}", "edit"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decide, range(4)))
    assert len((tmp_path / REVIEWS).read_text().splitlines()) == 100
    assert read_reviews(tmp_path).reviewers() == ["r0", "r1", "r2", "r3"]


def test_a_decision_reaches_the_disk(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file each time, and once the folder that names it: what was written is not only in the system's memory."""
    synced: list[int] = []
    sync = os.fsync

    def counted(file: int) -> None:
        synced.append(os.fstat(file).st_ino)
        sync(file)

    monkeypatch.setattr("os.fsync", counted)
    for _ in range(2):
        append_review(tmp_path, review(sample, "ann", "accept"))
    file, folder = (path.stat().st_ino for path in (tmp_path / REVIEWS, tmp_path))
    assert synced == [folder, file, file]
