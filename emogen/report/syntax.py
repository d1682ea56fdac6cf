"""The verb at the root of a question and its object, by a dependency parser that the user names.

As Wang et al. (Self-Instruct, 2023, figure 3) show how different instructions are.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from emogen.errors import InputError, shorten
from emogen.registry import require

__all__ = ["ParsedQuestions", "Parser", "load_parser", "parse_questions"]

# How parsers call a direct object: after CLEAR, Universal Dependencies, TIGER.
OBJECTS: Final = frozenset({"dobj", "obj", "oa"})
VERBS: Final = frozenset({"VERB", "AUX"})
NOUNS: Final = frozenset({"NOUN", "PROPN"})
# Nobody asks so long a question; a parser's memory grows with it.
LONGEST: Final = 2000
BATCH: Final = 64
TRIED: Final = "Which feeling does the picture evoke?"

# spaCy's own `Language`.
Parser = Any


@dataclass(frozen=True)
class ParsedQuestions:
    """What a parser found in the questions of one kind of turn.

    Attributes:
        parsed: How many questions.
        without_verb: Those that have no verb at the root of their first sentence, nor below it.
        verbs: Root verb → noun that is its direct object, or "" for none → questions; the most frequent verb first.
    """

    parsed: int
    without_verb: int
    verbs: Mapping[str, Mapping[str, int]]


def load_parser(name: str) -> Parser:
    """Return a spaCy pipeline that parses.

    Args:
        name: Of an installed pipeline, or a folder that holds one.

    Raises:
        MissingExtraError: spaCy is not installed.
        InputError: there is no such pipeline, it cannot be loaded, or it has no parser or no parts of speech.
    """
    spacy = require("spacy", extra="syntax", purpose="Parsing questions")
    # A pipeline is a package of somebody else's: anything can go wrong in it.
    try:
        pipeline = spacy.load(name, exclude=["ner"])
        tried = pipeline(TRIED)
    except Exception as error:
        raise InputError(
            f"cannot be loaded: {shorten(error, 200)}",
            where=f"--parser {name}",
            remedy="Name a folder, or an installed pipeline: python -m spacy download en_core_web_sm brings one.",
        ) from error
    lacks = [
        what
        for layer, what in (("DEP", "parser"), ("POS", "parts of speech"))
        if not tried.has_annotation(layer)
    ]
    if lacks:
        raise InputError(
            f"has no {' and no '.join(lacks)}",
            where=f"--parser {name}",
            remedy="Name a pipeline with a dependency parser and parts of speech, as en_core_web_sm.",
        )
    return pipeline


def parse_questions(
    parser: Parser, questions: Sequence[str], advance: Callable[[int], None] = lambda step: None
) -> ParsedQuestions:
    """Return the root verbs of questions with their objects.

    Args:
        parser: See `load_parser`.
        questions: The texts.
        advance: Told after each question.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    without_verb = 0
    for parsed in parser.pipe((question[:LONGEST] for question in questions), batch_size=BATCH):
        verb = _verb(parsed)
        if verb is None:
            without_verb += 1
        else:
            found[_lemma(verb)][_object(verb)] += 1
        advance(1)
    ordered = sorted(found.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    return ParsedQuestions(
        len(questions), without_verb, {verb: dict(nouns.most_common()) for verb, nouns in ordered}
    )


def _verb(parsed: Any) -> Any | None:
    """Return the verb that is nearest to the root of the first sentence."""
    first = next(iter(parsed.sents), None)
    near = deque([first.root] if first is not None else [])
    while near:
        token = near.popleft()
        if token.pos_ in VERBS:
            return token
        near.extend(token.children)
    return None


def _object(verb: Any) -> str:
    nouns: Iterable[Any] = (
        child for child in verb.children if child.dep_.lower() in OBJECTS and child.pos_ in NOUNS
    )
    noun = next(iter(nouns), None)
    return _lemma(noun) if noun is not None else ""


def _lemma(token: Any) -> str:
    # Not every pipeline has lemmas.
    return str(token.lemma_ or token.text).lower()
