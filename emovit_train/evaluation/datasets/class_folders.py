"""Images in folders that are named by their label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from emovit_train.evaluation.datasets.dataset import OnProblem, Problem
from emovit_train.evaluation.datasets.files import images_in

__all__ = ["class_folders", "has_class_folders"]


def has_class_folders(root: Path, labels: Sequence[str]) -> bool:
    """Return whether at least two folders of `root` are named by labels."""
    return sum((root / label).is_dir() for label in labels) >= 2


def class_folders(
    root: Path,
    labels: Sequence[str],
    on_problem: OnProblem,
    *,
    below: str = "",
    aliases: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield `(image, label)` of the images under `root/below`; the first folder there names the label.

    Args:
        root: What image paths are relative to.
        labels: The labels, whatever capitals the folders have.
        on_problem: Told of images in other folders and in none.
        below: The folder that holds the folders.
        aliases: What a folder may be called besides.
    """
    names = {**{label.casefold(): label for label in labels}, **(aliases or {})}
    for image in images_in(root, below):
        parts = PurePosixPath(image).relative_to(below).parts
        label = names.get(parts[0].casefold()) if len(parts) > 1 else None
        if label is None:
            on_problem(Problem(str(root / image), "not in a folder that is named by a label"))
        else:
            yield image, label
