"""Models that see, from the records to the wire and back: against a server on loopback that keeps what it got."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from openai_stub import OpenAIStub, Reply
from PIL import Image

import emogen
import emogen.sight
from emogen.admission import Admission, Limits
from emogen.asking import Asker
from emogen.backends import BackendOptions, RequestError, open_backend
from emogen.backends.embedded import EmbeddedBackend
from emogen.errors import InputError
from emogen.estimates import estimated_usage, image_tokens, most_usage
from emogen.journal import Journal
from emogen.pipeline import generate
from emogen.schemas import ImageRecord, Message, Prompt, Rejection, Sample
from emogen.sight import Sight, image_input

RED, BLUE = (230, 20, 20), (20, 20, 230)


def photograph(path: Path) -> None:
    """A photograph that was taken upright and stored on its side: once upright, red is above blue."""
    image = Image.new("RGB", (1600, 800), RED)
    image.paste(BLUE, (800, 0, 1600, 800))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b"):
        photograph(folder / f"{name}.jpg")
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:2000])
    return folder


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were encoded, one for each time."""
    paths: list[Path] = []
    real = emogen.sight._jpeg
    monkeypatch.setattr(
        emogen.sight, "_jpeg", lambda content, path, seen: paths.append(path) or real(content, path, seen)
    )
    return paths


def records(*names: str) -> Iterator[ImageRecord]:
    for name in names:
        yield ImageRecord(id=name, image=f"{name}.jpg", emotion="awe", caption="A rocket stands on its pad.")


def pictures(body: dict[str, Any]) -> list[tuple[int, Image.Image]]:
    """The pictures in a request's body, each with the number of its message."""
    found = []
    for number, message in enumerate(body["messages"]):
        for part in message["content"] if isinstance(message["content"], list) else ():
            if part["type"] == "image_url":
                head, _, data = part["image_url"]["url"].partition(",")
                assert head == "data:image/jpeg;base64"
                found.append((number, Image.open(io.BytesIO(base64.b64decode(data, validate=True)))))
    return found


async def run(
    stub: OpenAIStub, photos: Path, *names: str, journal: Path | None = None, **options: Any
) -> tuple[list[Sample], list[Rejection]]:
    backend = open_backend("openai:some-model", BackendOptions(base_url=stub.url))
    rejections: list[Rejection] = []
    kept = Journal(journal) if journal else None
    asker = Asker(backend, Admission(Limits()), kept)
    made = generate(
        records(*names),
        types=("conversation", "reasoning"),
        on_rejection=rejections.append,
        asker=asker,
        sight=Sight(photos, **options),
    )
    try:
        async with aclosing(made) as samples:
            return [sample async for sample in samples], rejections
    finally:
        await backend.aclose()
        if kept:
            kept.close()


async def test_the_server_gets_the_picture(stub: OpenAIStub, photos: Path, encodings: list[Path]) -> None:
    """Each request carries the picture in its last message, upright and small, encoded once per image."""
    samples, rejections = await run(stub, photos, "a", "b", longest_side=400)
    assert (len(samples), rejections) == (4, [])
    for body in stub.bodies:
        ((number, picture),) = pictures(body)
        assert number == len(body["messages"]) - 1
        assert picture.format == "JPEG"
        assert picture.size == (200, 400)
        above: Any = picture.getpixel((100, 10))
        below: Any = picture.getpixel((100, 390))
        assert above[0] > 200 > 60 > above[2]
        assert below[2] > 200 > 60 > below[0]
        image, text = body["messages"][-1]["content"]
        assert (image["type"], text["type"]) == ("image_url", "text")
        assert "A rocket stands on its pad." in text["text"]
        assert "It comes with the last message" in body["messages"][0]["content"]
    assert sorted(path.name for path in encodings) == ["a.jpg", "b.jpg"]


async def test_a_row_says_what_was_seen(stub: OpenAIStub, photos: Path, tmp_path: Path) -> None:
    """Provenance holds the file's hash and the picture's size; no file holds the picture."""
    samples, _ = await run(stub, photos, "a", journal=tmp_path / "journal.sqlite")
    for sample in samples:
        (seen,) = sample.provenance.images
        assert (seen.width, seen.height, seen.quality) == (384, 768, 85)
        assert len(seen.sha256) == 64
        assert Sample.model_validate_json(sample.model_dump_json()) == sample
    with Journal(tmp_path / "journal.sqlite") as journal:
        entries = list(journal.entries())
    assert len(entries) == 2
    for entry in entries:
        assert entry.context["parameters"]["see"] == {"longest_side": 768, "jpeg_quality": 85}
        assert len(json.dumps(entry.context)) < 2000


