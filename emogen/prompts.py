"""Record + seed examples + template → `Prompt`.

A template is a Jinja file that calls `message(role)` around each chat message. It is compiled once and sees plain
strings, numbers, lists and dictionaries; where a user's folder is among the templates, all run in a sandbox. What a
record holds is only ever a value, so braces or Jinja syntax inside a caption stay text.

Most of a prompt is the same for many records: the system message, and the examples that were chosen. Where the
template's block `opening` uses nothing of the record, it is rendered once for each choice of examples.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import jinja2
import jinja2.meta
import jinja2.nodes
import jinja2.runtime
import jinja2.sandbox

from emogen.errors import InputError, shorten
from emogen.flat_template import flattened
from emogen.guides import GuideRenderer
from emogen.own_files import refuse_unknown_blocks
from emogen.resources import bundled_dir, search_path, sha256_text
from emogen.schemas import Attributes, ImageInput, ImageRecord, Message, Prompt, Turn, TurnKind
from emogen.seeds import DEFAULT_EXAMPLES, Seed, attribute_texts, read_seeds, seeded_choice

__all__ = ["DEFAULT_CONTEXT", "Context", "PromptRenderer"]

# What of a record a prompt may show; its emotion is shown with each.
Context = Literal["all", "caption", "attributes"]
DEFAULT_CONTEXT: Final[Context] = "all"

# What a template sees that differs from record to record.
OF_THE_RECORD: Final = frozenset({"caption", "emotion", "labels", "attributes"})
# A template that keeps a state of its own may carry it from one message into the next.
STATEFUL: Final = frozenset({"namespace", "cycler", "joiner"})
MOST_OPENINGS: Final = 1024
REST: Final = "rest of "
_NO_ATTRIBUTES: Final = Attributes()
# Instruction type, whether JSON is wanted, whether the model sees, what it is told, and the examples: what decides an
# opening.
_Opening = tuple[str, bool, bool, str, tuple[str, ...]]


class _Context(jinja2.runtime.Context):
    """A template's variables; notices when one of the record is looked up."""

    def resolve_or_missing(self, key: str) -> Any:
        """Look a variable up: the one way in which compiled templates do so."""
        if key in OF_THE_RECORD:
            _chat.get().of_the_record = True
        return super().resolve_or_missing(key)


class _Chat:
    """The chat messages that a template makes.

    Attributes:
        messages: In their order.
        of_the_record: Whether anything of the record was looked up.
        constant: How many messages were complete before that.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.of_the_record = False
        self.constant = 0

    def message(self, role: str, caller: Callable[[], str]) -> str:
        """Add a message: what templates call."""
        if role not in ("system", "user", "assistant"):
            raise jinja2.TemplateRuntimeError(
                f"unknown role {shorten(role)!r}, wanted system, user or assistant"
            )
        self.messages.append(Message(role=role, content=caller().strip()))
        if not self.of_the_record:
            self.constant = len(self.messages)
        return ""


_chat: Final[ContextVar[_Chat]] = ContextVar("chat")


def _told(record: ImageRecord) -> str:
    """Return what there is to tell of an image beside its emotion."""
    # Comparing the models themselves takes ten times as long.
    has_attributes = vars(record.attributes) != vars(_NO_ATTRIBUTES)
    if record.caption:
        return "caption and attributes" if has_attributes else "caption"
    return "attributes" if has_attributes else "nothing"


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


def _show(images: tuple[ImageInput, ...], messages: list[Message], name: str) -> None:
    """Put the images into the last message of the user's."""
    asked = [number for number, message in enumerate(messages) if message.role == "user"]
    if not asked:
        raise InputError(
            "makes no message of the user's that could carry the image",
            where=f"template {name}",
            remedy='Wrap text in {% call message("user") %}.',
        )
    messages[asked[-1]] = messages[asked[-1]].model_copy(update={"images": images})


