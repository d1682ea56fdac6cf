"""Record + seed examples + template → `Prompt`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from emogen.chat_templates import ChatTemplates, template_error
from emogen.errors import InputError
from emogen.guides import GuideRenderer
from emogen.resources import search_path, sha256_text
from emogen.schemas import Attributes, ImageInput, ImageRecord, Message, Prompt, Turn, TurnKind
from emogen.seeds import DEFAULT_EXAMPLES, Seed, attribute_texts, read_seeds, seeded_choice

__all__ = ["DEFAULT_CONTEXT", "Context", "PromptRenderer"]

# What of a record a prompt may show; its emotion is shown with each.
Context = Literal["all", "caption", "attributes"]
DEFAULT_CONTEXT: Final[Context] = "all"

_NO_ATTRIBUTES: Final = Attributes()


def _told(record: ImageRecord) -> str:
    """Return what there is to tell of an image beside its emotion."""
    # Comparing the models themselves takes ten times as long.
    has_attributes = vars(record.attributes) != vars(_NO_ATTRIBUTES)
    if record.caption:
        return "caption and attributes" if has_attributes else "caption"
    return "attributes" if has_attributes else "nothing"


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
        self._templates = ChatTemplates(self._template_folders)

    @cached_property
    def _guides(self) -> GuideRenderer:
        return GuideRenderer(self._templates.environment, self._template_folders, self.seed)

    def template_sha256(self, instruction: str, *, guided: bool = False) -> str:
        """Return the hash of the instruction's template with everything that it extends or includes.

        Args:
            instruction: The instruction type.
            guided: Whether its guided questions count, too.
        """
        key = (instruction, guided)
        if key not in self._hashes:
            texts = self._templates.sources(f"{instruction}.j2")
            self._hashes[key] = sha256_text(*texts, *(self._guides.sources(instruction) if guided else ()))
        return self._hashes[key]

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
        # What decides the prompt's opening.
        key = (instruction, answer_schema is not None, bool(images), told, tuple(seed.id for seed in seeds))
        # A user's template may fail in any way that an expression can.
        try:
            messages = self._templates.messages(name, variables, key)
            guide = tuple(self._guides.turns(record, instruction, kinds)) if guided else ()
        except InputError:
            raise
        except Exception as error:
            raise template_error(name, error) from error
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
