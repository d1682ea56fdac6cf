"""What every instruction type promises, whoever adds it."""

from __future__ import annotations

import json
import time
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogen.checks import Answer
from emogen.checks.findings import Examiner
from emogen.instructions import INSTRUCTIONS, AskedInstruction, DirectInstruction, Unreadable
from emogen.prompts import PromptRenderer
from emogen.schemas import Attributes, Completion, ImageRecord, Turn, TurnKind
from emogen.seeds import Seed

RECORD = ImageRecord(
    id="a",
    image="a.jpg",
    emotion="awe",
    caption="A rocket stands on its launch pad.",
    attributes=Attributes(brightness=0.7, colorfulness=0.4, scene="launch pad", object=("Rocket",)),
)
KINDS = {name: INSTRUCTIONS.get(name)() for name in INSTRUCTIONS.names()}
ASKED = [name for name, kind in KINDS.items() if kind.asks_model]
RENDERER = PromptRenderer()
SEEDS = [(name, seed) for name in ASKED for seed in RENDERER.seeds(name)]

every_asked = pytest.mark.parametrize("name", ASKED)
every_seed = pytest.mark.parametrize(
    ("name", "seed"), SEEDS, ids=[f"{name}-{seed.id}" for name, seed in SEEDS]
)


def asked(name: str) -> AskedInstruction:
    return cast(AskedInstruction, KINDS[name])


def as_text(turns: tuple[Turn, ...]) -> str:
    return "".join(f"Question: {turn.question}\nAnswer: {turn.answer}\n" for turn in turns)


def as_json(name: str, turns: tuple[Turn, ...]) -> str:
    """Write turns as the type's own prompts show them."""
    seed = Seed(id="s", caption="c", emotion="awe", turns=turns)
    renderer = PromptRenderer(examples=1)
    renderer._seeds[name] = (seed,)
    prompt = asked(name).prompt(RECORD, renderer, structured=True)
    return next(message.content for message in prompt.messages if message.role == "assistant")


@pytest.mark.parametrize("name", KINDS)
def test_a_type_knows_its_name_and_says_what_it_is(name: str) -> None:
    """A type is called what the table calls it, and its docstring's first line says what it makes."""
    assert KINDS[name].name == name
    assert len(INSTRUCTIONS.summaries()[name]) > 20


@pytest.mark.parametrize("name", set(KINDS) - set(ASKED))
def test_a_type_without_a_model_makes_turns_or_says_why_not(name: str) -> None:
    """The record alone decides: turns where it has all that is needed, a reason where it has not."""
    kind = cast(DirectInstruction, KINDS[name])
    turns = kind.turns(RECORD)
    assert not isinstance(turns, Unreadable)
    assert turns
    assert isinstance(kind.turns(ImageRecord(id="b", image="b.jpg")), Unreadable)


@every_asked
def test_a_prompt_asks_in_the_form_that_the_parser_reads(name: str) -> None:
    """A structured prompt carries a schema and shows JSON, a plain one neither; both show the record."""
    structured = asked(name).prompt(RECORD, RENDERER, structured=True)
    plain = asked(name).prompt(RECORD, RENDERER, structured=False)
    assert structured.answer_schema
    assert plain.answer_schema is None
    for prompt in (structured, plain):
        assert prompt.messages[0].role == "system"
        assert prompt.messages[-1].role == "user"
        assert "A rocket stands on its launch pad." in prompt.messages[-1].content
        assert len(prompt.seed_ids) == RENDERER.examples
    shown = [message.content for message in structured.messages if message.role == "assistant"]
    assert all(json.loads(content) for content in shown)


@every_seed
def test_a_seed_example_reads_back_as_its_own_turns(name: str, seed: Seed) -> None:
    """What the prompt shows as a good answer, in either form, is read as exactly the seed's turns."""
    assert asked(name).parse(as_text(seed.turns)) == seed.turns
    assert asked(name).parse(as_json(name, seed.turns)) == seed.turns


@every_seed
def test_a_seed_example_passes_every_check(name: str, seed: Seed) -> None:
    """What the prompt shows as a good answer is one by our own checks."""
    record = ImageRecord(
        id=seed.id, image="s.jpg", emotion=seed.emotion, caption=seed.caption, attributes=seed.attributes
    )
    answer = Answer(record, name, seed.turns, Completion(text="", model="m"))
    assert Examiner().examine(answer).findings == []