class PromptRenderer:
    """Renders prompts from templates and seeds, loaded and compiled once.

    Args:
        templates: Folder whose files win over the bundled ones; they may `{% extends "bundled/<name>.j2" %}`.
        seeds: Folder whose `<instruction>.jsonl` files replace the bundled ones.
        examples: How many seed examples a prompt shows.
        seed: Varies which examples and guided questions a record gets.
        context: What of a record is shown; the seed examples stay whole.
    """

    def __init__(
        self,
        templates: Path | None = None,
        seeds: Path | None = None,
        examples: int = DEFAULT_EXAMPLES,
        seed: int = 0,
        context: Context = DEFAULT_CONTEXT,
    ) -> None:
        self._template_folders = search_path("templates", templates)
        self._seed_folders = search_path("seeds", seeds)
        self.examples = examples
        self.seed = seed
        self.context = context
        self._seeds: dict[str, tuple[Seed, ...]] = {}
        self._hashes: dict[tuple[str, bool], str] = {}
        self._examples: dict[tuple[str, str], dict[str, Any]] = {}
        self._openings: dict[_Opening, tuple[Message, ...]] = {}
        self._stateful: set[str] = set()
        self._templates: dict[str, jinja2.Template] = {}

    @property
    def _is_own(self) -> bool:
        """Whether all templates are our own."""
        return self._template_folders == [bundled_dir("templates")]

    @cached_property
    def _environment(self) -> jinja2.Environment:
        bundled = jinja2.FileSystemLoader(bundled_dir("templates"))
        loader = jinja2.ChoiceLoader(
            [jinja2.PrefixLoader({"bundled": bundled}), jinja2.FileSystemLoader(self._template_folders)]
        )
        # What a user wrote is sandboxed; for our own templates the sandbox would only cost half of the rendering.
        kind = jinja2.Environment if self._is_own else jinja2.sandbox.ImmutableSandboxedEnvironment
        environment = kind(
            loader=loader,
            undefined=jinja2.StrictUndefined,
            autoescape=False,
            # A template edited during a run would no longer be the one that was hashed.
            auto_reload=False,
            # There are few, and looking one up among the most recently used takes a lock.
            cache_size=-1,
        )
        environment.context_class = _Context
        # The same record must always give the same prompt.
        del environment.globals["lipsum"], environment.filters["random"]
        return environment

    @cached_property
    def _guides(self) -> GuideRenderer:
        return GuideRenderer(self._environment, self._template_folders, self.seed)

    def template_sha256(self, instruction: str, *, guided: bool = False) -> str:
        """Return the hash of the instruction's template with everything that it extends or includes.

        Args:
            instruction: The instruction type.
            guided: Whether its guided questions count, too.
        """
        key = (instruction, guided)
        if key not in self._hashes:
            texts = [self._source(name)[0] for name in sorted(self._closure(instruction))]
            self._hashes[key] = sha256_text(*texts, *(self._guides.sources(instruction) if guided else ()))
        return self._hashes[key]

    def _template(self, name: str) -> jinja2.Template:
        """Return a compiled template; a name behind REST is that template without its opening."""
        if name not in self._templates:
            whole = name.removeprefix(REST)
            template = self._environment.get_template(name) if name == whole else self._rest(whole)
            # Jinja copies them for each rendering, and copying its chain of mappings takes longer than our messages.
            template.globals = dict(template.globals)
            self._templates[name] = template
        return self._templates[name]

    def _rest(self, name: str) -> jinja2.Template:
        # A user's errors are to be told by the places in the files, and blocks may lean on how Jinja goes through them.
        flat = flattened(self._environment, name, without="opening") if self._is_own else None
        source = f'{{% extends "{name}" %}}{{% block opening %}}{{% endblock %}}'
        return flat or self._environment.from_string(source)

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

    def _closure(self, instruction: str) -> set[str]:
        """Return the names of an instruction's template and of every template that it extends or includes."""
        seen: dict[str, tuple[jinja2.nodes.Template, str | None]] = {}
        waiting = [f"{instruction}.j2"]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            source, file = self._source(current)
            try:
                tree = self._environment.parse(source, current, file)
            except jinja2.TemplateSyntaxError as error:
                raise _template_error(current, error) from error
            seen[current] = (tree, file)
            if STATEFUL & {node.name for node in tree.find_all(jinja2.nodes.Name)}:
                self._stateful.add(f"{instruction}.j2")
            waiting.extend(found for found in jinja2.meta.find_referenced_templates(tree) if found)
        refuse_unknown_blocks(seen)
        return set(seen)

    def seeds(self, instruction: str) -> tuple[Seed, ...]:
        """Return all seed examples of an instruction type, validated."""
        if instruction not in self._seeds:
            path = self._find(self._seed_folders, f"{instruction}.jsonl")
            self._seeds[instruction] = tuple(read_seeds(path))
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

    def shown(self, record: ImageRecord) -> ImageRecord:
        """Return a record with no more of it than the context lets a prompt show."""
        if self.context == "caption":
            return record.model_copy(update={"attributes": Attributes()})
        if self.context == "attributes":
            return record.model_copy(update={"caption": None})
        return record

    def tells_of(self, record: ImageRecord) -> bool:
        """Return whether a prompt would tell anything of what is in the image: a caption, or an attribute."""
        return _told(self.shown(record)) != "nothing"

    def render(
        self,
        record: ImageRecord,
        instruction: str,
        *,
        kinds: Sequence[TurnKind],
        answer_schema: dict[str, Any] | None,
        answer_json: Callable[[Sequence[Turn]], str],
        guided: bool = True,
        images: tuple[ImageInput, ...] = (),
    ) -> Prompt:
        """Render the prompt of one record.

        Args:
            record: What is known of the image.
            instruction: The instruction type; names the template, the seed file and the guided questions.
            kinds: The kinds of turn that make an answer, in order.
            answer_schema: JSON schema of the wanted answer, None for plain text.
            answer_json: Writes turns as the JSON that the schema describes, for the examples.
            guided: Whether to render the guide, too, which only the smallest models need.
            images: What a model that sees is shown with the last message of the user's.

        Raises:
            InputError: a template is broken, uses a name that is not given, or makes no message that could carry
                the images; or a seed example is no example of this type.
        """
        name = f"{instruction}.j2"
        template_sha256 = self.template_sha256(instruction, guided=guided)
        seeds = self.choose_seeds(instruction, record.id)
        record = self.shown(record)
        told = _told(record)
        variables = {
            "caption": record.caption,
            "emotion": record.emotion,
            "labels": list(record.labels),
            "attributes": attribute_texts(record.attributes),
            "examples": [self._example(instruction, seed, kinds, answer_json) for seed in seeds],
            "structured": answer_schema is not None,
            "sees": bool(images),
            "told": told,
        }
        key = (instruction, answer_schema is not None, bool(images), told, tuple(seed.id for seed in seeds))
        # A user's template may fail in any way that an expression can.
        try:
            messages = self._messages(name, variables, key)
            guide = tuple(self._guides.turns(record, instruction, kinds)) if guided else ()
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
        if images:
            _show(images, messages, name)
        return Prompt(
            record_id=record.id,
            instruction=instruction,
            messages=tuple(messages),
            answer_schema=answer_schema,
            guide=guide,
            template_sha256=template_sha256,
            seed_ids=key[-1],
        )

    def _messages(self, name: str, variables: dict[str, Any], key: _Opening) -> list[Message]:
        """Render a template, without its opening where that is known."""
        known = self._openings.get(key)
        if known is not None:
            return [*known, *self._chat(f"{REST}{name}", variables).messages]
        chat = self._chat(name, variables)
        if chat.constant and len(self._openings) < MOST_OPENINGS and name not in self._stateful:
            rest = self._chat(f"{REST}{name}", variables).messages
            opening = len(chat.messages) - len(rest)
            if 0 < opening <= chat.constant and chat.messages[opening:] == rest:
                self._openings[key] = tuple(chat.messages[:opening])
        return chat.messages

    def _chat(self, name: str, variables: dict[str, Any]) -> _Chat:
        chat = _Chat()
        _chat.set(chat)
        self._template(name).render(message=chat.message, **variables)
        return chat

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
