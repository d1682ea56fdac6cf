"""Puts the answers of an ended batch into the journal, where they are what the same requests would have got online."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import closing
from itertools import islice
from typing import Final, cast

from emogen.backends import AnswerFormat, TransientError
from emogen.backends.chat_reply import read_completion
from emogen.backends.format_refusal import format_refusal
from emogen.batch.drafting import input_file
from emogen.batch.planned import Asked, Batch, Failure
from emogen.batch.plans import Plans
from emogen.batch.remote import GoneError, Remote, RemoteBatch
from emogen.batch.results import Garbled, NoAnswer, read_line
from emogen.errors import InputError
from emogen.estimates import with_estimate
from emogen.journal import Journal
from emogen.journal_entry import Entry

__all__ = ["Collection", "collect"]

# So many answers are made durable together.
CHUNK: Final = 256


class Collection:
    """What is being collected of one batch.

    Args:
        batch: The batch.
        plans: Where its requests stand.

    Attributes:
        answered: The requests that were answered.
        estimated: How many of them have estimated tokens, as the provider did not count them.
        failures: Why others were not.
        refused_formats: Answer formats that the provider does not do, with what it said.
        garbled: What was wrong with lines that could not be used.
        unread: The file that keeps those lines.
    """

    def __init__(self, batch: Batch, plans: Plans) -> None:
        self.answered: set[bytes] = set()
        self.estimated = 0
        self.failures: dict[bytes, Failure] = {}
        self.refused_formats: dict[str, str] = {}
        self.garbled: list[str] = []
        self.unread = input_file(plans, batch.number).with_suffix(".unread")
        self.unread.unlink(missing_ok=True)
        self._batch = batch
        self._plans = plans

    def take(self, line: bytes) -> Entry | None:
        """Read a line of results; return what is to be put into the journal, if anything."""
        result = read_line(line)
        if isinstance(result, Garbled):
            self._leave(line, result.detail)
            return None
        asked = self._plans.request(self._batch.number, result.key)
        if asked is None:
            self._leave(line, f"answers what was not asked: {result.key.hex()}")
            return None
        if isinstance(result, NoAnswer):
            self.failures[result.key] = self._failure(asked, result)
            return None
        try:
            completion = with_estimate(
                read_completion(result.body, self._batch.terms.model, answer_format=asked.answer_format),
                asked.prompt_tokens,
            )
        except TransientError as error:
            self.failures[result.key] = Failure(error.reason, error.detail)
            return None
        self.answered.add(asked.key)
        self.estimated += completion.usage.estimated
        price = self._batch.terms.price
        return Entry(
            asked.key,
            asked.record_id,
            asked.instruction,
            asked.revision,
            1,
            price.of(completion.usage) if price else None,
            int(time.time()),
            completion,
            asked.context,
        )

    def _failure(self, asked: Asked, result: NoAnswer) -> Failure:
        if result.reply is None:
            return result.failure
        # What is no structured format is no key of the patterns, and never refused.
        asked_for = cast(AnswerFormat, asked.answer_format)
        refusal = format_refusal(result.reply, asked_for, self._batch.terms.model)
        if refusal is None:
            return result.failure
        self.refused_formats[asked.answer_format] = refusal
        return Failure("format_refused", refusal)

    def _leave(self, line: bytes, detail: str) -> None:
        self.garbled.append(detail)
        try:
            with self.unread.open("ab") as file:
                file.write(line + b"\n")
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror or error}",
                where=self.unread,
                remedy="Free some space, then run the same command again.",
            ) from error

    def reasons(self) -> Counter[str]:
        """Return how many requests were not answered, by reason."""
        return Counter(failure.reason for failure in self.failures.values())


async def collect(
    batch: Batch, seen: RemoteBatch, plans: Plans, journal: Journal, remote: Remote
) -> Collection:
    """Put the answers of an ended batch into the journal, and note why its other requests have none.

    It may be stopped anywhere and done again: nothing comes into the journal twice.

    Raises:
        BackendError: the results cannot be fetched; what was fetched is in the journal.
    """
    collection = Collection(batch, plans)
    rest = _rest(seen)
    for file_id in seen.files:
        try:
            with closing(remote.lines(file_id)) as lines:
                while chunk := list(islice(lines, CHUNK)):
                    entries = [entry for line in chunk if (entry := collection.take(line))]
                    await asyncio.gather(*map(journal.put, entries))
        except GoneError as gone:
            # Providers keep results for some weeks.
            rest = Failure("results_gone", gone.what)
    for key in plans.keys(batch.number):
        if key in collection.answered or journal.get(key) is not None:
            collection.failures.pop(key, None)
        else:
            collection.failures.setdefault(key, rest)
    plans.settle(batch, collection.failures, collection.refused_formats)
    input_file(plans, batch.number).unlink(missing_ok=True)
    return collection


def _rest(seen: RemoteBatch) -> Failure:
    """Return why a request has no answer that stands in neither file."""
    if seen.status == "completed":
        return Failure("no_answer", "it is not in the results")
    return Failure(f"batch_{seen.status}", "; ".join(seen.errors) or f"the batch was {seen.status}")
