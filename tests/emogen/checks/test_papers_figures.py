"""Answers as the paper's, in other words, pass every check; one change to one of them gives one reason code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from emogen.checks import Answer
from emogen.checks.findings import Examiner
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.instructions.categorical import Categorical
from emogen.judging import Judge, instruction
from emogen.schemas import Attributes, Completion, ImageRecord, Provenance, Rejection, Sample, Turn
from emogen.seeds import Seed

# What the prompts of these answers showed.
SEED = Seed(
    id="swing",
    caption="An empty swing hangs over a puddle.",
    emotion="sadness",
    turns=(
        Turn(
            kind="reasoning",
            question="What is missing here?",
            answer="Children are missing under this rusty old swing, and the silent playground waits for laughter.",
        ),
    ),
)

# The two images, with what the paper says of them, in other words.
SINGER = ImageRecord(
    id="singer",
    image="singer.jpg",
    emotion="excitement",
    caption="A woman in red sings into a microphone.",
    attributes=Attributes(
        brightness=0.6,
        colorfulness=0.9,
        object=("Fashion accessory",),
        facial_expression="excited",
        human_action="singing",
    ),
)
BOY = ImageRecord(
    id="boy",
    image="boy.jpg",
    emotion="sadness",
    caption="A boy with a red turban leans on a fence of wood.",
    attributes=Attributes(
        brightness=0.6,
        colorfulness=0.7,
        object=("Tree",),
        facial_expression="sad",
        human_action="stretching arm",
    ),
)

LIKE_THE_PAPERS: list[tuple[ImageRecord, str, list[tuple[str, str, str]]]] = [
    (SINGER, "categorical", []),
    (BOY, "categorical", []),
    (
        SINGER,
        "conversation",
        [
            ("basic", "What is the woman doing?", "She is singing, and she holds a microphone to her mouth."),
            ("basic", "Is anybody with her?", "No, I can see nobody else; she is alone in the picture."),
            (
                "advanced",
                "Which event could this be, judging by her dress and what she does?",
                "The red dress and the jewellery are chosen for a special evening, so one may infer that music is "
                "being played to guests: a concert perhaps, or a large party of some kind.",
            ),
        ],
    ),
    (
        SINGER,
        "reasoning",
        [
            (
                "reasoning",
                "Considering her clothes, what she does and the excitement in the air, what is going on, and what "
                "makes it so lively?",
                "Singing before people excites both sides, because each reacts to the other. Applause that comes "
                "back from the hall may carry the singer further, and this adds to the excitement.",
            )
        ],
    ),
    (
        BOY,
        "conversation",
        [
            ("basic", "Is the boy alone?", "He is alone. I cannot see any other people or animals."),
            ("basic", "What does he wear on his head?", "A red turban"),
            (
                "advanced",
                "What does the picture tell about the place where he lives?",
                "The fence of wood could belong to a village or a farm. Since a tree stands behind him, he is "
                "probably outdoors, somewhere in the country or at the edge of a forest.",
            ),
        ],
    ),
    (
        BOY,
        "reasoning",
        [
            (
                "reasoning",
                "The boy leans on the fence with a sad face: what might lie behind his sadness, and what has the "
                "place to do with it?",
                "He may feel lonely or troubled: his face is sad, and he leans on the fence like somebody who "
                "looks for something to hold on to.",
            )
        ],
    ),
]
CASES = {f"{record.id}-{name}": (record, name, turns) for record, name, turns in LIKE_THE_PAPERS}


@dataclass(frozen=True)
class Twin:
    """A positive with one change: `old` becomes `new` in the model's text, or the record or the ending differ."""

    reason: str
    case: str
    old: str = ""
    new: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    finish_reason: str = "stop"
    is_kept: bool = False


