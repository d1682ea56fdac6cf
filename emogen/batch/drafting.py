"""From requests to the files that are uploaded: a line each, within the provider's limits."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

import orjson

from emogen.atomic import replacing, writable_folder
from emogen.backends.openai import OpenAIBackend
from emogen.batch.planned import Asked, Batch, Terms
from emogen.batch.plans import Plans
from emogen.batch.rows import Missing
from emogen.estimates import estimated_usage, most_usage
from emogen.schemas import Usage

__all__ = ["ENDPOINT", "Estimate", "Limits", "Line", "draft", "estimate", "input_file", "lines_of"]

ENDPOINT: Final = "/v1/chat/completions"
FOLDER: Final = "batches"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may become; the provider takes 50,000 requests and 200 MB."""

    requests: int = 50_000
    bytes: int = 190_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One request as it stands in a file.

    Attributes:
        asked: What its answer is kept beside.
        text: The line, with its newline.
        usage: About how many tokens it takes.
        most: How many tokens it may take.
    """

    asked: Asked
    text: bytes
    usage: Usage
    most: Usage


@dataclass(slots=True)
class Estimate:
    """What requests take, added up.

    Attributes:
        requests: How many.
        files: In how many files.
        bytes: How much is uploaded.
        usage: About how many tokens they take.
        most: How many tokens they may take.
    """

    requests: int = 0
    files: int = 0
    bytes: int = 0
    usage: Usage = field(default_factory=Usage)
    most: Usage = field(default_factory=Usage)

    def count(self, line: Line) -> None:
        """Add a request."""
        self.join(Estimate(1, 0, len(line.text), line.usage, line.most))

    def join(self, part: Estimate) -> None:
        """Add what others take."""
        self.requests += part.requests
        self.files += part.files
        self.bytes += part.bytes
        self.usage = _sum(self.usage, part.usage)
        self.most = _sum(self.most, part.most)


def lines_of(requests: Iterable[Missing], backend: OpenAIBackend) -> Iterator[Line]:
    """Yield each request as a line; its `custom_id` is the key under which the journal will know the answer."""
    for missing in requests:
        prompt, revision = missing.request.prompt, missing.request.revision
        line = {
            "custom_id": missing.key.hex(),
            "method": "POST",
            "url": ENDPOINT,
            "body": backend.request.body(prompt),
        }
        usage = estimated_usage(prompt)
        yield Line(
            Asked(
                missing.key,
                prompt.record_id,
                prompt.instruction,
                revision,
                backend.request.format_of(prompt) or "",
                usage.prompt_tokens,
                missing.request.context,
            ),
            orjson.dumps(line) + b"\n",
            usage,
            most_usage(prompt, backend.parameters),
        )


def estimate(lines: Iterable[Line], limits: Limits) -> Estimate:
    """Return what `lines` would take; nothing is written."""
    total = Estimate()
    for _, file in groupby(lines, _Filling(limits)):
        total.files += 1
        for line in file:
            total.count(line)
    return total


def draft(
    lines: Iterable[Line],
    limits: Limits,
    plans: Plans,
    terms: Terms,
    check: Callable[[Estimate], None],
) -> Estimate:
    """Write the files and plan a batch of each, to be called inside `plans.transaction`.

    Args:
        lines: The requests; those that are in a batch already are left out.
        limits: How large a file may become.
        plans: Where they are planned.
        terms: Who will be asked.
        check: Is shown what all of them take; what it raises undoes everything.

    Returns:
        What all of them take.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """
    new = (line for line in lines if not plans.is_asked(line.asked.key))
    writable_folder(plans.path.parent / FOLDER)
    total = Estimate()
    with ExitStack() as undo:
        for _, file in groupby(new, _Filling(limits)):
            number, part = plans.next_number(), Estimate(files=1)
            path = input_file(plans, number)
            undo.callback(path.unlink, missing_ok=True)
            # The same requests submitted twice, here or by another run, are two batches that must not be confused.
            plan = hashlib.sha256(secrets.token_bytes(16))
            with replacing(path) as written:
                for line in file:
                    plans.add_request(number, line.asked)
                    written.write(line.text)
                    plan.update(line.text)
                    part.count(line)
            plans.add(Batch(number, plan.hexdigest(), part.requests, part.most, terms))
            total.join(part)
        check(total)
        undo.pop_all()
    return total


def input_file(plans: Plans, number: int) -> Path:
    """Return where the file of the batch `number` lies until its answers are collected."""
    return plans.path.parent / FOLDER / f"{number:04}.jsonl"


class _Filling:
    """Numbers the files that lines go into."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._number = self._requests = self._bytes = 0

    def __call__(self, line: Line) -> int:
        size = len(line.text)
        if self._requests == self._limits.requests or self._bytes + size > self._limits.bytes:
            self._number += 1
            self._requests = self._bytes = 0
        self._requests += 1
        self._bytes += size
        return self._number


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
    )
