"""Record + seed examples + template → `Prompt`.

A template is a Jinja file that calls `message(role)` around each chat message. It is compiled once and sees plain
strings, numbers, lists and dictionaries in a sandbox. What a record holds is only ever a value, so braces or Jinja
syntax inside a caption stay text.
"""

from __future__ import annotations

import hashlib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import jinja2
import jinja2.meta
import jinja2.sandbox
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emogen.errors import InputError, shorten
from emogen.resources import bundled_dir, search_path, sha256_text
from emogen.schemas import Attributes, GuidedTurn, ImageRecord, Message, Prompt, Turn, TurnKind

__all__ = ["GuidedQuestion", "PromptRenderer", "Seed", "attribute_texts", "seeded_choice"]

M = TypeVar("M", bound=BaseModel)

ATTRIBUTE_NAMES: Final = {
    "brightness": "Brightness",
    "colorfulness": "Colorfulness",
    "scene": "Scene",
    "object": "Objects",
    "facial_expression": "Facial expression",
    "human_action": "Human action",
}


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


class Seed(BaseModel):
    """One hand-written example of an instruction type, shown to the model in context."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    caption: str
    emotion: str
    attributes: Attributes = Attributes()
    turns: tuple[Turn, ...] = Field(min_length=1)


class GuidedQuestion(BaseModel):
    """A question of the guided mode, with the openings of its answer, as Jinja templates over the record's facts.

    Attributes:
        id: Unique within its file.
        kind: The kind of turn.
        requires: Facts of the record without which the question makes no sense.
        question: Jinja template of the question.
        openings: Jinja templates of the sentences' beginnings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: TurnKind
    requires: tuple[Fact, ...] = ()
    question: str
    openings: tuple[str, ...] = Field(min_length=1)


def seeded_choice(key: str, count: int, pool: int) -> list[int]:
    """Choose `count` of `range(pool)` by a hash of `key`: the same on every machine, after every resume."""

    def rank(i: int) -> bytes:
        return hashlib.sha256(f"{key}\0{i}".encode("utf-8", "surrogatepass")).digest()

    return sorted(range(pool), key=rank)[:count]


def attribute_texts(attributes: Attributes) -> dict[str, str]:
    """Return display name → text of the attributes that are there, in the paper's order."""
    texts = {}
    for field, name in ATTRIBUTE_NAMES.items():
        value = getattr(attributes, field)
        if isinstance(value, float):
            texts[name] = str(round(value, 2))
        elif isinstance(value, str):
            texts[name] = _words(value)
        elif value:
            texts[name] = ", ".join(map(_words, value))
    return texts


def _words(value: str) -> str:
    """Write a name of a closed vocabulary (Places365's "train_station") as words."""
    return value.replace("_", " ").strip()


