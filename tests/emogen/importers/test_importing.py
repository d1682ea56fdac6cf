"""Files that others made: what becomes of their rows, by which rules, and what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emogen.errors import InputError, UnknownNameError
from emogen.importers.reading import Importing
from emogen.labels import LABEL_SETS
from emogen.schemas import Rejection, Sample

CATEGORICAL = (
    "Please select the emotion closest to the image from the following options: joy, anger and awe.",
    "Predict emotion: awe.",
)


def row(*pairs: tuple[str, str], image: str | None = "a.jpg", **fields: Any) -> dict[str, Any]:
    turns = [
        {"from": who, "value": text}
        for pair in pairs
        for who, text in zip(("human", "gpt"), pair, strict=True)
    ]
    return {**({"image": image} if image else {}), "conversations": turns, **fields}


def read(tmp_path: Path, rows: list[Any], format: str = "llava", **options: Any) -> list[Sample | Rejection]:
    path = tmp_path / "file.json"
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]")
    return list(Importing(path, format, **options).outcomes())


def samples(tmp_path: Path, rows: list[Any], format: str = "llava", **options: Any) -> list[Sample]:
    found = read(tmp_path, rows, format, **options)
    assert all(isinstance(each, Sample) for each in found), found
    return found  # type: ignore[return-value]


def ids(found: list[Sample]) -> list[str]:
    return [each.id for each in found]


def test_the_released_emovit_file_is_read(tmp_path: Path) -> None:
    """EmoVIT's ids are numbers within a class: records are called by their images, and rows of one are gathered."""
    rows = [
        row(("Q1?", "A."), id="00012", image="awe_00012.jpg"),
        row(("Q2?", "B."), id="00012", image="awe_00012.jpg"),
        row(("Why?", "C."), id="00012", image="awe_00012.jpg"),
        row(("Why?", "D."), id="00012", image="awe_00012.jpg"),
        row(("Why?", "E."), id="00012", image="fear_00012.jpg"),
        row(("Which emotion?", "Predict emotion: awe"), id="00012", image="awe_00012.jpg"),
    ]
    found = samples(tmp_path, rows, "emovit")
    assert ids(found) == [
        "awe_00012/conversation",
        "awe_00012/reasoning",
        "fear_00012/reasoning",
        "awe_00012/categorical",
    ]
    assert [turn.kind for turn in found[0].turns] == ["basic", "basic", "advanced"]
    assert [each.record.emotion for each in found] == ["awe", "awe", None, "awe"]
    assert found[0].record.labels == LABEL_SETS["mikels-8"]
    assert found[0].record.origin == {"emotion": "categorical answer"}
    assert found[0].provenance.backend == "import:emovit"


def test_a_row_of_several_questions_is_a_conversation(tmp_path: Path) -> None:
    """LLaVA's own rows keep their ids; a second conversation about the same image is another record."""
    talk = row(("<image>\nWhat?", "A cat."), ("Why?", "It sleeps."), id=33471, image="coco/33471.jpg")
    last = row(("What?\n<image>", "A cat."), id="000", image="coco/33471.jpg")
    found = samples(tmp_path, [talk, talk, last])
    assert ids(found) == ["33471/conversation", "33471#2/conversation", "000/conversation"]
    assert [turn.question for turn in found[0].turns] == ["What?", "Why?"]
    assert found[2].turns[0].question == "What?"
    assert {each.record.image for each in found} == {"coco/33471.jpg"}


def test_one_id_for_two_images_is_two_records(tmp_path: Path) -> None:
    """A record is about one image, whatever its rows are called."""
    found = samples(
        tmp_path, [row(("Why?", "So."), id="1", image=name) for name in ("a.jpg", "b.jpg", "a.jpg")]
    )
    assert ids(found) == ["1/reasoning", "1#2/reasoning", "1#3/reasoning"]


@pytest.mark.parametrize(
    ("pair", "instruction"),
    [
        (CATEGORICAL, "categorical"),
        (("What is felt?", "predicted emotion: Awe"), "categorical"),
        (("Which emotion?", "Sadness."), "categorical"),
        (("From the given options: joy, fury, identify one.", "fury"), "categorical"),
        (("Why is it so?", "Because of the light."), "reasoning"),
        (("What makes it calm?", "The light."), "reasoning"),
        (("Is it dark?", "No."), "conversation"),
        (("Who is there?", "Joyful people."), "conversation"),
    ],
)
def test_the_type_of_a_single_question_is_guessed(
    pair: tuple[str, str], instruction: str, tmp_path: Path
) -> None:
    """An answer in a categorical form is categorical; a question for reasons is reasoning; else it is conversation."""
    (found,) = samples(tmp_path, [row(pair, id="a")])
    assert found.instruction == instruction


