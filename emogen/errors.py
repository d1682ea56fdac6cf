"""Every error that a user can meet, in one tree.

An expected failure of one row is a value (`emogen.schemas.Rejection`); an exception here ends the command.

    EmovitError                what was wrong, where, and what to do next       exit code 1
    ├── InputError             a file, a line or an option that cannot be used  exit code 2
    │   └── UnknownNameError   a name that no table knows                       exit code 2
    ├── MissingPackageError    a package is not installed                       exit code 3
    │   └── MissingExtraError  one that an extra of this program brings         exit code 3
    ├── BackendError           a language model could not be asked              exit code 4
    │   └── CredentialError    no key, or one that the provider refuses         exit code 4
    ├── CheckFailedError       the command ran, and its result is not good      exit code 1
    └── UnfinishedError        what is asked for is not there yet               exit code 5
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "BackendError",
    "CheckFailedError",
    "CredentialError",
    "EmovitError",
    "InputError",
    "MissingExtraError",
    "MissingPackageError",
    "UnfinishedError",
    "UnknownNameError",
    "shorten",
]


def shorten(value: object, limit: int = 80) -> str:
    """Return `value` as one line of at most `limit` characters, for error messages."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


class EmovitError(Exception):
    """Base of all errors that are the user's to mend.

    Args:
        what: What is wrong, with the value seen.
        where: The file, line, field or option.
        remedy: What to do next, as an imperative sentence.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: object = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.what.rstrip('.')}.{remedy}"


class InputError(EmovitError):
    """A file, a line or an option cannot be used as it is."""

    exit_code = 2


class UnknownNameError(InputError):
    """A name is in no table; the message holds the nearest names and the whole list."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: object = None) -> None:
        self.name = name
        self.known: Sequence[str] = sorted(known)
        spelled = {known_name.lower(): known_name for known_name in self.known}
        near = difflib.get_close_matches(name.lower(), spelled, n=1, cutoff=0.5)
        guess = f"Did you mean {spelled[near[0]]!r}? " if near else ""
        super().__init__(
            f"unknown {kind} {shorten(name)!r}",
            where=where,
            remedy=f"{guess}Known: {', '.join(self.known) or 'none'}.",
        )


class MissingPackageError(EmovitError):
    """A package is missing that others make, and that a file or an address of the user's needs."""

    exit_code = 3


class MissingExtraError(MissingPackageError):
    """An optional package of this program is missing; the message holds the line that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed",
            remedy=f"Install it with: pip install 'emovit-toolkit[{extra}]' (in a checkout: pip install '.[{extra}]')",
        )


class BackendError(EmovitError):
    """A language model could not be asked at all (a refused single answer is a `Rejection`)."""

    exit_code = 4


class CredentialError(BackendError):
    """No key was found, or the provider refused it. The key itself is never part of the message."""


class CheckFailedError(EmovitError):
    """The command ran to its end, and what it made does not pass."""


class UnfinishedError(EmovitError):
    """What is asked for is not there yet; the same command succeeds later."""

    exit_code = 5
