"""How far rows have come, where the model sees the images."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from batch_world import World
from PIL import Image

from emogen.admission import Limits as RequestLimits
from emogen.asking import open_asker
from emogen.backends import BackendOptions
from emogen.backends.openai import OpenAIBackend
from emogen.batch.drafting import Limits, lines_of
from emogen.batch.rows import Rows
from emogen.batch.submitting import submit
from emogen.errors import InputError
from emogen.instructions.reasoning import Reasoning
from emogen.judging import Judge
from emogen.pipeline import generate
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageRecord, Rejection, Sample
from emogen.sight import Sight


@pytest.fixture
def sight(tmp_path: Path) -> Sight:
    Image.new("RGB", (64, 32), (230, 20, 20)).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "broken.png").write_bytes(whole[: len(whole) // 2])
    return Sight(tmp_path)


def records() -> Iterator[ImageRecord]:
    for name in ("good", "broken", "missing"):
        yield ImageRecord(id=name, image=f"{name}.png", emotion="awe")


def rows(world: World, sight: Sight, backend: OpenAIBackend | None = None) -> Rows:
    renderer = PromptRenderer()
    return Rows(
        records(),
        [Reasoning()],
        skip=(),
        backend=backend or world.backend,
        renderer=renderer,
        judge=Judge(seeds=renderer.seeds),
        corrections=1,
        sight=sight,
        journal=world.journal,
        plans=world.plans,
    )


async def test_images(world: World, sight: Sight) -> None:
    """Images go along in batches, what cannot be decoded is rejected unsent, and `generate` asks nothing after."""
    lines = lines_of(rows(world, sight).missing(), world.backend)
    assert submit(lines, Limits(), world.plans, world.remotes, world.terms).requests == 1
    (line,) = world.stub.requests("batch_1")
    parts = [
        part for message in line["body"]["messages"] for part in message["content"] if isinstance(part, dict)
    ]
    (url,) = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size == (64, 32)
    world.stub.end()
    await world.collect_all()
    good, broken, missing = rows(world, sight)
    assert isinstance(good, Sample)
    assert [image.width for image in good.provenance.images] == [64]
    assert isinstance(broken, Rejection)
    assert isinstance(missing, Rejection)
    assert (broken.stage, broken.reason, missing.reason) == ("prompt", "unreadable_image", "unreadable_image")
    asker = open_asker(world.backend, RequestLimits(), None, world.journal)
    kinds = ["reasoning"]
    async with aclosing(generate(records(), types=kinds, asker=asker, sight=sight)) as samples:
        assert [json.loads(sample.model_dump_json()) async for sample in samples] == [
            json.loads(good.model_dump_json())
        ]
    assert world.stub.bodies == []


def test_a_model_that_does_not_see(world: World, sight: Sight) -> None:
    """Images and a model that takes none are refused before anything is rendered."""
    blind = OpenAIBackend(BackendOptions(model="gpt-4", base_url=world.stub.url))
    with pytest.raises(InputError, match="gpt-4"):
        rows(world, sight, blind)
