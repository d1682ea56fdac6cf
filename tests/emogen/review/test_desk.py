"""What one reviewer decides, in whatever order, is kept as it is decided, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from made_reviews import review

from benchmarks.report.made_run import rows, write_run
from emogen.errors import InputError, UnknownNameError
from emogen.judging import Judge
from emogen.review.desk import Desk, Stale
from emogen.review.edits import Words
from emogen.review.queue import Queue, Wanted, queue_of
from emogen.reviews import REVIEWS, append_review, read_reviews
from emogen.store import read_samples

OpenQueue = Callable[..., Queue]
OpenDesk = Callable[..., Desk]

EDIT = [
    Words("What does the dog do here?", "It waits beside the water."),
    Words(
        "Why does it matter?",
        "The dog waits alone in the wide light, and so the picture seems calm and patient.",
    ),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", rows(40))


@pytest.fixture
def open_queue() -> Iterator[OpenQueue]:
    with ExitStack() as opened:
        yield lambda run, wanted, known=(): opened.enter_context(queue_of(run, wanted, known))


@pytest.fixture
def desk(open_queue: OpenQueue) -> OpenDesk:
    def opened(run: Path, reviewer: str = "ann", wanted: Wanted | None = None) -> Desk:
        reviews = read_reviews(run)
        mine = {review.key for review in reviews if review.reviewer == reviewer}
        return Desk(run, open_queue(run, wanted or Wanted(), mine), reviews, Judge(), reviewer)

    return opened


def names(queue: Queue) -> list[str]:
    return [queue.sample(position).id for position in range(len(queue))]


def test_it_goes_on_where_it_stopped(run: Path, desk: OpenDesk) -> None:
    """Another session of the same reviewer knows the decisions; another reviewer begins at the beginning."""
    one = desk(run)
    assert one.decide(0, "accept") == ()
    assert one.decide(1, "reject", reason="leak", note=" twice ") == ()
    assert one.decide(2, "edit", words=EDIT) == ()
    again = desk(run).progress()
    assert again["counts"] == {"accept": 1, "reject": 1, "edit": 1}
    assert again["first"] == 3
    assert desk(run, "bob").progress()["decided"] == 0
    lines = [json.loads(line) for line in (run / REVIEWS).read_text().splitlines()]
    assert [line["decision"] for line in lines] == ["accept", "reject", "edit"]
    assert lines[1]["note"] == "twice"
    assert lines[2]["turns"][1]["kind"] == "advanced"


def test_undo_goes_back_to_the_decision_before(run: Path, desk: OpenDesk) -> None:
    """What is taken back is what came last, step by step, and the file says so."""
    one = desk(run)
    one.decide(0, "reject", reason="leak")
    one.decide(0, "accept")
    one.decide(5, "accept")
    assert one.undo() == 5
    assert one.undo() == 0
    assert desk(run).progress()["counts"] == {"accept": 0, "reject": 1, "edit": 0}
    assert one.undo() == 0
    assert one.undo() is None
    assert desk(run).progress()["decided"] == 0


def test_others_are_shown_only_where_they_are_to_be(run: Path, open_queue: OpenQueue) -> None:
    """A reviewer is led by nobody, unless it is their disagreement that is looked at."""
    for name, decision in (("ann", "accept"), ("bob", "reject")):
        append_review(run, review(next(read_samples(run)), name, decision))
    reviews = read_reviews(run)
    queue = open_queue(run, Wanted(only=reviews.disputed()), reviews.disputed())
    assert len(queue) == 1
    assert Desk(run, queue, reviews, Judge(), "bob").view(0)["others"] == []
    seen = Desk(run, queue, reviews, Judge(), "bob", blind=False).view(0)
    assert [(other["reviewer"], other["decision"]) for other in seen["others"]] == [("ann", "accept")]
    assert seen["mine"]["reason"] == "leak"


def test_faulty_decisions_are_not_kept(run: Path, desk: OpenDesk) -> None:
    """What cannot be kept says why and where; what a check would reject is kept by the reviewer's second word."""
    one = desk(run)
    assert one.decide(0, "reject", reason="whim")
    (empty,) = one.decide(0, "edit", words=[EDIT[0], Words("Why?", " \n ")])
    assert (empty.text, empty.turn, empty.field, empty.final) == ("must not be empty", 1, "answer", True)
    assert one.decide(0, "edit", words=EDIT[:1], anyway=True)[0].final
    raw = one.view(0)["turns"]
    same = [Words(turn["raw_question"], turn["raw_answer"]) for turn in raw]
    assert "nothing is changed" in one.decide(0, "edit", words=same, anyway=True)[0].text
    assert not (run / REVIEWS).exists()
    short = [EDIT[0], Words("Why does it matter?", "It is the caption.")]
    faults = one.decide(0, "edit", words=short)
    assert [fault.text.split(":")[0] for fault in faults] == ["length", "source_leak"]
    assert not any(fault.final for fault in faults)
    assert one.decide(0, "edit", words=short, anyway=True) == ()
    (kept,) = read_reviews(run)
    assert kept.flags == ("length", "source_leak")


