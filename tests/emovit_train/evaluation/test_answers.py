"""Readings of answers: the peers' bugs, the rules one by one, and what holds for any answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.labels import LABEL_SETS
from emogen.protocol import categorical_answer, categorical_question, evaluation_instruction
from emovit_train.evaluation.answers import UNKNOWN, best, read_lenient, read_strict
from emovit_train.evaluation.datasets.webemo import WEBEMO_25

MIKELS, EKMAN, LOVE = (LABEL_SETS[name] for name in ("mikels-8", "ekman-6", "unbiased-6"))
SETS = [MIKELS, EKMAN, LOVE, WEBEMO_25, ("positive", "negative")]
a_set = st.sampled_from(SETS)


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Predict emotion: fear.", "fear"),
        ("Predicted emotion: Fear", "fear"),
        ("Predicted emotion: fear.\nReason: the dark sky.", "fear"),
        ("fear", UNKNOWN),
        ("Predict emotion: scared.", UNKNOWN),
        ("Predict emotion: fear, sadness.", UNKNOWN),
        ("I would say: Predict emotion: fear.", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_strict(answer: str, label: str) -> None:
    """The paper's form and nothing else."""
    assert read_strict(answer, MIKELS) == label


def test_nothing_found_is_unknown_and_never_the_first_candidate() -> None:
    """The first of the peers' bugs."""
    for labels in SETS:
        assert read_lenient("I cannot tell.", labels) == UNKNOWN
        assert read_strict("I cannot tell.", labels) == UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        "An awesome view.",
        "There is danger ahead.",
        "A fearless man.",
        "He discontentedly looks.",
        "A non-fear scene.",
    ],
)
def test_no_label_inside_of_a_word(answer: str) -> None:
    """The second: `awe` in `awesome`, `anger` in `danger`."""
    assert read_lenient(answer, MIKELS) == UNKNOWN


@pytest.mark.parametrize("labels", SETS)
def test_a_repeated_list_is_no_answer(labels: tuple[str, ...]) -> None:
    """The third: the first option of a list that the answer repeats does not win."""
    question = categorical_question(labels)
    assert read_lenient(question, labels, question) == UNKNOWN
    assert read_lenient(f"The options are {', '.join(labels)}.", labels) == UNKNOWN
    assert read_lenient(f"From {', '.join(labels)}, I see: {labels[-1]}.", labels) == labels[-1]
    lettered = "\n".join(f"({chr(65 + place)}) {label}" for place, label in enumerate(labels))
    assert read_lenient(f"{lettered}\nPredicted emotion: {labels[1]}", labels) == labels[1]
    asked = evaluation_instruction("paper-1", labels)
    assert read_lenient(f"{asked} {labels[0]}", labels, asked) == labels[0]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("It is not fear but awe.", "awe"),
        ("Awe, not fear.", "awe"),
        ("The picture isn't about fear, anger or sadness. It shows contentment.", "contentment"),
        ("Fear is not what I feel; it's excitement.", "excitement"),
        ("Awe rather than fear", "awe"),
        ("Not only awe, one might say", "awe"),
        ("No doubt this is awe.", "awe"),
        ("There is neither fear nor anger.", UNKNOWN),
    ],
)
def test_what_is_denied_is_not_meant(answer: str, label: str) -> None:
    """Denied labels are dropped, what stands before or after them is kept."""
    assert read_lenient(answer, MIKELS) == label


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("B", "anger"),
        ("(C)", "awe"),
        ("(B) anger", "anger"),
        ("G. fear", "fear"),
        ("Answer: H", "sadness"),
        ("The correct option is D.", "contentment"),
        ("Z", UNKNOWN),
        ("(A) anger", UNKNOWN),
        ("A man walks.", UNKNOWN),
        ("The answer is a feeling of awe", "awe"),
    ],
)
def test_letters(answer: str, label: str) -> None:
    """A letter names an option by its place; a letter and a word that differ are unknown; an article is no letter."""
    assert read_lenient(answer, MIKELS) == label


@pytest.mark.parametrize(
    ("answer", "labels", "label"),
    [
        ("It makes me scared.", MIKELS, "fear"),
        ("One feels happy.", EKMAN, "joy"),
        ("One feels happy.", MIKELS, UNKNOWN),
        ("A rage", MIKELS, "anger"),
        ("A rage", WEBEMO_25, "rage"),
        ("Viewers feel content.", MIKELS, "contentment"),
        ("The content of the image is a dog.", MIKELS, UNKNOWN),
        ("I'm afraid I see nothing.", MIKELS, UNKNOWN),
        ("I would love to help.", LOVE, UNKNOWN),
        ("Cheerfullness", WEBEMO_25, "cheerfulness"),
        ("The amusing dog evokes contentment.", MIKELS, "contentment"),
        ("**Awe**", MIKELS, "awe"),
    ],
)
def test_other_words(answer: str, labels: tuple[str, ...], label: str) -> None:
    """Other words count where no label is named, and where they are no labels themselves; idioms do not."""
    assert read_lenient(answer, labels) == label


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Fear. The dark sky adds to the sadness.", "fear"),
        ("There is sadness in it. Predicted emotion: fear. Reason: anger shows.", "fear"),
        ("The emotion is awe; some excitement, too", "awe"),
        ("emotion: fear, sadness", UNKNOWN),
        ("A mix of fear and sadness.", UNKNOWN),
    ],
)
def test_several_labels(answer: str, label: str) -> None:
    """What is marked as the answer decides; without a mark two labels are no answer."""
    assert read_lenient(answer, MIKELS) == label


@given(a_set, st.data())
def test_the_paper_s_form_is_read_by_both(labels: tuple[str, ...], data: st.DataObject) -> None:
    """Each label's answer in the paper's form is that label, whatever the set and the order of options."""
    options = data.draw(st.permutations(labels))
    label = data.draw(st.sampled_from(labels))
    for answer in (categorical_answer(label), label.upper(), f"Predicted emotion: {label}"):
        assert read_lenient(answer, options, categorical_question(options)) == label
    assert read_strict(categorical_answer(label), options) == label


@given(a_set, st.text(max_size=200), st.text(max_size=40))
def test_any_text_is_a_label_or_unknown(labels: tuple[str, ...], answer: str, question: str) -> None:
    """No answer breaks a reading."""
    assert read_lenient(answer, labels, question) in {*labels, UNKNOWN}
    assert read_strict(answer, labels) in {*labels, UNKNOWN}


@given(a_set, st.data())
def test_a_label_within_letters_is_none(labels: tuple[str, ...], data: st.DataObject) -> None:
    """Letters before or after a label make another word of it."""
    letters = st.text("bcdfghjklmnpqrtvwxz", min_size=3, max_size=5)
    label, extra = data.draw(st.sampled_from(labels)), data.draw(letters)
    assert read_lenient(f"it is {label}{extra}", labels) == UNKNOWN
    assert read_lenient(f"it is {extra}{label}", labels) == UNKNOWN


def test_best_is_the_highest() -> None:
    """Of equal scores the first."""
    assert best({"a": -2.0, "b": -1.0, "c": -1.0}) == "b"
