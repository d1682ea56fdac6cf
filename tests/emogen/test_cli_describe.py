from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from command_line import Emogen
from noise_images import noise_images
from own_process import Program
from PIL import Image

from emogen.sources import read_records


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def answer(**fields: object) -> dict[str, object]:
    said = {
        "caption": "A grey square.",
        "scene": "attic",
        "object": ["Hat"],
        "facial_expression": "none",
        "human_action": "none",
        **fields,
    }
    return {"text": json.dumps(said)}


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Six images of noise, without labels."""
    return noise_images(tmp_path / "photographs", 6)


def test_models_in_this_process(emogen: Emogen, photographs: Path) -> None:
    """A captioner and a tagger fill in captions, attributes and emotions, each with its model's name as origin."""
    models = photographs.parent / "models"
    captioner, tagger = tiny_models.encoder_decoder(models / "writer"), tiny_models.clip(models / "clip")
    loose = "scene=0,object=0,facial_expression=0,human_action=0,emotion=0"
    words = ["describe", photographs, "--captioner", captioner, "--tagger", tagger, "--emotion"]
    words += ["--thresholds", loose]
    out = photographs.parent / "records.jsonl"
    ran = emogen(*words, "--batch-size", 4, "--out", out)
    assert ran.code == 0, ran.err
    assert f"described 6 of 6 images → {out}" in ran.out
    records = list(read_records(out))
    assert len(records) == 6
    for record in records:
        assert record.model_behind("caption") == "writer"
        assert record.emotion in record.labels
        assert record.model_behind("emotion") == "clip"
        assert record.origin["brightness"] == "pixels"
        assert set(record.origin) <= {"emotion", "caption", *type(record.attributes).model_fields}
    assert not (photographs.parent / "records.work").exists()
    again = photographs.parent / "again.jsonl"
    assert emogen(*words, "--batch-size", 1, "--out", again).code == 0
    assert again.read_bytes() == out.read_bytes()


def test_a_model_that_sees(emogen: Emogen, photographs: Path, answers_file: Callable[..., Path]) -> None:
    """One request for each image answers for captioner and tagger; a value of no vocabulary is asked for once more."""
    outside, inside = answer(scene="the moon"), answer(scene="Beach house")
    script = answers_file(*({**said, "record_id": "0"} for said in (outside, inside)), *[answer()] * 5)
    backend = f"api:scripted:{script}"
    out = photographs.parent / "records.jsonl"
    words = ["describe", photographs, "--captioner", backend, "--tagger", backend, "--out", out]
    ran = emogen(*words)
    assert ran.code == 0, ran.err
    first, *others = read_records(out)
    assert (first.attributes.scene, first.attributes.object) == ("beach_house", ("Hat",))
    assert first.attributes.facial_expression is None
    assert first.model_behind("caption") == first.model_behind("object") == "scripted"
    assert [record.attributes.scene for record in others] == ["attic"] * 5
    assert (photographs.parent / "records.work" / "answers.sqlite").is_file()
    # All is in the journal, so that the same command asks nothing: the script would be at its end.
    before = out.read_bytes()
    assert emogen(*words).code == 0
    assert out.read_bytes() == before


def test_values_outside_are_refused(
    emogen: Emogen, photographs: Path, answers_file: Callable[..., Path]
) -> None:
    """What is no value of EmoSet after a second request, too, is left out and told; the rest of the answer counts."""
    for number in range(1, 6):
        (photographs / f"{number}.png").unlink()
    script = answers_file(answer(scene="moon"), answer(scene="mars", object=["Hat", "Ray gun"]))
    out = photographs.parent / "records.jsonl"
    ran = emogen("describe", photographs, "--tagger", f"api:scripted:{script}", "--out", out)
    assert ran.code == 0
    (record,) = read_records(out)
    assert (record.attributes.scene, record.attributes.object) == (None, ("Hat",))
    assert "'mars' is none of the values of scene" in ran.err
    assert "'Ray gun' is none of the values of object" in ran.err


def test_failed_requests_are_asked_again(
    emogen: Emogen, photographs: Path, answers_file: Callable[..., Path]
) -> None:
    """A request that fails leaves its record without the field, is told, and is asked by the same command alone."""
    failed = {"error": "server_error", "record_id": "3"}
    captions = [{"text": '{"caption": "Noise."}', "record_id": str(number)} for number in (0, 1, 2, 4, 5)]
    script = answers_file(*captions, failed)
    out = photographs.parent / "records.jsonl"
    words = ["describe", photographs, "--no-objects", "--captioner", f"api:scripted:{script}", "--out", out]
    ran = emogen(*words)
    assert ran.code == 1
    assert "1 images lack what a model was asked for" in ran.err
    assert [record.caption for record in read_records(out)].count(None) == 1
    (problem,) = lines(photographs.parent / "records.problems.jsonl")
    assert (problem["where"], problem["left_out"]) == ("3.png", False)
    assert "server_error" in problem["what"]


