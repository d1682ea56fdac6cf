"""Tuning heeds what people decided about samples, as exports do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from made_reviews import review

import emovit_train.train as loop
from emogen.errors import InputError, UnknownNameError
from emogen.reviews import REVIEWS, append_review
from emogen.schemas import Sample, Turn
from emogen.store import SAMPLES, read_samples
from emovit_train.checkpoint import read_config
from emovit_train.reproduction import subjects
from emovit_train.run import Data, read_data
from emovit_train.told import read_settings
from emovit_train.train import Stopped, train
from tests.emovit_train.conftest import tiny_settings
from tests.emovit_train.test_train import pressing

EDITED = Turn(question="What is in the image?", answer="It is blue, and dark.", kind="basic")


@pytest.fixture
def reviewed(run_folder: Path, tmp_path: Path) -> Path:
    """Eight samples: one rejected, one edited, one accepted, and the held-out photograph's question rejected."""
    folder = tmp_path / "reviewed"
    shutil.copytree(run_folder, folder)
    append_review(folder, review(of(folder, "red/conversation"), "ann", "reject"))
    append_review(folder, review(of(folder, "blue/conversation"), "ann", "edit", turns=(EDITED,)))
    append_review(folder, review(of(folder, "green/conversation"), "ann", "accept"))
    append_review(folder, review(of(folder, "white/conversation"), "bob", "reject"))
    return folder


def of(folder: Path, name: str) -> Sample:
    return next(sample for sample in read_samples(folder) if sample.id == name)


def said(data: Data) -> dict[str, str]:
    return {f"{row.record_id}/{row.instruction}": row.answer for row in (*data.training, *data.held_out)}


def test_rejected_samples_stay_away_and_edited_ones_say_what_the_edit_says(
    reviewed: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of training and held-out rows alike; the counts are told, and `all` gives the rows as they were made."""
    kept = said(read_data(reviewed, None, tiny_settings(tiny_folder)))
    assert "reviewed: 1 accepted, 1 edited; left out 2 rejected" in capsys.readouterr().err
    made = said(read_data(reviewed, None, tiny_settings(tiny_folder, reviewed="all")))
    assert made.keys() - kept.keys() == {"red/conversation", "white/conversation"}
    assert [kept["blue/conversation"], made["blue/conversation"]] == [EDITED.answer, "It is blue."]
    assert not capsys.readouterr().err
    accepted = said(read_data(reviewed, None, tiny_settings(tiny_folder, reviewed="accepted")))
    assert accepted.keys() == {"blue/conversation", "green/conversation"}


def test_what_nobody_decided_about_is_not_accepted(
    reviewed: Path, run_folder: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    """Nobody who reviewed, nothing that is left, or a list that does not know: each says so."""
    accepted = tiny_settings(tiny_folder, reviewed="accepted")
    with pytest.raises(InputError, match="nobody has reviewed any sample"):
        read_data(run_folder, None, accepted)
    shutil.copy(reviewed / SAMPLES, tmp_path / "mine.jsonl")
    with pytest.raises(InputError, match="--reviewed: only a run folder says what was accepted"):
        read_data(tmp_path / "mine.jsonl", reviewed / "photos", accepted)
    for sample in read_samples(reviewed):
        append_review(reviewed, review(sample, "cyd", "reject"))
    with pytest.raises(InputError, match="none of 8 samples is left by its reviewers"):
        read_data(reviewed, None, tiny_settings(tiny_folder))
    with pytest.raises(UnknownNameError, match=r"unknown value of --reviewed .* Did you mean 'accepted'"):
        read_settings({"reviewed": "acepted"})


def test_other_decisions_make_another_checkpoint(reviewed: Path, run_folder: Path, tiny_folder: Path) -> None:
    """`reproduce` tunes again on data about which people have decided more, unless nobody is heeded."""
    kept, every = (tiny_settings(tiny_folder, reviewed=which) for which in ("kept", "all"))
    before = [subjects._identity(each, reviewed, str(tiny_folder)) for each in (kept, every)]
    assert "reviews" not in subjects._identity(kept, run_folder, str(tiny_folder))
    append_review(reviewed, review(of(reviewed, "blue/categorical"), "bob", "reject"))
    after = [subjects._identity(each, reviewed, str(tiny_folder)) for each in (kept, every)]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_rejected_sample_still_holds_its_photograph_out(reviewed: Path, tiny_folder: Path) -> None:
    """What is known of a photograph's split counts, whatever people think of the question."""
    lines = (reviewed / SAMPLES).read_text().splitlines()
    other = json.loads(lines[-1])
    other["record"] |= {"id": "other", "split": "train"}
    (reviewed / SAMPLES).write_text("".join(f"{line}\n" for line in (*lines, json.dumps(other))))
    append_review(reviewed, review(of(reviewed, "white/categorical"), "bob", "reject"))
    with pytest.raises(InputError, match="both trained on and held out"):
        read_data(reviewed, None, tiny_settings(tiny_folder))


@pytest.mark.usefixtures("quick")
def test_weights_say_which_decisions_they_heed(
    reviewed: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Report and checkpoint have counts and hash; an interrupted run goes on where a new decision changes no row."""
    settings, out = tiny_settings(tiny_folder, max_steps=4, epochs=4), tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(loop, "progress", pressing)
        with pytest.raises(Stopped, match="after step 2"):
            train(reviewed, out, settings)
    heeded = reviewed / REVIEWS
    before = heeded.read_bytes()
    append_review(reviewed, review(of(reviewed, "blue/categorical"), "bob", "reject"))
    with pytest.raises(InputError, match="the rows are not the same"):
        train(reviewed, out, settings)
    heeded.write_bytes(before)
    append_review(reviewed, review(of(reviewed, "blue/categorical"), "bob", "accept"))
    report = train(reviewed, out, settings)
    counts: Any = report.reviewed
    assert (report.rows, counts.accepted, counts.edited, counts.rejected) == (5, 2, 1, 2)
    made: Any = read_config(out).made
    assert (made.reviewed, made.reviews_sha256) == (counts, report.reviews_sha256)
    assert made.settings["reviewed"] == "kept"
