"""Record + seed examples + template → `Prompt`.

A template is a Jinja file that calls `message(role)` around each chat message. It is sandboxed and compiled once;
what a record holds is only ever a value, so braces or Jinja syntax inside a caption stay text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import jinja2
import jinja2.meta
import jinja2.sandbox
import jsonlines
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emogen.errors import InputError, shorten
from emogen.resources import bundled_dir, search_path, sha256_text
from emogen.schemas import Attributes, GuidedTurn, ImageRecord, Message, Prompt, Turn, TurnKind

__all__ = ["GuidedQuestion", "PromptRenderer", "Seed", "attribute_texts", "seeded_choice"]

M = TypeVar("M", bound=BaseModel)

ATTRIBUTE_NAMES = {
    "brightness": "Brightness",
    "colorfulness": "Colorfulness",
    "scene": "Scene",
    "object": "Objects",
    "facial_expression": "Facial expression",
    "human_action": "Human action",
}


class Seed(BaseModel):
    """One hand-written example of an instruction type, shown to the model in context."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    caption: str
    emotion: str
    attributes: Attributes = Attributes()
    turns: tuple[Turn, ...] = Field(min_length=1)


class GuidedQuestion(BaseModel):
    """A question of the guided mode, with the openings of its answer as Jinja expressions over the record.

    Attributes:
        id: Unique within its file.
        kind: The kind of turn.
        requires: Fields of the record without which the question makes no sense.
        question: Jinja template of the question.
        openings: Jinja templates of the sentences' beginnings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: TurnKind
    requires: tuple[str, ...] = ()
    question: str
    openings: tuple[str, ...] = Field(min_length=1)


def seeded_choice(key: str, count: int, pool: int) -> list[int]:
    """Choose `count` of `range(pool)` by a hash of `key`: the same on every machine, after every resume."""
    ranked = sorted(range(pool), key=lambda i: hashlib.sha256(f"{key}\0{i}".encode()).digest())
    return ranked[:count]


def attribute_texts(attributes: Attributes) -> dict[str, str]:
    """Return display name → text of the attributes that are there, in the paper's order."""
    texts = {}
    for field, name in ATTRIBUTE_NAMES.items():
        value = getattr(attributes, field)
        if value is None or value == ():
            continue
        texts[name] = ", ".join(value) if isinstance(value, tuple) else str(value)
    return texts


def _undefined_error(name: str, error: jinja2.TemplateError) -> InputError:
    line = getattr(error, "lineno", None)
    where = f"template {name}" + (f", line {line}" if line else "")
    return InputError(str(error.message), where=where, remedy="Mend the template, or leave out --templates.")


