"""The code that the documentation shows: fenced blocks, and what of them is a command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Made from the program itself, and compared with it as a whole.
COMMANDS = ROOT / "docs" / "commands.md"
PAGES = [
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path != COMMANDS
]
_FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_INLINE = re.compile(r"`((?:emogen|emovit_train) [^`]+)`")
_BETWEEN_COMMANDS = frozenset(("&&", "||", ";", "|"))


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: The file.
        line: Where it begins, from 1.
        language: What the fence says.
        text: What is inside.
    """

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def blocks_of(page: Path, language: str | None = None) -> list[Block]:
    """Return the fenced blocks of a page, of one language or all."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(page, text.count("\n", 0, match.start()) + 1, match["language"].strip(), match["text"])
        for match in _FENCED.finditer(text)
    ]
    return [block for block in found if language in (None, block.language)]


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the commands of a shell block as words: lines joined, comments and the prompt's sign left out."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line.removeprefix("$ "), comments=True), ";"]:
            if word not in _BETWEEN_COMMANDS:
                words.append(word)
            elif words:
                yield words
                words = []


def commands_of(page: Path) -> list[list[str]]:
    """Return the commands of all shell blocks of a page, in their order."""
    return [words for block in blocks_of(page, "bash") for words in commands_in(block.text)]


def commands_in_prose(page: Path) -> Iterator[list[str]]:
    """Yield what a page names in its sentences as commands: they may leave out what a command needs."""
    for block in blocks_of(page, "text"):
        yield from (
            words for words in commands_in(_plain(block.text)) if words[0] in ("emogen", "emovit_train")
        )
    for named in _INLINE.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        yield shlex.split(named)


def _plain(text: str) -> str:
    """Return the lines of a text that begin with a program's name: the others need not be shell."""
    return "\n".join(line for line in text.splitlines() if line.startswith(("emogen ", "emovit_train ")))
