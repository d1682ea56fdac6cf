"""The embedded demonstration model: real completions on the real weights."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from emogen.backends import BackendOptions, RequestError
from emogen.backends.embedded import MODEL_NAME, EmbeddedBackend, start_llama
from emogen.errors import EmovitError, InputError, MissingExtraError
from emogen.instructions import Unreadable
from emogen.instructions.conversation import Conversation
from emogen.instructions.reasoning import Reasoning
from emogen.prompts import PromptRenderer
from emogen.schemas import Attributes, Completion, ImageRecord, Prompt

RECORD = ImageRecord(
    id="rocket",
    image="rocket.jpg",
    emotion="awe",
    caption="A rocket stands on its launch pad under a wide sky.",
    attributes=Attributes(brightness=0.7, colorfulness=0.4, scene="launch pad", object=("Rocket",)),
)


def start_of(asked: Prompt) -> Prompt:
    """Ask for the first sentence only."""
    first = asked.guide[0]
    return asked.model_copy(update={"guide": (first.model_copy(update={"openings": first.openings[:1]}),)})


@pytest.fixture
def embedded() -> Iterator[EmbeddedBackend]:
    backend = EmbeddedBackend(BackendOptions(seed=3))
    yield backend
    asyncio.run(backend.aclose())


def prompt(kind: Conversation | Reasoning, record: ImageRecord = RECORD) -> Prompt:
    return kind.prompt(record, PromptRenderer(), structured=True)


def test_a_guided_conversation_parses(embedded: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guided completion of one record is JSON that the instruction type reads, built on the guide's openings."""
    # With one candidate a sentence, not the best of several, it reads the same.
    monkeypatch.setattr("emogen.backends.embedded.CANDIDATES", 1)
    asked = prompt(Conversation())
    answer = asyncio.run(embedded.complete(asked))
    turns = Conversation().parse(answer.text)
    assert not isinstance(turns, Unreadable)
    assert [turn.kind for turn in turns] == ["basic", "basic", "advanced"]
    for turn, guide in zip(turns, asked.guide, strict=True):
        assert turn.question == guide.question
        assert turn.answer.startswith(guide.openings[0])
        assert len(turn.answer) > len(" ".join(guide.openings))
    assert answer.model == MODEL_NAME
    assert answer.usage.completion_tokens > 0


def test_same_seed_same_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same text whatever was asked before; another seed gives another."""
    # The second candidate is made from what is cached of the first.
    monkeypatch.setattr("emogen.backends.embedded.CANDIDATES", 2)

    def ask(seed: int, *kinds: Conversation | Reasoning) -> str:
        backend = EmbeddedBackend(BackendOptions(seed=seed))

        async def run() -> list[Completion]:
            return [await backend.complete(start_of(prompt(kind))) for kind in kinds]

        answers = asyncio.run(run())
        asyncio.run(backend.aclose())
        return answers[-1].text

    first = ask(0, Reasoning())
    assert ask(0, Conversation(), Reasoning()) == first
    assert ask(1, Reasoning()) != first


def test_closing_does_not_wait_for_a_whole_answer(
    embedded: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing while an answer is being made ends it at the next sentence, so that Ctrl-C is not kept waiting."""
    begun: list[str] = []
    real = EmbeddedBackend._ending

    def counted(self: EmbeddedBackend, text: str, key: str, usage: list[int]) -> str | None:
        begun.append(key)
        return real(self, text, key, usage)

    monkeypatch.setattr(EmbeddedBackend, "_ending", counted)

    async def run() -> None:
        request = asyncio.create_task(embedded.complete(prompt(Conversation())))
        while not begun:
            await asyncio.sleep(0.01)
        request.cancel()
        await embedded.aclose()

    asyncio.run(run())
    assert len(begun) <= 2


def test_closing_what_was_never_asked(embedded: EmbeddedBackend) -> None:
    """A backend that was opened and not used, as where all is done already, starts no engine to stop."""
    asyncio.run(embedded.aclose())
    with pytest.raises(RequestError, match="closed"):
        embedded._started()


def test_notice_and_parameters(embedded: EmbeddedBackend) -> None:
    """The backend calls itself a demonstration model, and its parameters say what made the answers."""
    assert "demonstration model" in embedded.notice
    assert "no training data" in embedded.notice
    assert embedded.parameters["seed"] == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (BackendOptions(model="llama-70b"), "one model.*not 'llama-70b'.*--backend openai:NAME"),
        (BackendOptions(base_url="http://127.0.0.1/v1"), "no --base-url"),
        (BackendOptions(answer_format="text"), "--answer-format: .*not as text"),
        (BackendOptions(in_flight=8), "--in-flight: .*one request at a time, not 8"),
    ],
)
def test_options_that_it_does_not_take(options: BackendOptions, expected: str) -> None:
    """What the embedded model cannot do is refused, not passed over in silence."""
    with pytest.raises(InputError, match=expected):
        EmbeddedBackend(options)


def test_missing_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the engine the error holds the line that installs it."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtraError, match=r"xllamacpp.*pip install 'emovit-toolkit\[local\]'"):
        start_llama()


def test_missing_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the weights the error names the command that fetches them."""
    monkeypatch.setattr("emogen.resources.find_spec", lambda name: None)
    with pytest.raises(EmovitError, match="emogen setup local"):
        start_llama()