def test_labels_are_the_user_s_the_question_s_or_known_ones(tmp_path: Path) -> None:
    """--labels goes before the options of the question, and these before the known label sets."""
    (found,) = samples(tmp_path, [row(CATEGORICAL)])
    assert found.record.labels == ("joy", "anger", "awe")
    (found,) = samples(tmp_path, [row(CATEGORICAL)], labels=("awe", "fear"))
    assert (found.record.emotion, found.record.labels) == ("awe", ("awe", "fear"))
    (found,) = samples(tmp_path, [row(("Which?", "Love"))])
    assert found.record.labels == LABEL_SETS["unbiased-6"]
    (found,) = samples(tmp_path, [row(("Which?", "Predict emotion: gusto."))])
    assert (found.record.emotion, found.record.labels) == ("gusto", ("gusto",))


def test_where_two_records_of_an_image_disagree_only_each_itself_knows(tmp_path: Path) -> None:
    """Another row about the image gets neither's emotion."""
    rows = [
        row(("Which?", "awe"), id="a"),
        row(("Which?", "fear"), id="b"),
        row(("Why?", "So."), id="c"),
        row(("Why?", "So."), id="a"),
    ]
    assert [each.record.emotion for each in samples(tmp_path, rows)] == ["awe", "fear", None, "awe"]


def test_other_forms_are_read(tmp_path: Path) -> None:
    """A system's turn and a list of one image (LLaMA-Factory), plain contents (TRL), several answers (VQA)."""
    turns = [("system", "Be kind."), ("human", "<image>Why?"), ("gpt", "So.")]
    spoken = {"images": ["a.jpg"], "conversations": [{"from": who, "value": text} for who, text in turns]}
    (found,) = samples(tmp_path, [spoken], "sharegpt")
    assert (found.turns[0].question, found.record.image, found.id) == ("Why?", "a.jpg", "a/reasoning")
    annotation = {"question": "Why?", "image": "b/a.jpg", "answer": ["no", "so", "so"], "dataset": "vqa"}
    (found,) = samples(tmp_path, [annotation], "instructblip")
    assert (found.id, found.turns[0].answer) == ("b/a/reasoning", "so")
    plain = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    (tmp_path / "a.jsonl").write_text(json.dumps({"messages": plain, "images": [{"path": "a.jpg"}]}))
    (only,) = Importing(tmp_path / "a.jsonl", "messages").outcomes()
    assert isinstance(only, Sample)
    assert (only.id, only.turns[0].answer) == ("a/reasoning", "So.")


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("text", "must be an object"),
        ({}, "conversations must be a list"),
        (row(("Q?", "A."), image=None), "must name an image"),
        (row(("Q?", "A."), image="/etc/a.jpg"), "must be relative"),
        (row(("Q?", "A."), image="../a.jpg"), "stay inside the image folder"),
        (row(("Q?", "A."), images=["a.jpg", "b.jpg"]), "must be one image, not 2"),
        (row(("Q?", " ")), "conversations[1] must be text"),
        (row(("<image>", "A.")), "conversations[0] must be text"),
        (row(("Q?", "\ud83d")), "must be valid Unicode"),
        (row(("Q?", None)), "must be text, not None"),  # type: ignore[arg-type]
        ({**row(("Q?", "A.")), "conversations": [{"from": "gpt", "value": "A."}]}, "must be said by human"),
        ({**row(), "conversations": [{"from": "human", "value": "A."}]}, "questions with an answer each"),
        ({**row(), "conversations": []}, "questions with an answer each, not 0"),
    ],
)
def test_what_cannot_be_read_is_listed_with_its_place(bad: Any, what: str, tmp_path: Path) -> None:
    """A row costs only itself, and is kept as it was."""
    rejected, kept = sorted(
        read(tmp_path, [bad, row(("Why?", "So."))]), key=lambda each: isinstance(each, Sample)
    )
    assert isinstance(kept, Sample)
    assert isinstance(rejected, Rejection)
    assert rejected.record_id == f"{tmp_path}/file.json:2: row 0"
    assert what in rejected.detail
    assert json.loads(rejected.raw_answer or "") == bad


def test_formats_that_cannot_be_read_back_are_refused(tmp_path: Path) -> None:
    """Another format is answered with those that are known; broken JSON with its place."""
    with pytest.raises(UnknownNameError, match="Known: emovit, imagefolder, instructblip"):
        Importing(tmp_path, "coco")
    (tmp_path / "a.json").write_text("[{]")
    with pytest.raises(InputError, match=r"a\.json:1:3"):
        list(Importing(tmp_path / "a.json", "llava").outcomes())
