"""Jinja files that make chat messages: compiled once, and rendered with no more than differs.

A template calls `message(role)` around each chat message. It sees plain strings, numbers, lists and dictionaries; where
a user's folder is among the templates, all run in a sandbox. What is given is only ever a value, so braces or Jinja
syntax inside a caption stay text.

Most of a prompt is the same for many records: the system message, and the examples that were chosen. Where the
template's block `opening` uses nothing of the record, it is rendered once for each choice of examples.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import jinja2
import jinja2.meta
import jinja2.nodes
import jinja2.runtime
import jinja2.sandbox

from emogen.errors import InputError, shorten
from emogen.flat_template import flattened
from emogen.own_files import refuse_unknown_blocks
from emogen.resources import bundled_dir
from emogen.schemas import Message

__all__ = ["ChatTemplates", "template_error"]

# What a template sees that differs from record to record.
OF_THE_RECORD: Final = frozenset({"caption", "emotion", "labels", "attributes"})
# A template that keeps a state of its own may carry it from one message into the next.
STATEFUL: Final = frozenset({"namespace", "cycler", "joiner"})
MOST_OPENINGS: Final = 1024
REST: Final = "rest of "


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


def template_error(name: str, error: Exception) -> InputError:
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


class ChatTemplates:
    """The templates of some folders.

    Args:
        folders: Where they are; the first that has one wins. They may `{% extends "bundled/<name>" %}`.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._openings: dict[Hashable, tuple[Message, ...]] = {}
        self._stateful: set[str] = set()
        self._compiled: dict[str, jinja2.Template] = {}

    @property
    def _is_own(self) -> bool:
        """Whether all templates are our own."""
        return list(self._folders) == [bundled_dir("templates")]

    @cached_property
    def environment(self) -> jinja2.Environment:
        """What compiles them, and the questions of the guided mode."""
        bundled = jinja2.FileSystemLoader(bundled_dir("templates"))
        loader = jinja2.ChoiceLoader(
            [jinja2.PrefixLoader({"bundled": bundled}), jinja2.FileSystemLoader(self._folders)]
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

    def sources(self, name: str) -> list[str]:
        """Return the texts of a template and of all that it extends or includes, by their names.

        Raises:
            InputError: one is not there, cannot be read, is broken, or has a block that nothing would read.
        """
        return [self._source(each)[0] for each in sorted(self._closure(name))]

    def messages(self, name: str, variables: dict[str, Any], key: Hashable) -> list[Message]:
        """Return the chat messages that a template makes, its opening rendered only where it is not known.

        Args:
            name: The template, whose `sources` were asked for.
            variables: What it sees.
            key: What decides its opening.

        Raises:
            Exception: whatever an expression in a template can fail with; `template_error` says where it was.
        """
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

    def _template(self, name: str) -> jinja2.Template:
        """Return a compiled template; a name behind REST is that template without its opening."""
        if name not in self._compiled:
            whole = name.removeprefix(REST)
            template = self.environment.get_template(name) if name == whole else self._rest(whole)
            # Jinja copies them for each rendering, and copying its chain of mappings takes longer than our messages.
            template.globals = dict(template.globals)
            self._compiled[name] = template
        return self._compiled[name]

    def _rest(self, name: str) -> jinja2.Template:
        # A user's errors are to be told by the places in the files, and blocks may lean on how Jinja goes through them.
        flat = flattened(self.environment, name, without="opening") if self._is_own else None
        source = f'{{% extends "{name}" %}}{{% block opening %}}{{% endblock %}}'
        return flat or self.environment.from_string(source)

    def _source(self, name: str) -> tuple[str, str | None]:
        """Return a template's text and its file."""
        loader = self.environment.loader
        assert loader is not None
        try:
            return loader.get_source(self.environment, name)[:2]
        except jinja2.TemplateNotFound as error:
            folders = ", ".join(map(str, self._folders))
            raise InputError(
                f"no template {error.name!r} in {folders}", remedy="Check the name after `extends`."
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise template_error(name, error) from error

    def _closure(self, name: str) -> set[str]:
        """Return the names of a template and of every template that it extends or includes."""
        seen: dict[str, tuple[jinja2.nodes.Template, str | None]] = {}
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            source, file = self._source(current)
            try:
                tree = self.environment.parse(source, current, file)
            except jinja2.TemplateSyntaxError as error:
                raise template_error(current, error) from error
            seen[current] = (tree, file)
            if STATEFUL & {node.name for node in tree.find_all(jinja2.nodes.Name)}:
                self._stateful.add(name)
            waiting.extend(found for found in jinja2.meta.find_referenced_templates(tree) if found)
        refuse_unknown_blocks(seen)
        return set(seen)