TWINS = [
    Twin("truncated", "singer-conversation", "to her mouth.", "to her"),
    Twin("truncated", "boy-reasoning", finish_reason="length"),
    Twin(
        "refusal",
        "singer-conversation",
        "No, I can see nobody else; she is alone in the picture.",
        "I'm sorry, but I can't help with that.",
    ),
    Twin("refusal", "boy-conversation", "He is alone.", "As an AI, I see that he is alone."),
    Twin(
        "length",
        "boy-reasoning",
        ": his face is sad, and he leans on the fence like somebody who looks for something to hold on to.",
        ".",
    ),
    Twin("source_leak", "singer-conversation", "one may infer", "the caption lets one infer"),
    Twin("source_leak", "boy-conversation", "outdoors,", "outdoors at a brightness of 0.6,"),
    Twin("source_leak", "singer-reasoning", "Considering her clothes", "Considering the given attributes"),
    Twin(
        "seed_copy",
        "boy-reasoning",
        "something to hold on to.",
        "children missing under this rusty old swing.",
    ),
    Twin("label_conflict", "singer-reasoning", "this adds to the excitement.", "the image evokes fear."),
    Twin("label_conflict", "boy-reasoning", "his face is sad,", "there is no sadness here,"),
    Twin("question_leak", "singer-conversation", "What is the woman doing?", "What shows her excitement?"),
    Twin("question_leak", "boy-conversation", "What does the picture tell about", "How does sadness fill"),
    Twin("ungrounded", "singer-conversation", "holds a microphone to her mouth", "holds a guitar"),
    Twin(
        "ungrounded", "boy-conversation", "a tree stands behind him", "a car stands behind him", is_kept=True
    ),
    Twin("ungrounded", "boy-reasoning", "leans on the fence like", "leans on the car like", is_kept=True),
    *(
        Twin("machine_label", case, record={"origin": {"emotion": "model:clip"}}, is_kept=True)
        for case in ("singer-conversation", "boy-reasoning", "boy-categorical")
    ),
    Twin("no_emotion", "singer-categorical", record={"emotion": None}),
]


def outcome(
    case: str, twin: Twin | None = None, checks: CheckSettings = DEFAULT_CHECKS
) -> Sample | Rejection:
    """Read and check an answer as a run does."""
    twin = twin or Twin("", case)
    record, name, turns = CASES[case]
    record = record.model_copy(update=twin.record)
    judge = Judge(checks, lambda _: [SEED])
    if name == "categorical":
        return judge.direct(record, Categorical())
    pairs = [{"question": question, "answer": answer} for _, question, answer in turns]
    text = json.dumps({"basic": pairs[:2], "advanced": pairs[2]} if name == "conversation" else pairs[0])
    assert text.count(twin.old) == 1 or not twin.old
    completion = Completion(
        text=text.replace(twin.old, twin.new), model="m", finish_reason=twin.finish_reason
    )
    before = Provenance(backend="b", model="m", prompt_sha256="", template_sha256="", seed_ids=(SEED.id,))
    return judge(record, instruction(name), completion, before)


@pytest.mark.parametrize("case", CASES)
def test_answers_like_the_papers_pass(case: str) -> None:
    """What the paper shows in Figures 10 and 11, in other words, passes every default check, unflagged."""
    kept = outcome(case)
    assert isinstance(kept, Sample), kept.detail
    assert kept.flags == ()
    answer = Answer(kept.record, kept.instruction, kept.turns, Completion(text="", model="m"))
    assert Examiner().examine(answer).findings == []


@pytest.mark.parametrize("twin", TWINS, ids=[f"{twin.reason}-{twin.case}" for twin in TWINS])
def test_one_change_is_one_reason(twin: Twin) -> None:
    """The same answer with one thing wrong is rejected, or flagged, for exactly that."""
    made = outcome(twin.case, twin)
    if twin.is_kept:
        assert isinstance(made, Sample), made.reason
        assert made.flags == (twin.reason,)
    else:
        assert isinstance(made, Rejection)
        assert made.reason == twin.reason
        assert made.detail


@pytest.mark.parametrize(
    "twin", [twin for twin in TWINS if twin.old], ids=lambda twin: f"{twin.reason}-{twin.case}"
)
def test_no_other_check_sees_the_change(twin: Twin) -> None:
    """Of all checks together, one finds something: a rejection does not hide a second reason."""
    off = {twin.reason: {"action": "off"}}
    made = outcome(twin.case, twin, CheckSettings.model_validate(off))
    assert isinstance(made, Sample), made.reason
    assert made.flags == ()