def test_labels_stay(emogen: Emogen, photographs: Path) -> None:
    """An emotion that the data say stays, with its origin; images without one are counted, or labelled by the model."""
    folder = photographs.parent / "labelled"
    (folder / "awe").mkdir(parents=True)
    for number in (0, 1):
        target = folder / ("awe" if number else "") / f"{number}.png"
        (photographs / f"{number}.png").rename(target)
    plain = emogen("describe", folder, "--no-objects", "--out", photographs.parent / "plain.jsonl")
    assert "1 of 2 records have no emotion" in plain.out
    tagger = tiny_models.siglip(photographs.parent / "siglip")
    out = photographs.parent / "records.jsonl"
    words = [
        "--tagger",
        tagger,
        "--attributes",
        "none",
        "--emotion",
        "--thresholds",
        "emotion=0",
        "--no-objects",
    ]
    assert emogen("describe", folder, *words, "--out", out).code == 0
    origins = {record.id: record.origin["emotion"] for record in read_records(out)}
    assert origins == {"0": "model:siglip", "awe/1": "folder"}
    listed = emogen("records", out, "--out", photographs.parent / "listed.jsonl")
    assert "1 of the emotions are a model's word (siglip 1)" in listed.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--emotion"], "--emotion: nobody is there to name it"),
        (["--caption-prompt", "a photo of"], "--caption-prompt: nobody writes captions"),
        (["--attributes", "scenery"], "Did you mean 'scene'"),
        (["--thresholds", "scene=2"], "--thresholds: not a share from 0 to 1: scene=2"),
        (["--thresholds", "scenery=0.2"], "Did you mean 'scene'"),
        (["--tagger", "./missing"], "--tagger ./missing: no such folder"),
        (["--tagger", "api:nobody"], "unknown backend or model 'nobody'"),
        (["--captioner", "api:embedded"], "--captioner: "),
        (["--calibrate", "missing.json"], "missing.json: cannot be read"),
        (["--max-cost", "-1"], "--max-cost: below 0"),
    ],
)
def test_refused_options(emogen: Emogen, photographs: Path, words: list[str], expected: str) -> None:
    """An option that cannot be used is named in one line with the remedy, before anything is written."""
    out = photographs.parent / "records.jsonl"
    ran = emogen("describe", photographs, "--no-objects", *words, "--out", out)
    assert (ran.code, expected in ran.err) == (2, True), ran.err
    assert not out.exists()


def test_calibrated(emogen: Emogen, photographs: Path) -> None:
    """Annotated images make a map that is saved beside the records, used, and can be used again from its file."""
    annotated = photographs.parent / "annotated"
    annotated.mkdir()
    rows = []
    for number in range(40):
        Image.new("RGB", (4, 4), (number * 6,) * 3).save(annotated / f"{number}.png")
        note = {"file_name": f"{number}.png", "brightness": round(number / 40, 1), "colorfulness": 0.0}
        rows.append(json.dumps(note))
    (annotated / "metadata.jsonl").write_text("\n".join(rows))
    Image.new("RGB", (4, 4), (60,) * 3).save(photographs / "dark.png")
    out = photographs.parent / "records.jsonl"
    words = ["describe", photographs, "--no-objects", "--out"]
    ran = emogen(*words, out, "--calibrate", annotated)
    assert ran.code == 0, ran.err
    assert "calibrated on 40 images of annotated; mean error on those left out: brightness 0." in ran.out
    dark = next(record for record in read_records(out) if record.id == "dark")
    assert dark.origin["brightness"] == dark.origin["colorfulness"] == "pixels+map"
    # The eleventh of forty levels; by its pixels it would be 0.24.
    assert dark.attributes.brightness == pytest.approx(0.25, abs=0.051)
    saved = photographs.parent / "records.calibration.json"
    again = photographs.parent / "again.jsonl"
    assert emogen(*words, again, "--calibrate", saved).code == 0
    assert again.read_bytes() == out.read_bytes()


def test_too_few_to_calibrate(emogen: Emogen, photographs: Path) -> None:
    """A map is not fitted to a handful of images."""
    out = photographs.parent / "records.jsonl"
    ran = emogen("describe", photographs, "--no-objects", "--calibrate", photographs, "--out", out)
    assert ran.code == 2
    assert "only 0 images" in ran.err


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_interrupted(tmp_path: Path, emogen: Emogen, stop: signal.Signals) -> None:
    """Ctrl-C and a kill leave no half of a file; the same command goes on, and ends with the same bytes."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(150):
        Image.effect_noise((200, 200), 50).save(folder / f"{number}.png")
    out = tmp_path / "records.jsonl"
    with Program("describe", folder, "--out", out, "--no-objects") as process:
        work = tmp_path / "records.work" / "found.sqlite-wal"
        limit_s = time.monotonic() + 60
        while not (work.exists() and work.stat().st_size > 12_000) and time.monotonic() < limit_s:
            time.sleep(0.01)
        process.send_signal(stop)
        said, err = process.communicate()
        code = process.poll()
    assert said == ""
    if stop is signal.SIGINT:
        assert code == 130
        assert err.strip().splitlines()[-1].startswith(f"interrupted; {work.parent} keeps what is done")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "records.work"]
    assert emogen("describe", folder, "--out", out, "--no-objects").code == 0
    undisturbed = tmp_path / "undisturbed.jsonl"
    assert emogen("describe", folder, "--out", undisturbed, "--no-objects").code == 0
    assert out.read_bytes() == undisturbed.read_bytes()
    assert len(lines(out)) == 150


def test_nothing_can_be_described(emogen: Emogen, tmp_path: Path) -> None:
    """Where not one image can be read, each is named once, and nobody is sent to a file that was not written."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("no image")
    out = tmp_path / "records.jsonl"
    ran = emogen("describe", tmp_path, "--no-objects", "--out", out)
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "described 0 of 2 images"
    assert "left out a.png: not an image, or a damaged one." in ran.err
    assert "none of 2 rows or images can be used" in ran.err
    assert not out.exists()
