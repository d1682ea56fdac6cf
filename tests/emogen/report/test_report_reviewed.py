"""A report of a run that people have reviewed: rejections are a step of its own, edits are shown as such."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from made_reviews import EDITED, review

from benchmarks.report.made_run import rows, write_run
from emogen.report.blocks import Facts, Section
from emogen.report.figures import figures_of
from emogen.report.gallery import Run, cards_of
from emogen.report.page import Column, page_of
from emogen.report.sections.made import overview
from emogen.report.tally import tally
from emogen.reviews import append_review
from emogen.store import read_samples


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """18 samples of which people reject two, one without a reason, edit one, and accept one."""
    folder = write_run(tmp_path / "run", rows(20))
    samples = list(read_samples(folder))
    append_review(folder, review(samples[0], "ann", "reject", reason="not_in_image", note="There is no dog."))
    append_review(folder, review(samples[1], "ann", "reject", reason=""))
    append_review(folder, review(samples[2], "ann", "edit", flags=("length",)))
    append_review(folder, review(samples[3], "ann", "accept"))
    return folder


def test_rejections_by_people_are_counted_by_reason(run: Path) -> None:
    """The funnel has a step for them, after the checks and before the flags, of which an edit has its own."""
    found = figures_of("run", tally(run), None)
    by_people = {reason.told: reason.by_type for reason in found.reasons if reason.stage == "review"}
    assert by_people == {"review: not_in_image": {"conversation": 1}, "review: other": {"reasoning": 1}}
    assert list(found.funnel)[-3:] == ["passed the checks", "no reviewer rejects", "have no flag"]
    assert list(found.funnel.values())[-3:] == [18, 16, 15]
    assert found.rejected == 2
    assert (found.reviewers, found.reviewed) == (1, {"accept": 1, "edit": 1, "reject": 2})
    (in_short,) = overview(found)
    assert isinstance(in_short, Facts)
    assert in_short.values["reviewed by people"] == "4 by 1 person: 1 accepted, 1 edited, 2 rejected"
    # What has changed since, nobody has decided about.
    lines = (run / "samples.jsonl").read_text().splitlines()
    changed = json.loads(lines[0])
    changed["turns"][0]["answer"] = "Something else."
    (run / "samples.jsonl").write_text("".join(f"{line}\n" for line in (json.dumps(changed), *lines[1:])))
    assert figures_of("run", tally(run), None).funnel["no reviewer rejects"] == 17


def test_the_page_shows_what_people_rejected_and_edited(run: Path) -> None:
    """A rejected sample is one, with reason and note; an edited one says what the edit says, and what was made."""
    columns = [Column("run", "", [Section("again", "To make it again", [])])]
    page = page_of(columns, cards_of([Run("run", run, run, tally(run))]))
    rejected = re.search(r'<details class="reason"><summary>review: not_in_image.*?</details>', page, re.S)
    assert rejected is not None
    assert "rejected</span>" in rejected[0]
    assert "There is no dog." in rejected[0]
    assert 'data-state="rejected" data-reasons="[&#34;review: not_in_image&#34;' in page
    edited = re.search(
        r'<div class="row kept"[^>]*edited by a reviewer&#34;,&#34;length.*?</div>', page, re.S
    )
    assert edited is not None
    before, _, made = edited[0].partition("as it was made")
    assert EDITED[0].answer in before
    assert EDITED[0].answer not in made
    assert "<dd>" in made
