"""What the parts of `emogen.batch` need around them in a test."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from batch_stub import BatchStub

from emogen.backends import BackendOptions, open_backend
from emogen.backends.openai import OpenAIBackend
from emogen.batch.collecting import Collection, collect
from emogen.batch.drafting import Estimate, Limits, lines_of
from emogen.batch.planned import Batch, Terms
from emogen.batch.plans import Plans
from emogen.batch.remote import Remote, RemoteBatch, Remotes
from emogen.batch.rows import Rows
from emogen.batch.submitting import submit
from emogen.instructions.reasoning import Reasoning
from emogen.journal import Journal
from emogen.judging import Judge
from emogen.prices import Price
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageRecord
from emogen.store import BATCHES

# A stubbed answer takes 7 prompt tokens and 5 answer tokens: in a batch it costs 0.0025.
PRICE = Price(0.0, 1000.0, "USD", dt.date(2026, 1, 1))


class World:
    """A run folder with journal and plans, and the way to the stub."""

    def __init__(self, run: Path, stub: BatchStub) -> None:
        self.stub = stub
        self.run = run
        run.mkdir(exist_ok=True)
        options = BackendOptions(base_url=stub.url, max_tokens=10)
        self.backend = cast(OpenAIBackend, open_backend("openai:m", options))
        self.terms = Terms(model="m", base_url=stub.url, api_key_env=None, price=PRICE.in_batch())
        self._opened = ExitStack()

    def __enter__(self) -> World:
        self.journal = self._opened.enter_context(Journal(self.run / "journal.sqlite"))
        self.plans = self._opened.enter_context(Plans(self.run / BATCHES))
        self.remotes = self._opened.enter_context(Remotes())
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def remote(self) -> Remote:
        return self.remotes.of(self.terms)

    def rows(self, count: int, begin: int = 0) -> Rows:
        return Rows(
            _records(begin, count),
            [Reasoning()],
            skip=(),
            backend=self.backend,
            renderer=PromptRenderer(),
            judge=Judge(),
            corrections=1,
            journal=self.journal,
            plans=self.plans,
        )

    def submit(
        self, count: int = 3, *, limits: Limits | None = None, max_cost: float | None = None
    ) -> Estimate:
        return submit(
            lines_of(self.rows(count).missing(), self.backend),
            limits or Limits(),
            self.plans,
            self.remotes,
            self.terms,
            spent=self.journal.spent(),
            max_cost=max_cost,
        )

    def collect(self) -> list[Collection]:
        """Collect all batches that have ended."""
        return asyncio.run(self.collect_all())

    async def collect_all(self) -> list[Collection]:
        return [
            await collect(batch, seen, self.plans, self.journal, self.remote)
            for batch, seen in self._seen()
            if seen.ended
        ]

    def _seen(self) -> Iterator[tuple[Batch, RemoteBatch]]:
        for batch in self.plans.open_batches():
            assert batch.batch_id is not None
            yield batch, self.remote.retrieve(batch.batch_id)

    def answers(self) -> dict[str, str]:
        """Return the texts in the journal by record."""
        return {entry.record_id: entry.completion.text for entry in self.journal.entries()}


def _records(begin: int, count: int) -> Iterator[ImageRecord]:
    for i in range(begin, begin + count):
        yield ImageRecord(id=f"r{i}", image=f"r{i}.jpg", emotion="awe", caption="A rocket stands on its pad.")
