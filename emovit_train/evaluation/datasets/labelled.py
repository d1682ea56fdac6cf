"""Images of your own: anything that `emogen` reads, with an emotion for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from emogen.labels import LABEL_SETS, label_set
from emogen.sources import OnProblem, Problem, Source, SourceOptions, open_source
from emovit_train.evaluation.datasets.dataset import Item, Known, each

__all__ = ["Labelled"]


class Labelled:
    """Your own: folders named by emotion, a CSV table, metadata or a records file; --task names the labels.

    Where: what `emogen records` reads, see docs/data.md. The task is a label set by name (mikels-8) or as a list
    (joy,anger,fear). The split is the data's own; images without one are all evaluated.
    """

    name: ClassVar[str] = "labelled"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = LABEL_SETS
    any_labels: ClassVar[bool] = True
    known: ClassVar[Known] = Known()
    official = True

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        # A records file may name its own labels: what is given here stands for those that name none.
        self._source: Source = open_source(root, SourceOptions(labels=label_set(task)))
        self.image_root = self._source.image_root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """Everything else is this."""
        return None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the records that have an emotion."""
        found = []
        for record in self._source.records(on_problem):
            if record.emotion is None:
                on_problem(Problem(record.image, "it has no emotion"))
            else:
                found.append(Item(record.id, record.image, record.emotion, record.labels, record.split))
        yield from each(found, on_problem, self.image_root)
