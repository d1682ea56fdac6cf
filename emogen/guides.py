"""The same task in small steps, for models too small for a single call: questions with openings of their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jinja2
from pydantic import BaseModel, ConfigDict, Field

from emogen.errors import InputError, shorten
from emogen.schemas import GuidedTurn, ImageRecord, TurnKind
from emogen.seeds import plain_words, read_models, seeded_choice

__all__ = ["GuideRenderer", "GuidedQuestion"]

Fact = Literal[
    "caption",
    "emotion",
    "scene",
    "objects",
    "object",
    "facial_expression",
    "human_action",
    "brightness",
    "colorfulness",
]


class GuidedQuestion(BaseModel):
    """A question of the guided mode, with the openings of its answer, as Jinja templates over the record's facts.

    Attributes:
        id: Unique within its file.
        kind: The kind of turn.
        requires: Facts of the record without which the question makes no sense.
        question: Jinja template of the question.
        openings: Jinja templates of the sentences' beginnings.
        fallback: Asked only where a record says too little for the other questions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: TurnKind
    requires: tuple[Fact, ...] = ()
    question: str
    openings: tuple[str, ...] = Field(min_length=1)
    fallback: bool = False


@dataclass(frozen=True)
class _CompiledQuestion:
    where: str
    kind: TurnKind
    requires: tuple[Fact, ...]
    question: jinja2.Template
    openings: tuple[jinja2.Template, ...]
    fallback: bool


class GuideRenderer:
    """Renders guides from `guided/<instruction>.jsonl`, read and compiled once.

    Args:
        environment: Compiles the questions' templates.
        folders: Where the files are; the first that has one wins.
        seed: Varies which questions a record gets.
    """

    def __init__(self, environment: jinja2.Environment, folders: Sequence[Path], seed: int) -> None:
        self._environment = environment
        self._folders = folders
        self._seed = seed
        self._questions: dict[str, tuple[_CompiledQuestion, ...]] = {}

    def turns(self, record: ImageRecord, instruction: str, kinds: Sequence[TurnKind]) -> Iterator[GuidedTurn]:
        """Yield the guided turns of one record: of each kind as many as `kinds` names.

        Raises:
            InputError: a question is broken; names its file.
        """
        facts = _facts(record)
        evidence = _evidence(record)
        for kind, count in Counter(kinds).items():
            fitting = [
                question
                for question in self._of(instruction)
                if question.kind == kind and all(facts[fact] is not None for fact in question.requires)
            ]
            pool = [question for question in fitting if not question.fallback]
            if len(pool) < count:
                pool = fitting
            key = f"{self._seed}/guided/{instruction}/{kind}/{record.id}"
            for i in seeded_choice(key, count, len(pool)):
                chosen = pool[i]
                try:
                    question = chosen.question.render(facts)
                    openings = tuple(opening.render(facts) for opening in chosen.openings)
                except Exception as error:
                    raise InputError(shorten(error), where=chosen.where, remedy="Mend this line.") from error
                yield GuidedTurn(kind=kind, question=question, openings=openings, evidence=evidence)

    def sources(self, instruction: str) -> list[str]:
        """Return the guided questions of an instruction type as they were written, for a hash."""
        return [question.model_dump_json() for _, question in self._read(instruction)]

    def _read(self, instruction: str) -> Iterator[tuple[Path, GuidedQuestion]]:
        """Yield the guided questions of an instruction type with their file; none where it has no file of them."""
        name = f"guided/{instruction}.jsonl"
        path = next((folder / name for folder in self._folders if (folder / name).is_file()), None)
        if path is not None:
            yield from ((path, question) for question in read_models(path, GuidedQuestion))

    def _of(self, instruction: str) -> tuple[_CompiledQuestion, ...]:
        if instruction not in self._questions:
            self._questions[instruction] = tuple(
                self._compiled(question, f"{path}, question {question.id!r}")
                for path, question in self._read(instruction)
            )
        return self._questions[instruction]

    def _compiled(self, question: GuidedQuestion, where: str) -> _CompiledQuestion:
        def text(source: str) -> jinja2.Template:
            try:
                return self._environment.from_string(source)
            except jinja2.TemplateSyntaxError as error:
                raise InputError(str(error.message), where=where, remedy="Mend this line.") from error

        return _CompiledQuestion(
            where,
            question.kind,
            question.requires,
            text(question.question),
            tuple(map(text, question.openings)),
            question.fallback,
        )


def _facts(record: ImageRecord) -> dict[Fact, Any]:
    attributes = record.attributes
    return {
        "caption": record.caption,
        "emotion": record.emotion,
        "scene": plain_words(attributes.scene) if attributes.scene else None,
        "objects": list(attributes.object) or None,
        "object": attributes.object[0].lower() if attributes.object else None,
        "facial_expression": attributes.facial_expression,
        "human_action": plain_words(attributes.human_action) if attributes.human_action else None,
        "brightness": attributes.brightness,
        "colorfulness": attributes.colorfulness,
    }


def _evidence(record: ImageRecord) -> tuple[str, ...]:
    facts = _facts(record)
    texts = [facts["caption"], facts["emotion"], facts["scene"], *record.attributes.object]
    texts += [facts["facial_expression"], facts["human_action"]]
    return tuple(text for text in texts if text)