@every_asked
def test_seed_examples_have_names_of_their_own(name: str) -> None:
    """A seed's id stands for one example of its type."""
    ids = [seed.id for seed in RENDERER.seeds(name)]
    assert len(set(ids)) == len(ids) >= RENDERER.examples


# What hurts parsers: brackets, quotes, labels and characters that no file can hold.
TRAPS = [
    *"{}[]()\"'“”‘’«»„`*_#>-–:：,.\\/\n\t \0\x0b\u2028\ud800\ufeff",
    *("Question: ", "Answer: ", "Q1: ", "A1: ", "Complex question:", "**", "```json\n", "---\n", "1. "),
    *('{"question": "', '", "answer": "', '{"basic": [', '"advanced": {', "'question': ", "null", "question"),
    *("Why", "é", "\U0001f680"),
]
hostile = st.lists(st.sampled_from(TRAPS), max_size=60).map("".join)


@every_asked
@given(text=hostile)
def test_any_answer_is_turns_or_unreadable(name: str, text: str) -> None:
    """Whatever a model writes, the parser returns turns that a file can hold, or the reason why not."""
    read = asked(name).parse(text)
    if isinstance(read, Unreadable):
        assert read.reason
    else:
        assert all(f"{turn.question}{turn.answer}".encode() and turn.question.strip() for turn in read)


@every_asked
@settings(deadline=None, max_examples=20)
@given(space=st.text(" \n\t\r\u00a0\u2028", min_size=1, max_size=4))
def test_white_space_around_an_answer_changes_nothing(name: str, space: str) -> None:
    """What stands before and after an answer, and shows nothing, is no part of what is read."""
    turns = RENDERER.seeds(name)[0].turns
    for text in (as_text(turns), as_json(name, turns)):
        assert asked(name).parse(f"{space}{text}{space}") == turns


BIG = 100_000
FLOODS = [
    *(
        unit * (BIG // len(unit))
        for unit in ("[", "{", "[{", '{"question":', "{a:", "*", " ", "`", "> ", "\n", "\0")
    ),
    *(
        unit * (BIG // len(unit))
        for unit in ("Question: ", "Question: a Answer: b ", "**a ", "__", "1. ", "\ud800")
    ),
    "```" + "a" * BIG,
    "```" + " " * BIG,
    "Question: " + " " * BIG + "x",
    *(
        '{"question": "' + unit * (12_000 // len(unit))
        for unit in ("{a:", "(", '["question",', '"', "{ question: [")
    ),
    *('{"question": ' + unit * (12_000 // len(unit)) for unit in ("{", "[", "(", "{a:", "(question ")),
]


@every_asked
@pytest.mark.parametrize("text", FLOODS, ids=[repr(text[:24]) for text in FLOODS])
def test_a_flood_is_read_in_bounded_time(name: str, text: str) -> None:
    """A hundred kilobytes of one thing cost no exception and no minutes."""
    begin_s = time.process_time()
    asked(name).parse(text)
    assert time.process_time() - begin_s < 5


WORDS = st.sampled_from(
    [
        "The",
        "boy",
        "leans",
        "on",
        "a",
        "“fence”",
        "quietly,",
        "isn't",
        "it?",
        "2",
        "metres",
        "[sic]",
        "{x}",
        "é",
        "*so*",
    ]
)
sentence = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
paragraphs = st.lists(sentence.map(lambda text: f"So {text}."), min_size=1, max_size=3).map("\n\n".join)


def turns_of(kinds: tuple[TurnKind, ...]) -> st.SearchStrategy[tuple[Turn, ...]]:
    return st.tuples(
        *(
            st.builds(
                Turn, question=sentence.map(lambda text: f"Is {text}?"), answer=paragraphs, kind=st.just(kind)
            )
            for kind in kinds
        )
    )


@every_asked
@given(data=st.data())
def test_turns_survive_being_written_and_read(name: str, data: st.DataObject) -> None:
    """Turns written in either form are read back as they were."""
    kinds = tuple(turn.kind for turn in RENDERER.seeds(name)[0].turns)
    turns = data.draw(turns_of(kinds))
    assert asked(name).parse(as_text(turns)) == turns
    assert asked(name).parse(as_json(name, turns)) == turns
