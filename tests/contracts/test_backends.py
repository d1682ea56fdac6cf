"""What every backend promises, whoever adds it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from openai_stub import CONVERSATION, OpenAIStub

from emogen.backends import BACKENDS, Backend, BackendOptions, choices, open_backend
from emogen.errors import InputError
from emogen.instructions.conversation import Conversation
from emogen.prompts import PromptRenderer
from emogen.schemas import Attributes, ImageRecord

RECORD = ImageRecord(
    id="rocket",
    image="rocket.jpg",
    emotion="awe",
    caption="A rocket stands on its launch pad.",
    attributes=Attributes(brightness=0.7, scene="launch pad", object=("Rocket",)),
)

every_backend = pytest.mark.parametrize("name", BACKENDS.names())


@pytest.fixture
def opened(stub: OpenAIStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Backend]:
    """Open a backend of ours with what it needs, another package's with its name alone."""
    script = tmp_path / "answers.jsonl"
    script.write_text(json.dumps({"text": CONVERSATION}))
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "any")
    monkeypatch.setenv("OPENAI_API_VERSION", "any")
    needs = {
        "azure": ("azure:stub", BackendOptions(base_url=stub.url.removesuffix("/v1"))),
        "openai": ("openai:stub", BackendOptions(base_url=stub.url)),
        "openai-sdk": ("openai-sdk:stub", BackendOptions(base_url=stub.url)),
        "scripted": (f"scripted:{script}", BackendOptions(answer_format="json_schema")),
    }
    return lambda name: open_backend(*needs.get(name, (name, BackendOptions())))


@every_backend
def test_one_line_says_what_it_is(name: str) -> None:
    """The first line of each factory's docstring fits the list of choices."""
    summary = BACKENDS.summaries()[name]
    assert 20 < len(summary) < 100
    assert summary.endswith((".", ";"))
    assert summary in choices()


@every_backend
async def test_it_answers_and_says_what_it_is(name: str, opened: Callable[[str], Backend]) -> None:
    """Each backend has the protocol's attributes, turns a prompt into a completion, and can be closed twice."""
    backend = opened(name)
    assert backend.name == name
    assert backend.model
    assert isinstance(backend.structured, bool)
    assert isinstance(backend.sees, bool)
    assert backend.in_flight >= 1
    assert json.dumps(backend.parameters)
    assert isinstance(backend.notice, str)
    assert "\n" not in backend.notice
    assert inspect.iscoroutinefunction(backend.complete)
    prompt = Conversation().prompt(RECORD, PromptRenderer(), structured=backend.structured)
    # The first of the small steps is enough for a model that takes them.
    answer = await backend.complete(prompt.model_copy(update={"guide": prompt.guide[:1]}))
    assert json.loads(answer.text)["basic"]
    assert answer.finish_reason
    await backend.aclose()
    await backend.aclose()


@every_backend
def test_an_address_that_is_none(name: str, tmp_path: Path) -> None:
    """An option that a backend cannot use is the user's to mend: one error that names it, before any request."""
    script = tmp_path / "answers.jsonl"
    script.touch()
    needs = {
        "azure": "azure:m",
        "openai": "openai:m",
        "openai-sdk": "openai-sdk:m",
        "scripted": f"scripted:{script}",
    }
    spec = needs.get(name, name)
    with pytest.raises(InputError, match="--base-url"):
        open_backend(spec, BackendOptions(base_url="nowhere"))
