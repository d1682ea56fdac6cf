"""`emogen generate --see` from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from openai_stub import OpenAIStub
from PIL import Image

SECRET = "sk-planted-0123456789abcdef"
PLACE = "somebody-s home"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def shown(stub: OpenAIStub) -> int:
    return json.dumps(stub.bodies).count("data:image/jpeg;base64,")


@pytest.fixture
def records(tmp_path: Path, records_file: Callable[..., Path]) -> Path:
    """Three rockets with photographs, of which the last cannot be read."""
    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[0x010E] = PLACE
    for number in (0, 1):
        Image.new("RGB", (1536, 768), (200, 100 * number, 0)).save(
            tmp_path / f"photos/r{number}.jpg", exif=exif
        )
    (tmp_path / "photos" / "r2.jpg").write_bytes(b"no photograph")
    return records_file(3)


@pytest.fixture
def words(records: Path, stub: OpenAIStub, tmp_path: Path) -> list[object]:
    words = ["generate", records, "--backend", "openai:m", "--base-url", stub.url, "--out", tmp_path / "run"]
    return [*words, "--types", "categorical,conversation,reasoning"]


def test_the_images_go_along(
    emogen: Emogen, words: list[object], stub: OpenAIStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request shows the image; one that cannot be read rejects its rows; no key and no place is kept."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    ran = emogen(*words, "--see", "--image-side", 384, "--image-quality", 60)
    assert ran.code == 0, ran.err
    assert shown(stub) == len(stub.bodies) == 4
    run = tmp_path / "run"
    samples = rows(run / "samples.jsonl")
    assert len(samples) == 3 + 4
    for sample in samples:
        seen = sample["provenance"]["images"]
        assert [(image["width"], image["height"], image["quality"]) for image in seen] == (
            [] if sample["instruction"] == "categorical" else [(384, 192, 60)]
        )
    rejections = rows(run / "rejections.jsonl")
    assert [(row["record_id"], row["stage"], row["reason"]) for row in rejections] == [
        ("r2", "prompt", "unreadable_image")
    ] * 2
    manifest = json.loads((run / "run.json").read_text())
    assert manifest["parameters"]["see"] == {"longest_side": 384, "jpeg_quality": 60}
    written = b"".join(path.read_bytes() for path in run.iterdir())
    for text in (written.decode("utf-8", "replace"), json.dumps(stub.bodies), ran.out, ran.err):
        assert SECRET not in text
        assert PLACE not in text


def test_resumed_and_rebuilt(
    emogen: Emogen, words: list[object], stub: OpenAIStub, tmp_path: Path, records: Path
) -> None:
    """A mended image is asked about on resume, nothing else is; other settings are refused; rebuild changes nothing."""
    run = tmp_path / "run"
    emogen(*words, "--see")
    asked = len(stub.bodies)
    Image.new("RGB", (60, 40)).save(tmp_path / "photos" / "r2.jpg")
    assert emogen(*words, "--see").code == 0
    assert len(stub.bodies) == asked + 2
    assert rows(run / "rejections.jsonl") == []
    before = sorted((run / "samples.jsonl").read_bytes().splitlines())
    assert len(before) == 9
    for other in ([], ["--see", "--image-side", 300]):
        refused = emogen(*words, *other)
        assert refused.code == 2
        assert "other settings: parameters" in refused.err
    assert emogen("rebuild", run).code == 0
    assert sorted((run / "samples.jsonl").read_bytes().splitlines()) == before


def test_told_and_shown_in_one_folder(emogen: Emogen, words: list[object], tmp_path: Path) -> None:
    """A folder that was started anew without images is rebuilt from the answers that were given without them."""
    run = tmp_path / "run"
    emogen(*words, "--see")
    assert emogen(*words, "--overwrite").code == 0
    before = sorted((run / "samples.jsonl").read_bytes().splitlines())
    assert emogen("rebuild", run).code == 0
    assert sorted((run / "samples.jsonl").read_bytes().splitlines()) == before
    assert all(row["provenance"]["images"] == [] for row in rows(run / "samples.jsonl"))


def test_an_image_says_enough(emogen: Emogen, stub: OpenAIStub, tmp_path: Path, records: Path) -> None:
    """A record of which nothing is known but its image is asked about by a model that sees."""
    records.write_text(json.dumps({"image": "photos/r0.jpg", "emotion": "awe"}) + "\n")
    words = ["generate", records, "--backend", "openai:m", "--base-url", stub.url, "--types", "reasoning"]
    assert emogen(*words, "--out", tmp_path / "told").code == 1
    assert stub.bodies == []
    assert emogen(*words, "--out", tmp_path / "shown", "--see").code == 0
    assert shown(stub) == 1


def test_a_trial(emogen: Emogen, words: list[object], stub: OpenAIStub, tmp_path: Path) -> None:
    """`--show-prompt` and `--dry-run` say that the image goes along, count it, and name what cannot be read."""
    one = emogen(*words, "--see", "--show-prompt")
    assert one.code == 0, one.err
    assert "--- user\n[the image, as a JPEG of 768 x 384 pixels]\nCaption: A rocket" in one.out
    assert "base64" not in one.out

    def tokens(*more: object) -> int:
        ran = emogen(*words, "--dry-run", *more)
        assert ran.code == 0, ran.err
        (line,) = [line for line in ran.out.splitlines() if "prompt tokens" in line]
        assert ("about 1 record with an image that cannot be read" in ran.out) is bool(more)
        return int(line.split()[1].replace(",", ""))

    # 4 requests for the two images, each of 24 x 12 patches, against 6 without images.
    assert tokens("--see") > tokens() * 4 / 6 + 4 * 24 * 12 * 1.5
    assert stub.bodies == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--show-prompt"]])
def test_a_model_that_does_not_see(emogen: Emogen, records: Path, tmp_path: Path, more: list[str]) -> None:
    """A model that takes no images is refused before anything is made or asked."""
    ran = emogen("generate", records, "--backend", "embedded", "--out", tmp_path / "run", "--see", *more)
    assert ran.code == 2
    assert "error: --see: embedded takes no images. Leave it out, or name a model that sees." in ran.err
    assert not (tmp_path / "run").exists()


def test_nothing_is_loaded_without_the_option(words: list[object]) -> None:
    """Without `--see` no image library is loaded."""
    code = (
        f"import sys\nsys.argv = ['emogen', *{[str(word) for word in words]!r}]\n"
        "from emogen.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "assert 'PIL' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