async def test_a_known_answer_needs_no_picture(
    stub: OpenAIStub, photos: Path, tmp_path: Path, encodings: list[Path]
) -> None:
    """Asked again, known answers are replayed and nothing is encoded; after an edit that image alone is asked anew."""
    journal = tmp_path / "journal.sqlite"
    await run(stub, photos, "a", "b", journal=journal)
    first = len(encodings)
    assert len((await run(stub, photos, "a", "b", journal=journal))[0]) == 4
    assert (len(stub.bodies), len(encodings)) == (4, first)
    Image.new("RGB", (50, 40), BLUE).save(photos / "b.jpg")
    await run(stub, photos, "a", "b", journal=journal)
    assert len(stub.bodies) == 6
    assert {pictures(body)[0][1].size for body in stub.bodies[4:]} == {(50, 40)}
    assert encodings[first:] == [photos / "b.jpg"]


async def test_a_correction_shows_the_same_picture(
    stub: OpenAIStub, photos: Path, encodings: list[Path]
) -> None:
    """Corrections and retries send the picture again where it stood before, without encoding it again."""
    stub.plan = [
        Reply(503, {"error": {"message": "busy"}}, {"retry-after-ms": "1"}),
        Reply(text="I'd rather not."),
        Reply(text="I'd rather not."),
    ]
    samples, rejections = await run(stub, photos, "a")
    assert len(samples) + len(rejections) == 2
    corrected = [body for body in stub.bodies if body["messages"][-1]["content"][:11] == "That answer"]
    assert corrected
    for body in stub.bodies:
        ((number, _),) = pictures(body)
        assert number == len(body["messages"]) - (3 if body in corrected else 1)
    assert encodings == [photos / "a.jpg"]


async def test_an_image_that_cannot_be_shown(stub: OpenAIStub, photos: Path) -> None:
    """A missing or broken image rejects its own rows, with its name, before anything is asked about it."""
    samples, rejections = await run(stub, photos, "missing", "broken", "a")
    assert {sample.record.id for sample in samples} == {"a"}
    assert len(samples) == 2
    assert [(row.stage, row.reason) for row in rejections] == [("prompt", "unreadable_image")] * 4
    assert {Path(row.detail.split(": ")[0]).name for row in rejections} == {"missing.jpg", "broken.jpg"}
    assert len(stub.bodies) == 2


async def test_many_unreadable_images_do_not_end_the_run(stub: OpenAIStub, photos: Path) -> None:
    """However many images cannot be read, that is not taken for a server that does not answer."""
    names = [f"missing-{number}" for number in range(20)]
    samples, rejections = await run(stub, photos, *names, "a")
    assert (len(samples), len(rejections)) == (2, 40)


async def test_a_model_that_does_not_see(photos: Path) -> None:
    """Images for a model that takes none are refused before the first request."""
    made = generate(
        records("a"), EmbeddedBackend(BackendOptions()), types=("reasoning",), sight=Sight(photos)
    )
    with pytest.raises(InputError, match="takes no images"):
        async with aclosing(made) as samples:
            await anext(samples)


def question(path: Path) -> Prompt:
    message = Message(role="user", content="What is this?", images=(image_input(path),))
    return Prompt(record_id=path.name, instruction="free", messages=(message,))


async def test_complete_takes_images(stub: OpenAIStub, photos: Path) -> None:
    """`emogen.complete` sends images, too, and one that cannot be read fails its own prompt alone."""
    prompts = [question(photos / "a.jpg"), question(photos / "broken.jpg"), question(photos / "b.jpg")]
    backend = open_backend("openai:some-model", BackendOptions(base_url=stub.url))
    async with aclosing(emogen.complete(prompts, backend)) as answers:
        outcomes = {prompt.record_id: outcome async for prompt, outcome in answers}
    await backend.aclose()
    failed = outcomes.pop("broken.jpg")
    assert isinstance(failed, RequestError)
    assert failed.reason == "unreadable_image"
    assert set(outcomes) == {"a.jpg", "b.jpg"}
    assert [len(pictures(body)) for body in stub.bodies] == [1, 1]


def test_the_estimate_counts_images(photos: Path) -> None:
    """Tokens are estimated by the picture's size, and more of them reserved than expected."""
    prompt = question(photos / "a.jpg")
    (image,) = prompt.images
    words = Prompt(
        record_id="r", instruction="free", messages=(Message(role="user", content="What is this?"),)
    )
    # 384 x 768 pixels are 12 x 24 patches.
    assert image_tokens(image.seen) == 467
    assert estimated_usage(prompt).prompt_tokens - estimated_usage(words).prompt_tokens == 467
    assert most_usage(prompt, {}).prompt_tokens - most_usage(words, {}).prompt_tokens == 2 * 467
