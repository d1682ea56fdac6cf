"""The data sets that models are compared on, one layout a file.

Adding one is a file here and a line below, or a line in another package's `pyproject.toml` under
`[project.entry-points."emovit_train.datasets"]`. Its class is a `DataSet`: see dataset.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emogen.errors import InputError, UnknownNameError
from emogen.registry import Registry
from emovit_train.evaluation.datasets.dataset import DataSet

__all__ = ["DATASETS", "detect_dataset", "open_dataset"]

_HERE: Final = "emovit_train.evaluation.datasets"

DATASETS: Registry[type[DataSet]] = Registry(
    "data set",
    "emovit_train.datasets",
    {
        "abstract": f"{_HERE}.abstract:Abstract",
        "artphoto": f"{_HERE}.artphoto:ArtPhoto",
        "emoset": f"{_HERE}.emoset:EmoSet",
        "emotion6": f"{_HERE}.emotion6:Emotion6",
        "emotionroi": f"{_HERE}.emotionroi:EmotionROI",
        "fi": f"{_HERE}.fi:FI",
        "iapsa": f"{_HERE}.iapsa:IAPSa",
        "labelled": f"{_HERE}.labelled:Labelled",
        "oxford-hic": f"{_HERE}.oxford_hic:OxfordHIC",
        "unbiasedemo": f"{_HERE}.unbiasedemo:UnbiasedEmo",
        "webemo": f"{_HERE}.webemo:WEBEmo",
    },
)


def open_dataset(root: Path, name: str | None = None, task: str | None = None) -> DataSet:
    """Open the data set in a folder.

    Args:
        root: The folder, or a file of labelled images.
        name: Which data set it is; by default what is there decides, see `detect_dataset`.
        task: Which labels are asked for; the data set's first by default.

    Raises:
        InputError: nothing is there, or it is not told which data set it is.
        UnknownNameError: there is no such data set, or it has no such task.
    """
    if not root.exists():
        raise InputError("no such file or folder", where=root, remedy="Name the unpacked data set's folder.")
    kind = DATASETS.get(name or detect_dataset(root))
    if task is None:
        task = next(iter(kind.tasks))
    elif task not in kind.tasks and not kind.any_labels:
        raise UnknownNameError(f"task of {kind.name}", task, kind.tasks)
    return kind(root, task)


def detect_dataset(root: Path) -> str:
    """Return the name of the data set that a folder holds; `labelled` where it is none that we know.

    Raises:
        InputError: it looks like several.
    """
    signs = {name: DATASETS.get(name).recognises(root) for name in DATASETS.names() if name != "labelled"}
    found = {name: sign for name, sign in signs.items() if sign}
    if len(found) > 1:
        likely = " or ".join(f"{name} ({sign})" for name, sign in found.items())
        raise InputError(f"may be {likely}", where=root, remedy=f"Say which: --as {next(iter(found))}.")
    return next(iter(found), "labelled")
