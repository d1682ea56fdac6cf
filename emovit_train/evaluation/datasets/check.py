"""What is in a copy of a data set, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from emogen.errors import InputError
from emogen.image_file import read_rgb
from emogen.terminal import progress
from emovit_train.evaluation.datasets.dataset import DataSet, Item, Problem, full_name
from emovit_train.evaluation.datasets.test_lists import fingerprint

__all__ = ["Copy", "check_dataset", "read_items"]


class Copy(BaseModel):
    """A copy of a data set, counted.

    Attributes:
        dataset: Data set and task.
        items: Images that can be used.
        by_label: Label → images; those without a single label are not among them.
        by_split: Split → images.
        official_split: Whether the authors made the split; otherwise our rule did.
        test_list: Fingerprint of the ids in the test split: equal lists, equal fingerprints.
        published: Images by the authors' word; None where nobody said.
        dwindles: Why a copy may hold fewer.
        wrong: What is wrong, a line each.
        remarks: What is to be known, a line each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    items: int
    by_label: dict[str, int]
    by_split: dict[str, int]
    official_split: bool
    test_list: str
    published: int | None
    dwindles: str
    wrong: tuple[str, ...]
    remarks: tuple[str, ...]


def read_items(dataset: DataSet) -> tuple[list[Item], list[Problem]]:
    """Read all items, and what is wrong with others.

    Raises:
        InputError: the data set as a whole cannot be used.
    """
    problems: list[Problem] = []
    with progress(f"reading {full_name(dataset)}", None) as advance:
        items = []
        for item in dataset.items(problems.append):
            items.append(item)
            advance()
    if not items:
        first = problems[0] if problems else Problem("", "nothing is there")
        raise InputError(
            f"none of its {len(problems)} images can be used; the first: {first.what}",
            where=first.where or dataset.image_root,
            remedy="Unpack the data set again, or say what it is with --as.",
        )
    return items, problems


def check_dataset(dataset: DataSet, *, decode: bool = False) -> Copy:
    """Count a copy and compare it with what its authors counted.

    Args:
        dataset: An opened data set.
        decode: Decode every image, too.

    Raises:
        InputError: the data set as a whole cannot be used.
    """
    items, problems = read_items(dataset)
    wrong = [str(problem) for problem in problems if problem.left_out]
    remarks = [str(problem) for problem in problems if not problem.left_out]
    differences = _differences(dataset, items)
    if dataset.known.dwindles:
        remarks += [*differences, dataset.known.dwindles]
        wrong += _more_than_dead_links(dataset, items)
    else:
        wrong += differences
    if decode:
        wrong += _undecodable(dataset.image_root, items)
    return Copy(
        dataset=full_name(dataset),
        items=len(items),
        by_label=_in_order(Counter(item.label for item in items if item.label), items[0].labels),
        by_split=dict(sorted(Counter(item.split or "none" for item in items).items())),
        official_split=dataset.official,
        test_list=fingerprint(item.id for item in items if item.split == "test"),
        published=dataset.known.images,
        dwindles=dataset.known.dwindles,
        wrong=tuple(wrong),
        remarks=(*remarks, *dataset.known.remarks),
    )


def _differences(dataset: DataSet, items: list[Item]) -> list[str]:
    known = dataset.known
    lines = []
    if known.images is not None and len(items) != known.images:
        lines.append(f"{len(items):,} images instead of {known.images:,}")
    test = sum(item.split == "test" for item in items)
    if known.test is not None and test != known.test:
        lines.append(f"{test:,} test images instead of {known.test:,}")
    if dataset.task == next(iter(dataset.tasks)):
        found = Counter(item.label for item in items)
        lines += [
            f"{label}: {found[label]:,} images instead of {number:,}"
            for label, number in known.by_label.items()
            if found[label] != number
        ]
    return lines


def _more_than_dead_links(dataset: DataSet, items: list[Item]) -> list[str]:
    """Return what no dead link explains: labels that lost every image, and images that its authors never had."""
    found = Counter(item.label for item in items)
    lines = [f"{label}: no image at all" for label in dataset.tasks[dataset.task] if not found[label]]
    if dataset.known.images is not None and len(items) > dataset.known.images:
        lines.append(f"{len(items):,} images, more than the {dataset.known.images:,} that there are")
    return lines


def _in_order(counts: Counter[str], labels: Iterable[str]) -> dict[str, int]:
    # Records may each name labels of their own.
    return {label: counts[label] for label in (*labels, *sorted(counts.keys() - set(labels)))}


def _undecodable(root: Path, items: list[Item]) -> list[str]:
    wrong = []
    with progress("decoding", len(items)) as advance:
        for item in items:
            try:
                read_rgb(root / item.image)
            except InputError as error:
                wrong.append(f"{error.where}: {error.what}")
            advance()
    return wrong