class PromptRenderer:
    """Renders prompts from templates and seeds, loaded and compiled once.

    Args:
        templates: Folder whose files win over the bundled ones; they may `{% extends "bundled/<name>.j2" %}`.
        seeds: Folder whose `<instruction>.jsonl` files replace the bundled ones.
        examples: How many seed examples a prompt shows.
        seed: Varies which examples and guided questions a record gets.
    """

    def __init__(
        self, templates: Path | None = None, seeds: Path | None = None, examples: int = 2, seed: int = 0
    ) -> None:
        self._template_folders = search_path("templates", templates)
        self._seed_folders = search_path("seeds", seeds)
        self.examples = examples
        self.seed = seed
        self._seeds: dict[str, tuple[Seed, ...]] = {}
        self._guides: dict[str, tuple[GuidedQuestion, ...]] = {}
        self._hashes: dict[str, str] = {}

    @cached_property
    def _environment(self) -> jinja2.sandbox.SandboxedEnvironment:
        bundled = jinja2.FileSystemLoader(bundled_dir("templates"))
        loader = jinja2.ChoiceLoader(
            [jinja2.PrefixLoader({"bundled": bundled}), jinja2.FileSystemLoader(self._template_folders)]
        )
        return jinja2.sandbox.SandboxedEnvironment(
            loader=loader,
            undefined=jinja2.StrictUndefined,
            autoescape=False,
            keep_trailing_newline=False,
        )

    def template_sha256(self, instruction: str) -> str:
        """Return the hash of the instruction's template with everything that it extends or includes."""
        if instruction not in self._hashes:
            names = sorted(self._closure(f"{instruction}.j2"))
            self._hashes[instruction] = sha256_text(*(self._source(name) for name in names))
        return self._hashes[instruction]

    def _source(self, name: str) -> str:
        loader = self._environment.loader
        assert loader is not None
        try:
            return loader.get_source(self._environment, name)[0]
        except jinja2.TemplateNotFound as error:
            folders = ", ".join(map(str, self._template_folders))
            raise InputError(
                f"no template {error.name!r} in {folders}", remedy="Check the name after `extends`."
            ) from error

    def _closure(self, name: str) -> set[str]:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            try:
                tree = self._environment.parse(self._source(current))
            except jinja2.TemplateSyntaxError as error:
                raise _undefined_error(current, error) from error
            waiting.extend(found for found in jinja2.meta.find_referenced_templates(tree) if found)
        return seen

    def seeds(self, instruction: str) -> tuple[Seed, ...]:
        """Return all seed examples of an instruction type, validated."""
        if instruction not in self._seeds:
            lines = _read_models(self._find(self._seed_folders, f"{instruction}.jsonl"), Seed)
            self._seeds[instruction] = tuple(lines)
        return self._seeds[instruction]

    def seeds_sha256(self, instruction: str) -> str:
        """Return the hash of all seed examples of an instruction type."""
        return sha256_text(*(seed.model_dump_json() for seed in self.seeds(instruction)))

    def _find(self, folders: Sequence[Path], name: str) -> Path:
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
        raise InputError(f"no file {name!r} in {', '.join(map(str, folders))}")

    def choose_seeds(self, instruction: str, record_id: str) -> list[Seed]:
        """Return the seed examples of one record: a seeded hash of its id decides."""
        pool = self.seeds(instruction)
        chosen = seeded_choice(f"{self.seed}/{instruction}/{record_id}", self.examples, len(pool))
        return [pool[i] for i in chosen]

    def render(
        self,
        record: ImageRecord,
        instruction: str,
        *,
        answer_schema: dict[str, Any] | None,
        answer_json: Callable[[Sequence[Turn]], str],
        guide_kinds: Sequence[tuple[TurnKind, int]] = (),
    ) -> Prompt:
        """Render the prompt of one record.

        Args:
            record: What is known of the image.
            instruction: The instruction type; names the template and the seed file.
            answer_schema: JSON schema of the wanted answer, None for plain text.
            answer_json: Writes turns as the JSON that the schema describes, for the examples.
            guide_kinds: Which kinds of guided question, and how many of each.

        Raises:
            InputError: the template is broken or uses a name that is not given.
        """
        name = f"{instruction}.j2"
        template_sha256 = self.template_sha256(instruction)
        seeds = self.choose_seeds(instruction, record.id)
        messages: list[Message] = []

        def message(role: str, caller: Callable[[], str]) -> str:
            messages.append(Message(role=role, content=caller().strip()))
            return ""

        try:
            self._environment.get_template(name).render(
                message=message,
                caption=record.caption,
                emotion=record.emotion,
                labels=record.labels,
                attributes=attribute_texts(record.attributes),
                examples=[_example(seed, answer_json) for seed in seeds],
                structured=answer_schema is not None,
            )
        except (jinja2.TemplateError, ValidationError) as error:
            if isinstance(error, jinja2.TemplateError):
                raise _undefined_error(name, error) from error
            raise InputError(
                "a message has an unknown role",
                where=f"template {name}",
                remedy="Use system, user or assistant.",
            ) from error
        return Prompt(
            record_id=record.id,
            instruction=instruction,
            messages=tuple(messages),
            answer_schema=answer_schema,
            guide=tuple(self._guide(record, instruction, guide_kinds)),
            template_sha256=template_sha256,
            seed_ids=tuple(seed.id for seed in seeds),
        )

    def _guide(
        self, record: ImageRecord, instruction: str, kinds: Sequence[tuple[TurnKind, int]]
    ) -> Iterator[GuidedTurn]:
        if not kinds:
            return
        if instruction not in self._guides:
            path = self._find(self._template_folders, f"guided/{instruction}.jsonl")
            self._guides[instruction] = tuple(_read_models(path, GuidedQuestion))
        facts = _facts(record)
        evidence = _evidence(record)
        for kind, count in kinds:
            pool = [
                question
                for question in self._guides[instruction]
                if question.kind == kind and all(facts[field] for field in question.requires)
            ]
            key = f"{self.seed}/guided/{instruction}/{kind}/{record.id}"
            for i in seeded_choice(key, count, len(pool)):
                yield GuidedTurn(
                    kind=kind,
                    question=self._environment.from_string(pool[i].question).render(facts),
                    openings=tuple(
                        self._environment.from_string(opening).render(facts) for opening in pool[i].openings
                    ),
                    evidence=evidence,
                )


def _example(seed: Seed, answer_json: Callable[[Sequence[Turn]], str]) -> dict[str, Any]:
    return {
        "caption": seed.caption,
        "emotion": seed.emotion,
        "attributes": attribute_texts(seed.attributes),
        "turns": seed.turns,
        "json": answer_json(seed.turns),
    }


def _facts(record: ImageRecord) -> dict[str, Any]:
    attributes = record.attributes
    return {
        "caption": record.caption,
        "emotion": record.emotion,
        "scene": attributes.scene.replace("_", " ") if attributes.scene else None,
        "objects": attributes.object,
        "object": attributes.object[0].lower() if attributes.object else None,
        "facial_expression": attributes.facial_expression,
        "human_action": attributes.human_action,
        "brightness": attributes.brightness,
        "colorfulness": attributes.colorfulness,
    }


def _evidence(record: ImageRecord) -> tuple[str, ...]:
    facts = _facts(record)
    texts = [facts["caption"], facts["emotion"], facts["scene"], *facts["objects"]]
    texts += [facts["facial_expression"], facts["human_action"]]
    return tuple(text for text in texts if text)


def _read_models(path: Path, model: type[M]) -> Iterator[M]:
    with jsonlines.open(path) as lines:
        for number, value in enumerate(lines, 1):
            try:
                yield model.model_validate(value)
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(map(str, first["loc"]))
                raise InputError(
                    f"{field}: {shorten(first['msg'])}", where=f"{path}:{number}", remedy="Mend this line."
                ) from error
