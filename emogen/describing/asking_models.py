"""Models that see are asked about images over a backend: journalled, within limits, each unfit answer once more."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from emogen.admission import Limits
from emogen.asking import complete
from emogen.backends import Backend, RequestError
from emogen.errors import InputError
from emogen.journal import Journal
from emogen.patience import Patience
from emogen.perception import wanted
from emogen.perception.question import CAPTION_TASK, Reading, corrected, question, read_answer
from emogen.perception.work import FoundFile, finding_key, identity_key, image_state
from emogen.schemas import MODEL_ORIGIN, Completion, ImageRecord, Prompt
from emogen.sight import Sight

__all__ = ["Asked", "Interview"]

CORRECTIONS: Final = 1


@dataclass(frozen=True)
class Asked:
    """What a model said of one image.

    Attributes:
        finding: Field → value.
        origin: What the record says of where it is from.
        problems: What it said that cannot be used, or why it said nothing.
    """

    finding: dict[str, Any]
    origin: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Turn:
    """One record's next request.

    Attributes:
        record: The record.
        key: Where the answer is kept.
        unfit: Answers that could not be used as they were, each with what was read of it.
    """

    record: ImageRecord
    key: bytes
    unfit: tuple[tuple[str, Reading], ...] = ()


class Interview:
    """One model that is asked for some fields of many records.

    Args:
        backend: Who is asked.
        fields: What for, where a record lacks it.
        folder: What the records' `image` is relative to.
        sight: Shows the images.
        found: Where answers that were read are kept.
        caption_task: What a caption is to be; None leaves it to us.
    """

    def __init__(
        self,
        backend: Backend,
        fields: Sequence[str],
        folder: Path,
        sight: Sight,
        found: FoundFile,
        caption_task: str | None = None,
    ) -> None:
        self._backend = backend
        self._fields = fields
        self._folder = folder
        self._sight = sight
        self._found = found
        self._caption_task = caption_task or CAPTION_TASK
        self._identity = identity_key(
            {
                "stage": "interview",
                "model": backend.model,
                "parameters": backend.parameters,
                "caption": self._caption_task,
                **sight.parameters,
            }
        )
        self._failed: dict[bytes, str] = {}
        self._patience = Patience(backend)

    async def ask(
        self,
        records: Iterable[ImageRecord],
        on_record: Callable[[ImageRecord], None],
        *,
        journal: Path,
        limits: Limits,
        prices: Path | None,
    ) -> None:
        """Ask about all records of which the model has said nothing yet.

        Args:
            records: Those whose images are readable.
            on_record: Called with each that is done, in the order of the answers.
            journal: Keeps every answer that was paid for.
            limits: See `emogen.complete`.
            prices: See `emogen.complete`.

        Raises:
            EmovitError: no request can succeed, or the money is used up; what was answered is kept.
        """
        self._patience = Patience(self._backend, resumed=_has_answers(journal))
        turns: Iterable[_Turn] = self._first(records, on_record)
        while True:
            again: list[_Turn] = []
            under_way: dict[str, _Turn] = {}
            prompts = self._prompts(turns, under_way, on_record)
            answers = complete(
                prompts, self._backend, journal=journal, limits=limits, prices=prices, schema_is_wish=True
            )
            async with aclosing(answers):
                async for prompt, answer in answers:
                    turn = under_way.pop(prompt.record_id)
                    following = self._after(turn, answer)
                    if following:
                        again.append(following)
                    else:
                        on_record(turn.record)
            if not again:
                return
            turns = again

    def said(self, record: ImageRecord) -> Asked | None:
        """Return what the model said of a record's image; None where it was not to be asked.

        Raises:
            InputError: the image has gone.
        """
        if not wanted(record, self._fields):
            return None
        key = self._key(record)
        kept = self._found.get(key)
        if kept is None:
            return Asked({}, "", (self._failed.get(key, "it was not asked"),))
        return Asked(kept["finding"], f"{MODEL_ORIGIN}{kept['model']}", tuple(kept["problems"]))

    @property
    def failures(self) -> int:
        """How many requests failed; the same command asks them again."""
        return len(self._failed)

    def _key(self, record: ImageRecord) -> bytes:
        fields = wanted(record, self._fields)
        labels = record.labels if "emotion" in fields else ()
        return finding_key(self._identity, image_state(self._folder, record.image), f"{fields} {labels}")

    def _first(
        self, records: Iterable[ImageRecord], on_record: Callable[[ImageRecord], None]
    ) -> Iterator[_Turn]:
        for record in records:
            if wanted(record, self._fields) and self._found.get(key := self._key(record)) is None:
                yield _Turn(record, key)
            else:
                on_record(record)

    def _prompts(
        self, turns: Iterable[_Turn], under_way: dict[str, _Turn], on_record: Callable[[ImageRecord], None]
    ) -> Iterator[Prompt]:
        for turn in turns:
            try:
                image = self._sight.look(turn.record)
            except InputError as error:
                self._failed[turn.key] = str(error)
                on_record(turn.record)
                continue
            prompt = question(
                turn.record,
                wanted(turn.record, self._fields),
                image,
                self._caption_task,
            )
            for answer, reading in turn.unfit:
                prompt = corrected(prompt, answer, reading.problems)
            under_way[turn.record.id] = turn
            yield prompt

    def _after(self, turn: _Turn, answer: Completion | RequestError) -> _Turn | None:
        """Take an answer, and return the record's next request where there is to be one."""
        if isinstance(answer, RequestError):
            self._failed[turn.key] = str(answer)
            self._patience.failed(answer)
            return None
        self._patience.answered = True
        reading = read_answer(answer.text, turn.record, wanted(turn.record, self._fields))
        if reading.problems and len(turn.unfit) < CORRECTIONS:
            return replace(turn, unfit=(*turn.unfit, (answer.text, reading)))
        finding = dict(ChainMap(reading.finding, *(earlier.finding for _, earlier in turn.unfit)))
        self._found.put(
            [(turn.key, {"finding": finding, "model": answer.model, "problems": reading.problems})]
        )
        return None


def _has_answers(journal: Path) -> bool:
    """Whether an earlier run asked."""
    if not journal.is_file():
        return False
    with Journal(journal) as opened:
        return opened.last_position() > 0
