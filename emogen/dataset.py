"""What a command reads: the records of a source, of which some are selected, joined with captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

from emogen.schemas import ImageRecord
from emogen.selection import Selected, Selection
from emogen.sources import ImagesInside, OnProblem, Source
from emogen.sources.captions import Captions
from emogen.sources.problems import ProblemCounts

__all__ = ["Dataset"]


class Dataset:
    """A source with a selection and captions; it can be read more than once, and gives the same records each time.

    Args:
        source: Where the records come from.
        selection: Which of them are taken.
        captions: Take the place of the records' own.

    Attributes:
        source: See above.
        captions: See above.
        read: (split, emotion) → how many records the source gave in the last reading, selected or not.
        read_whole: Whether that reading came to the source's end.
        problems: What was wrong with single rows in the last reading, where nobody else was told.
    """

    def __init__(
        self, source: Source, selection: Selection | None = None, captions: Captions | None = None
    ) -> None:
        self.source = source
        self.captions = captions
        self.read: Counter[tuple[str | None, str | None]] = Counter()
        self.read_whole = False
        self.problems = ProblemCounts()
        self._selection = selection or Selection()

    def records(self, on_problem: OnProblem | None = None) -> Iterator[ImageRecord]:
        """Yield the records; for a balanced or shared selection, the source is read once before.

        Args:
            on_problem: Told of what is wrong with single rows; by default they are kept for `remarks`.

        Raises:
            EmovitError: as `Source.records`, `Selected` and `Captions.join`.
        """
        wanted = self._wanted()
        self.problems = ProblemCounts()
        whole = self._noting_the_end(self.source.records(on_problem or self.problems.add))
        return self._joined(islice(filter(wanted, whole), self._selection.limit))

    def extract(self, folder: Path, on_problem: OnProblem) -> Iterator[ImageRecord]:
        """Yield the records as `records`, each with its image written below `folder` and named relative to it.

        Raises:
            EmovitError: as `records` and `ImagesInside.extract`.
        """
        assert isinstance(self.source, ImagesInside)
        whole = self._noting_the_end(self.source.extract(folder, self._wanted(), on_problem))
        return self._joined(islice(whole, self._selection.limit))

    @property
    def has_images_inside(self) -> bool:
        """Whether the source holds the images themselves, so that `extract` must write them."""
        return isinstance(self.source, ImagesInside) and self.source.has_images_inside()

    def count(self) -> int | None:
        """Return how many records there will be at most; None where only reading them would tell."""
        selection = self._selection
        count = self._selected.count
        if count is None and selection == Selection(limit=selection.limit):
            count = self.source.count()
        if count is None:
            return None
        return count if selection.limit is None else min(count, selection.limit)

    @cached_property
    def _selected(self) -> Selected:
        # What is wrong with single rows is told when they are read to be used.
        return Selected(self._selection, lambda: self.source.records(lambda problem: None))

    def _wanted(self) -> Callable[[ImageRecord], bool]:
        wanted = self._selected.wanted()
        self.read, self.read_whole = Counter(), False
        read = self.read

        def counted(record: ImageRecord) -> bool:
            read[record.split, record.emotion] += 1
            return wanted(record)

        return counted

    def _noting_the_end(self, records: Iterator[ImageRecord]) -> Iterator[ImageRecord]:
        yield from records
        self.read_whole = True

    def _joined(self, records: Iterator[ImageRecord]) -> Iterator[ImageRecord]:
        return records if self.captions is None else self.captions.join(records)

    def differences(self) -> list[str] | None:
        """Return where the last reading differs from the counts that the data set's authors published.

        None where there are none, or where the reading did not come to the end.
        """
        published = self.source.published
        if published is None or not self.read_whole:
            return None
        return [
            f"{split} {emotion}: {self.read[split, emotion]:,} of {count:,}"
            for (split, emotion), count in published.images.items()
            if self.read[split, emotion] != count
        ]

    def remarks(self) -> list[str]:
        """Return what the user should know of the last reading: of captions, and of what is wrong with rows."""
        joined = [] if self.captions is None else [str(self.captions.counts)]
        return [*joined, *self.problems.lines()]
