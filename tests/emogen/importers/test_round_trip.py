"""Export and import again: what comes back is what went out, but for what a format does not hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from export_tree import contents

from emogen.exporters import EXPORTERS
from emogen.exporters.export import export
from emogen.exporters.options import ExportOptions
from emogen.importers import IMPORTERS
from emogen.importers.reading import Importing
from emogen.importers.run import import_run
from emogen.instructions.categorical import Categorical
from emogen.labels import LABEL_SETS
from emogen.schemas import Attributes, ImageRecord, Provenance, Sample, Turn, TurnKind
from emogen.stored import stored_samples

PROVENANCE = Provenance(backend="openai", model="m", prompt_sha256="1", template_sha256="2")
# The formats with a column for each thing that is known, kinds and emotion among them.
COLUMNS = ("imagefolder", "parquet", "webdataset")
# The formats whose rows hold the record's id; the others name it by its image.
HOLD_IDS = ("emovit", "lavis-llava", "llava", "messages", "sharegpt", *COLUMNS)


def record(name: str, **fields: Any) -> ImageRecord:
    labels = ("joy", "anger", "awe")
    return ImageRecord(id=name, image=f"photos/{name}.jpg", emotion="awe", labels=labels, **fields)


def sample(of: ImageRecord, instruction: str) -> Sample:
    if instruction == "categorical":
        turns = Categorical().turns(of)
        assert isinstance(turns, tuple)
    elif instruction == "reasoning":
        turns = (Turn(question="Why «so»?\n", answer=" Because.\nOf it … ", kind="reasoning"),)
    else:
        pairs = (
            ("What is it?", "A bird.", "basic"),
            ("Where?", "Up.", "basic"),
            ("Why?", "It flies.", "advanced"),
        )
        turns = tuple(Turn(question=q, answer=a, kind=kind) for q, a, kind in pairs)  # type: ignore[arg-type]
    return Sample(record=of, instruction=instruction, turns=turns, provenance=PROVENANCE)


TYPES = ("categorical", "conversation", "reasoning")
RECORDS = (
    record("bird", split="train", caption="A bird.", attributes=Attributes(brightness=0.5)),
    record("awe_00012", split="test"),
)
SAMPLES = [sample(of, kind) for of in RECORDS for kind in TYPES]


def held(sample: Sample) -> Sample:
    """What the formats hold of a sample: no caption, no attribute, nothing of how it came about."""
    bare = sample.record.model_copy(update={"caption": None, "attributes": Attributes(), "origin": {}})
    bare = bare.model_copy(update={"image": Path(bare.image).name})
    return sample.model_copy(update={"record": bare, "provenance": PROVENANCE})


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> Path:
    """The images, for the formats that hold them."""
    for of in RECORDS:
        path = tmp_path / "pictures" / of.image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xd8 " + of.id.encode())
    return tmp_path / "pictures"


def again(samples: list[Sample], format: str, tmp_path: Path, **options: Any) -> list[Sample]:
    """Return what is read from the export of samples."""
    options = {"split": "all", "image_root": tmp_path / "pictures", **options}
    export(samples, format, tmp_path / "out", ExportOptions(**options))
    found = list(Importing(tmp_path / "out", format).outcomes())
    assert all(isinstance(each, Sample) for each in found), found
    return found  # type: ignore[return-value]


def by_id(samples: list[Sample]) -> list[Sample]:
    return sorted(map(held, samples), key=lambda sample: sample.id)


@pytest.mark.parametrize(
    ("format", "turns"), [(name, turns) for name in HOLD_IDS for turns in EXPORTERS.get(name)().turns]
)
def test_samples_come_back_equal(format: str, turns: Any, tmp_path: Path) -> None:
    """Record, label set, emotion, split, type, and each turn with its kind are as they were."""
    found = again(SAMPLES, format, tmp_path, turns=turns, split_by=(1, 0, 0))
    assert by_id(found) == by_id(SAMPLES)


def test_annotations_come_back_under_the_names_of_their_images(tmp_path: Path) -> None:
    """VQA annotations hold no record id, so that a record is called like its image; all else is equal."""
    found = again(SAMPLES, "instructblip", tmp_path, split_by=(1, 0, 0))
    renamed = [
        each.model_copy(update={"record": each.record.model_copy(update={"id": f"photos/{each.record.id}"})})
        for each in SAMPLES
    ]
    assert by_id(found) == by_id(renamed)


@pytest.mark.parametrize(
    "format", [name for name in IMPORTERS.names() if not EXPORTERS.get(name)().layout.always_folder]
)
def test_one_file_says_no_split(format: str, tmp_path: Path) -> None:
    """Only the names of an export's parts tell the split: in a single file it is lost."""
    assert {each.record.split for each in again(SAMPLES, format, tmp_path)} == {None}


@pytest.mark.parametrize("format", [name for name in IMPORTERS.names() if name not in COLUMNS])
def test_without_a_categorical_row_the_emotion_is_lost(format: str, tmp_path: Path) -> None:
    """No other row says which emotion the image has."""
    found = again([each for each in SAMPLES if each.instruction == "conversation"], format, tmp_path)
    assert len(found) == 2
    assert {each.record.emotion for each in found} == {None}


@pytest.mark.parametrize("format", COLUMNS)
@pytest.mark.parametrize("turns", ["single", "conversation"])
def test_columns_say_emotion_and_kinds_of_every_row(format: str, turns: Any, tmp_path: Path) -> None:
    """They need no categorical row, and no rule by which the kinds of turns are guessed."""
    said: tuple[TurnKind, ...] = ("advanced", "basic")
    pairs = tuple(Turn(question=f"{kind}?", answer="Yes.", kind=kind) for kind in said)
    one = sample(RECORDS[1], "conversation").model_copy(update={"turns": pairs})
    (found,) = again([one], format, tmp_path, turns=turns)
    assert found.turns == one.turns
    assert (found.record.emotion, found.record.origin) == ("awe", {"emotion": "column"})
    assert found.record.labels == LABEL_SETS["mikels-8"]


def test_emovit_s_rows_tell_types_by_their_order(tmp_path: Path) -> None:
    """Reasoning that stands alone is known by its question only: this is what EmoVIT's form loses."""
    alone = sample(RECORDS[0], "reasoning")
    (found,) = again([alone], "emovit", tmp_path)
    assert found.instruction == "reasoning"
    turn = Turn(question="Tell me of the mood.", answer="Calm.", kind="reasoning")
    (found,) = again([alone.model_copy(update={"turns": (turn,)})], "emovit", tmp_path)
    assert (found.instruction, found.turns[0].kind) == ("conversation", "basic")


@pytest.mark.parametrize("format", HOLD_IDS)
def test_what_was_imported_is_exported_to_the_same_bytes(format: str, tmp_path: Path, pictures: Path) -> None:
    """A file of ours that went through a run is the file that it was."""
    options = ExportOptions(split="all", split_by=(1, 0, 0), image_root=pictures)
    first, run, second = (tmp_path / name for name in ("first", "run", "second"))
    export(SAMPLES, format, first, options)
    importing = Importing(first, format)
    import_run(importing, run, image_root=first)
    inside = run / "images" if importing.holds_images else first
    root = inside if format in COLUMNS else pictures
    export(stored_samples(run / "samples.jsonl"), format, second, replace(options, image_root=root))
    # Image folders name the splits' folders, which become a part of their paths.
    if format != "imagefolder":
        assert contents(second) == contents(first)
    else:
        assert (second / "test" / "test" / "photos" / "awe_00012.jpg").is_file()