def _template_error(name: str, error: Exception) -> InputError:
    """Say what is wrong with a template, and in which file and line."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        place: tuple[str, int | None] = (error.filename or error.name or name, error.lineno)
    else:
        # Jinja writes its traceback in terms of the templates' own lines.
        lines = [
            (frame.f_globals["__file__"], line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if "__jinja_exception__" in frame.f_globals
        ]
        place = lines[-1] if lines else (name, None)
    what = str(error) if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"
    return InputError(
        what.split("\n")[0] or type(error).__name__,
        where=f"template {place[0]}" + (f", line {place[1]}" if place[1] else ""),
        remedy="Mend the template, or leave out --templates.",
    )


@dataclass(frozen=True)
class _CompiledQuestion:
    where: str
    kind: TurnKind
    requires: tuple[Fact, ...]
    question: jinja2.Template
    openings: tuple[jinja2.Template, ...]


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
        self._guides: dict[str, tuple[_CompiledQuestion, ...]] = {}
        self._hashes: dict[str, str] = {}
        self._examples: dict[tuple[str, str], dict[str, Any]] = {}

    @cached_property
    def _environment(self) -> jinja2.Environment:
        bundled = jinja2.FileSystemLoader(bundled_dir("templates"))
        loader = jinja2.ChoiceLoader(
            [jinja2.PrefixLoader({"bundled": bundled}), jinja2.FileSystemLoader(self._template_folders)]
        )
        # What a user wrote is sandboxed; for our own templates the sandbox would only cost half of the rendering.
        own = self._template_folders == [bundled_dir("templates")]
        kind = jinja2.Environment if own else jinja2.sandbox.ImmutableSandboxedEnvironment
        environment = kind(
            loader=loader,
            undefined=jinja2.StrictUndefined,
            autoescape=False,
            # A template edited during a run would no longer be the one that was hashed.
            auto_reload=False,
        )
        # The same record must always give the same prompt.
        del environment.globals["lipsum"], environment.filters["random"]
        return environment

    def template_sha256(self, instruction: str) -> str:
        """Return the hash of the instruction's template with everything that it extends or includes."""
        if instruction not in self._hashes:
            names = sorted(self._closure(f"{instruction}.j2"))
            self._hashes[instruction] = sha256_text(*(self._source(name)[0] for name in names))
        return self._hashes[instruction]

    def _source(self, name: str) -> tuple[str, str | None]:
        """Return a template's text and its file."""
        loader = self._environment.loader
        assert loader is not None
        try:
            return loader.get_source(self._environment, name)[:2]
        except jinja2.TemplateNotFound as error:
            folders = ", ".join(map(str, self._template_folders))
            raise InputError(
                f"no template {error.name!r} in {folders}", remedy="Check the name after `extends`."
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise _template_error(name, error) from error

    def _closure(self, name: str) -> set[str]:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            source, file = self._source(current)
            try:
                tree = self._environment.parse(source, current, file)
            except jinja2.TemplateSyntaxError as error:
                raise _template_error(current, error) from error
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
        kinds: Sequence[TurnKind],
        answer_schema: dict[str, Any] | None,
        answer_json: Callable[[Sequence[Turn]], str],
        guided: bool = True,
    ) -> Prompt:
        """Render the prompt of one record.

        Args:
            record: What is known of the image.
            instruction: The instruction type; names the template, the seed file and the guided questions.
            kinds: The kinds of turn that make an answer, in order.
            answer_schema: JSON schema of the wanted answer, None for plain text.
            answer_json: Writes turns as the JSON that the schema describes, for the examples.
            guided: Whether to render the guide, too, which only the smallest models need.

        Raises:
            InputError: a template is broken or uses a name that is not given, or a seed example is no example
                of this type.
        """
        name = f"{instruction}.j2"
        template_sha256 = self.template_sha256(instruction)
        seeds = self.choose_seeds(instruction, record.id)
        messages: list[Message] = []

        def message(role: str, caller: Callable[[], str]) -> str:
            if role not in ("system", "user", "assistant"):
                raise jinja2.TemplateRuntimeError(
                    f"unknown role {shorten(role)!r}, wanted system, user or assistant"
                )
            messages.append(Message(role=role, content=caller().strip()))
            return ""

        # A user's template may fail in any way that an expression can.
        try:
            self._environment.get_template(name).render(
                message=message,
                caption=record.caption,
                emotion=record.emotion,
                labels=list(record.labels),
                attributes=attribute_texts(record.attributes),
                examples=[self._example(instruction, seed, kinds, answer_json) for seed in seeds],
                structured=answer_schema is not None,
            )
            guide = tuple(self._guide(record, instruction, kinds)) if guided else ()
        except InputError:
            raise
        except Exception as error:
            raise _template_error(name, error) from error
        if not messages:
            raise InputError(
                "makes no message",
                where=f"template {name}",
                remedy='Wrap text in {% call message("user") %}.',
            )
        return Prompt(
            record_id=record.id,
            instruction=instruction,
            messages=tuple(messages),
            answer_schema=answer_schema,
            guide=guide,
            template_sha256=template_sha256,
            seed_ids=tuple(seed.id for seed in seeds),
        )

    def _example(
        self,
        instruction: str,
        seed: Seed,
        kinds: Sequence[TurnKind],
        answer_json: Callable[[Sequence[Turn]], str],
    ) -> dict[str, Any]:
        """Return a seed example as templates see it: plain data, since a model's methods open files and unpickle."""
        key = (instruction, seed.id)
        if key not in self._examples:
            if [turn.kind for turn in seed.turns] != list(kinds):
                raise InputError(
                    f"the seed example {seed.id!r} of {instruction!r} has other turns than {', '.join(kinds)}",
                    remedy="Give each of its turns, in this order, the `kind` named here.",
                )
            self._examples[key] = {
                "caption": seed.caption,
                "emotion": seed.emotion,
                "attributes": attribute_texts(seed.attributes),
                "turns": [turn.model_dump() for turn in seed.turns],
                "json": answer_json(seed.turns),
            }
        return self._examples[key]

    def _guide(
        self, record: ImageRecord, instruction: str, kinds: Sequence[TurnKind]
    ) -> Iterator[GuidedTurn]:
        facts = _facts(record)
        evidence = _evidence(record)
        for kind, count in Counter(kinds).items():
            pool = [
                guided
                for guided in self._guided_questions(instruction)
                if guided.kind == kind and all(facts[fact] is not None for fact in guided.requires)
            ]
            key = f"{self.seed}/guided/{instruction}/{kind}/{record.id}"
            for i in seeded_choice(key, count, len(pool)):
                chosen = pool[i]
                try:
                    question = chosen.question.render(facts)
                    openings = tuple(opening.render(facts) for opening in chosen.openings)
                except Exception as error:
                    raise InputError(shorten(error), where=chosen.where, remedy="Mend this line.") from error
                yield GuidedTurn(kind=kind, question=question, openings=openings, evidence=evidence)

    def _guided_questions(self, instruction: str) -> tuple[_CompiledQuestion, ...]:
        """Return the guided questions of an instruction type, compiled; none where it has no file of them."""
        if instruction not in self._guides:
            name = f"guided/{instruction}.jsonl"
            found = [folder / name for folder in self._template_folders if (folder / name).is_file()]
            self._guides[instruction] = tuple(
                self._compiled(question, f"{path}, question {question.id!r}")
                for path in found[:1]
                for question in _read_models(path, GuidedQuestion)
            )
        return self._guides[instruction]

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
        )


def _facts(record: ImageRecord) -> dict[Fact, Any]:
    attributes = record.attributes
    return {
        "caption": record.caption,
        "emotion": record.emotion,
        "scene": _words(attributes.scene) if attributes.scene else None,
        "objects": list(attributes.object) or None,
        "object": attributes.object[0].lower() if attributes.object else None,
        "facial_expression": attributes.facial_expression,
        "human_action": _words(attributes.human_action) if attributes.human_action else None,
        "brightness": attributes.brightness,
        "colorfulness": attributes.colorfulness,
    }


def _evidence(record: ImageRecord) -> tuple[str, ...]:
    facts = _facts(record)
    texts = [facts["caption"], facts["emotion"], facts["scene"], *record.attributes.object]
    texts += [facts["facial_expression"], facts["human_action"]]
    return tuple(text for text in texts if text)


def _read_models(path: Path, model: type[M]) -> Iterator[M]:
    """Yield the models of a JSON Lines file; blank lines do not count."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=path) from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield model.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise InputError(
                f"{field + ': ' if field else ''}{shorten(first['msg'])}",
                where=f"{path}:{number}",
                remedy="Mend this line.",
            ) from error
