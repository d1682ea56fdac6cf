from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emogen.protocol import categorical_answer, categorical_question
from emogen.schemas import ImageRecord, Provenance, Sample, Turn

PROVENANCE = Provenance(backend="none", model="", prompt_sha256="", template_sha256="")

MakeSample = Callable[..., Sample]


@pytest.fixture
def make_sample() -> MakeSample:
    def make(
        record_id: str = "a",
        *turns: Turn,
        image: str = "photos/a.jpg",
        instruction: str = "conversation",
    ) -> Sample:
        return Sample(
            record=ImageRecord(id=record_id, image=image, emotion="awe"),
            instruction=instruction,
            turns=turns or (Turn(question="What is it?", answer="A rocket.", kind="basic"),),
            provenance=PROVENANCE,
        )

    return make


@pytest.fixture
def samples(make_sample: MakeSample) -> list[Sample]:
    """Two photographs and every instruction type, in completion order."""
    labels = ImageRecord(id="x", image="x").labels
    categorical = Turn(
        question=categorical_question(labels), answer=categorical_answer("awe"), kind="categorical"
    )
    return [
        make_sample(
            "rocket",
            Turn(question="What stands on the pad?", answer="A white rocket.", kind="basic"),
            Turn(question="What colour is the sky?", answer="Deep blue, « nearly » black.", kind="basic"),
            Turn(question="Why might one hold one's breath?", answer="It is about to rise.", kind="advanced"),
            image="photos/rocket.jpg",
        ),
        make_sample(
            "cat",
            Turn(question='What does "Chelsea" feel?', answer="Calm.\nShe looks up…", kind="reasoning"),
            image="photos\\cat ü.jpg",
            instruction="reasoning",
        ),
        make_sample("rocket", categorical, image="photos/rocket.jpg", instruction="categorical"),
    ]


@pytest.fixture
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the photographs that the samples are about."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "photos").mkdir()
    for number, name in enumerate(("rocket.jpg", "cat ü.jpg")):
        (root / "photos" / name).write_bytes(b"\xff\xd8 picture %d" % number)
    return root