def test_the_label_is_not_edited(run: Path, desk: OpenDesk) -> None:
    """The answer of a categorical turn stays what the record says; its question may change."""
    row = json.loads((run / "samples.jsonl").read_text().splitlines()[0])
    row |= {"instruction": "categorical"}
    row["turns"] = [{"question": "Which emotion?", "answer": "amusement", "kind": "categorical"}]
    (run / "samples.jsonl").write_text(json.dumps(row) + "\n")
    one = desk(run)
    (fault,) = one.decide(0, "edit", words=[Words("Which emotion?", "awe")])
    assert "reject the sample" in fault.text
    assert one.decide(0, "edit", words=[Words("Which one?", "amusement")]) == ()


def test_a_run_that_is_made_anew_is_noticed(run: Path, desk: OpenDesk) -> None:
    """Nothing is decided about samples that are no longer the run's."""
    one = desk(run)
    one.decide(0, "accept")
    text = (run / "samples.jsonl").read_text()
    (run / "new").write_text(text.replace("number 0", "number zero"))
    (run / "new").replace(run / "samples.jsonl")
    with pytest.raises(Stale):
        one.decide(1, "accept")
    with pytest.raises(Stale):
        one.undo()
    again = desk(run)
    assert again.progress()["decided"] == 0
    assert again.view(0)["outdated"]


def test_a_run_that_goes_on_is_reviewed_as_far_as_it_is(run: Path, desk: OpenDesk) -> None:
    """Half a last line is passed over, and rows that come later change nothing of the queue."""
    with (run / "samples.jsonl").open("a") as file:
        file.write('{"record": {"id": "x"')
    one = desk(run)
    assert one.progress()["total"] == 36
    with (run / "samples.jsonl").open("a") as file:
        file.write("\n")
    assert one.decide(35, "accept") == ()
    with pytest.raises(InputError, match=r"samples\.jsonl:37"):
        desk(run)


def test_which_samples_are_asked_for(run: Path, desk: OpenDesk, open_queue: OpenQueue) -> None:
    """Types and flags choose, and a drawn sample is the same for everybody and every order of the file."""
    everything = names(open_queue(run, Wanted()))
    assert len(everything) == 36
    assert all(
        name.endswith("/reasoning") for name in names(open_queue(run, Wanted(types=frozenset({"reasoning"}))))
    )
    assert names(open_queue(run, Wanted(only_flagged=True))) == ["amusement_000000/conversation"]
    drawn = names(open_queue(run, Wanted(size=5)))
    assert len(set(drawn)) == 5
    assert set(names(open_queue(run, Wanted(size=5, seed=1)))) != set(drawn)
    lines = (run / "samples.jsonl").read_text().splitlines(keepends=True)
    (run / "samples.jsonl").write_text("".join(reversed(lines)))
    assert names(open_queue(run, Wanted(size=5))) == drawn
    one = desk(run, wanted=Wanted(size=5))
    one.decide(3, "accept")
    assert desk(run, wanted=Wanted(size=5)).progress()["first"] == 0
    with pytest.raises(UnknownNameError, match="reasoning"):
        open_queue(run, Wanted(types=frozenset({"reasning"})))
    with pytest.raises(InputError, match="none of its samples"):
        open_queue(run, Wanted(only=frozenset()))
