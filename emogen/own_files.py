"""What a user's own templates and seed examples must be called: a misspelt name would be passed over in silence."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import jinja2
import jinja2.meta

from emogen.errors import UnknownNameError
from emogen.resources import search_path

__all__ = ["refuse_unknown_blocks", "refuse_unknown_files"]

# Of names of seed files, with their suffix.
LIKE: Final = 0.8
# Kind of folder → which of its files are ours to read; whatever else lies there is the user's business.
_READ: Final = {"templates": ("*.j2", "guided/*.jsonl"), "seeds": ("*.jsonl",)}


def refuse_unknown_files(kind: str, override: Path | None, instructions: Collection[str]) -> None:
    """Refuse a file in a user's folder that nothing would read.

    Args:
        kind: "templates" or "seeds".
        override: The folder given, see `emogen.resources.search_path`.
        instructions: The names of all instruction types.

    Raises:
        UnknownNameError: naming the file, and the nearest that would be read.
    """
    *own, bundled = search_path(kind, override)
    for folder in own:
        found = set(_files(kind, folder))
        known = {*_files(kind, bundled), *_named_after(kind, instructions)}
        for name in sorted(found - known - set(_mentioned(folder, found))):
            if kind == "seeds" and not difflib.get_close_matches(name, known, n=1, cutoff=LIKE):
                # Records and samples are JSON Lines, too, and may well lie beside.
                continue
            raise UnknownNameError(f"file of {kind}", name, known, where=folder)


def _files(kind: str, folder: Path) -> Iterator[str]:
    for pattern in _READ[kind]:
        yield from (path.relative_to(folder).as_posix() for path in folder.glob(pattern))


def _named_after(kind: str, instructions: Collection[str]) -> Iterator[str]:
    for pattern in _READ[kind]:
        yield from (pattern.replace("*", name) for name in instructions)


def _mentioned(folder: Path, names: Collection[str]) -> Iterator[str]:
    """Yield the templates that others of the folder extend, include or import; broken ones are found elsewhere."""
    environment = jinja2.Environment(autoescape=False)
    for name in names:
        if name.endswith(".j2"):
            try:
                tree = environment.parse((folder / name).read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, jinja2.TemplateSyntaxError):
                continue
            yield from (other for other in jinja2.meta.find_referenced_templates(tree) if other)


def refuse_unknown_blocks(templates: Mapping[str, tuple[jinja2.nodes.Template, str | None]]) -> None:
    """Refuse a block in a template that no template which it extends has: Jinja would leave it out in silence.

    Args:
        templates: Name → parsed template and its file, with all that they extend.

    Raises:
        UnknownNameError: naming the file, the line and the nearest block.
    """
    for name, (tree, file) in templates.items():
        known = {block for parent in _parents(name, templates) for block in _blocks(templates[parent][0])}
        for block in tree.body:
            if known and isinstance(block, jinja2.nodes.Block) and block.name not in known:
                where = f"template {file or name}, line {block.lineno}"
                raise UnknownNameError("block", block.name, known, where=where)


def _parents(name: str, templates: Mapping[str, tuple[jinja2.nodes.Template, str | None]]) -> Iterator[str]:
    """Yield what a template extends, and what that extends; nothing where only rendering would tell."""
    seen = {name}
    while True:
        extends = next(templates[name][0].find_all(jinja2.nodes.Extends), None)
        if extends is None or not isinstance(extends.template, jinja2.nodes.Const):
            return
        name = extends.template.value
        if name in seen or name not in templates:
            return
        seen.add(name)
        yield name


def _blocks(tree: jinja2.nodes.Template) -> Iterator[str]:
    return (block.name for block in tree.find_all(jinja2.nodes.Block))
