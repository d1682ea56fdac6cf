"""Copies from the seed examples: what is one, and what an honest answer may well share with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from emogen.checks import Answer, Example, Fault, Score
from emogen.checks.seed_copy import check
from emogen.checks.settings import DEFAULT_CHECKS, SeedCopy
from emogen.resources import bundled_dir
from emogen.schemas import Attributes, Completion, ImageRecord, Turn, TurnKind
from emogen.seeds import Seed, read_seeds

SEEDS = {
    name: tuple(read_seeds(bundled_dir("seeds") / f"{name}.jsonl")) for name in ("conversation", "reasoning")
}
ALL_SEEDS = [(name, seed) for name, seeds in SEEDS.items() for seed in seeds]
NURSE = ImageRecord(
    id="nurse", image="a.jpg", emotion="contentment", caption="A nurse reads a letter at a window."
)
KINDS: dict[str, list[TurnKind]] = {
    "conversation": ["basic", "basic", "advanced"],
    "reasoning": ["reasoning"],
}


def examples_of(*seeds: Seed) -> list[Example]:
    return [Example(seed.id, [text for turn in seed.turns for text in said(turn)]) for seed in seeds]


def said(turn: Turn) -> list[str]:
    return [turn.question, turn.answer]


def seen(
    record: ImageRecord,
    *turns: Turn,
    examples: Sequence[Example],
    settings: SeedCopy = DEFAULT_CHECKS.seed_copy,
) -> tuple[float | None, list[str]]:
    """The score, and what is found wrong."""
    answer = Answer(record, "conversation", turns, Completion(text="", model="m"), examples=examples)
    found = list(check(answer, settings))
    scores = [one.value for one in found if isinstance(one, Score)]
    return (scores[0] if scores else None), [one.detail for one in found if isinstance(one, Fault)]


def turn(answer: str, question: str = "What can be seen?", kind: TurnKind = "basic") -> Turn:
    return Turn(question=question, answer=answer, kind=kind)


@pytest.mark.parametrize(("name", "seed"), ALL_SEEDS, ids=[seed.id for _, seed in ALL_SEEDS])
def test_a_seed_said_of_another_picture_is_a_copy(name: str, seed: Seed) -> None:
    """Each advanced and reasoning answer of ours is found by far, and so is each whole set of turns."""
    score, faults = seen(NURSE, *seed.turns, examples=examples_of(*SEEDS[name]))
    assert faults
    assert all(repr(seed.id) in fault for fault in faults)
    assert score is not None
    assert score >= 15


@pytest.mark.parametrize(("name", "seed"), ALL_SEEDS, ids=[seed.id for _, seed in ALL_SEEDS])
def test_seeds_do_not_copy_one_another(name: str, seed: Seed) -> None:
    """Honest answers of one hand to several pictures share nothing that counts."""
    record = ImageRecord(
        id="a", image="a.jpg", emotion=seed.emotion, caption=seed.caption, attributes=seed.attributes
    )
    others = [other for other in SEEDS[name] if other is not seed]
    assert seen(record, *seed.turns, examples=examples_of(*others)) == (0, [])


def honest() -> list[tuple[ImageRecord, str, list[Turn]]]:
    lines = Path(__file__).with_name("good_answers.jsonl").read_text(encoding="utf-8").splitlines()
    rows = []
    for row in map(json.loads, lines):
        record = ImageRecord(
            id=row["id"],
            image="a.jpg",
            emotion=row["emotion"],
            caption=row["caption"],
            attributes=Attributes.model_validate(row["attributes"]),
        )
        for name, pairs in (("conversation", row["conversation"]), ("reasoning", [row["reasoning"]])):
            turns = [turn(a, q, kind) for kind, (q, a) in zip(KINDS[name], pairs, strict=True)]
            rows.append((record, name, turns))
    return rows


def test_honest_answers_stay_far_below_the_threshold() -> None:
    """Sixty-four answers that were written without the seeds share no word with them that says anything.

    Not even where all answers of their type to the other pictures are taken for seeds is one of them a copy.
    """
    rows = honest()
    for record, name, turns in rows:
        assert seen(record, *turns, examples=examples_of(*SEEDS[name])) == (0, [])
        others = [
            Example(other.id, [text for one in theirs for text in said(one)])
            for other, kind, theirs in rows
            if kind == name and other is not record
        ]
        assert seen(record, *turns, examples=others)[1] == []


STALL = SEEDS["conversation"][0]


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        # word by word, and with other marks, letters and line breaks
        ("There is a puddle of water on the ground below the swing.", "What can be seen?"),
        ("THERE is a puddle\nof water; on the ground - below the swing!!", "What can be seen?"),
        # with another noun in the place of one
        ("The nurse is holding out a paper bag to the child on the other side of the stall.", "What is it?"),
        # inside something of its own
        (
            "She reads. The heaps of fruit in strong colours and the bright light around them show it.",
            "Why so?",
        ),
        # in the question
        ("It is a calm one.", "How do the people and the stall together set the mood of this scene?"),
    ],
)
def test_copies_are_found(answer: str, question: str) -> None:
    """Marks, capitals, a changed noun and words around do not hide a copy."""
    assert seen(NURSE, turn(answer, question), examples=examples_of(*SEEDS["conversation"]))[1]


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        # common questions and openings
        ("No, there is no vehicle. The picture shows a nurse.", "Is there a vehicle in the picture?"),
        ("It is a letter.", "What makes this scene feel so calm?"),
        ("From these signs one may conclude that it is a good letter.", "Why is it so?"),
        # what is true of the record, too
        ("The nurse is holding the letter, and nobody is near it.", "What does she hold?"),
    ],
)
def test_what_any_answer_may_say_is_no_copy(answer: str, question: str) -> None:
    """Fixed phrases say nothing of another picture."""
    assert seen(NURSE, turn(answer, question), examples=examples_of(*SEEDS["conversation"]))[1] == []


def test_what_the_record_has_may_be_said_alike() -> None:
    """The same sentence is a copy under one record, and true under another."""
    swing = NURSE.model_copy(update={"caption": "A puddle of water lies on the ground below a swing."})
    copied = turn("There is a puddle of water on the ground below the swing.")
    assert seen(NURSE, copied, examples=examples_of(*SEEDS["conversation"]))[0] == 4
    assert seen(swing, copied, examples=examples_of(*SEEDS["conversation"])) == (0, [])


def test_no_run_goes_from_one_text_into_the_next() -> None:
    """The end of an answer and the beginning of the next question are not side by side."""
    examples = [Example("a", ["lanterns hang above narrow streets everywhere tonight"])]
    turns = (turn("Many lanterns hang above", "What?"), turn("None.", "Narrow streets everywhere tonight?"))
    settings = SeedCopy(run_words=5, most_copied_words=0)
    assert seen(NURSE, *turns, examples=examples, settings=settings) == (0, [])


def test_without_examples_there_is_nothing_to_measure() -> None:
    """A prompt that showed none gives no score."""
    assert seen(NURSE, turn("There is a puddle."), examples=()) == (None, [])


def test_the_thresholds_are_settings() -> None:
    """How long a run is, and how many words are too many, can be said."""
    copied = turn("There is a puddle of water on the ground below the swing.")
    examples = examples_of(*SEEDS["conversation"])
    assert seen(NURSE, copied, examples=examples, settings=SeedCopy(most_copied_words=4))[1] == []
    assert seen(NURSE, copied, examples=examples, settings=SeedCopy(run_words=13)) == (0, [])
