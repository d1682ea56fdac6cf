"""Printed numbers: each names a task that there is, and the paper's are the paper's."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from emovit_train.evaluation.datasets import DATASETS
from emovit_train.evaluation.published import published


def test_every_number_belongs_to_a_task_of_a_data_set() -> None:
    """No number stands beside nothing, and each is a share with a source."""
    tasks = {f"{name}-{task}" for name in DATASETS.names() for task in DATASETS.get(name).tasks}
    text = (files("emovit_train.evaluation") / "data" / "published.toml").read_text()
    named = {
        dataset
        for source in tomllib.loads(text)["source"]
        for cells in source["accuracy"].values()
        for dataset in cells
    }
    assert named <= tasks
    assert all(
        0 < number.accuracy < 1 and number.source for dataset in named for number in published(dataset)
    )


def test_the_paper_s_table_1() -> None:
    """EmoVIT's eight accuracies, as printed."""
    printed = {"webemo-25": 0.2112, "fi-8": 0.6809, "emotion6-6": 0.5781, "abstract-8": 0.3234}
    printed |= {"artphoto-8": 0.4490, "iapsa-8": 0.4413, "emotionroi-6": 0.5387, "emoset-8": 0.8336}
    for dataset, accuracy in printed.items():
        (number,) = [n for n in published(dataset) if n.model == "EmoVIT" and n.source.endswith("Table 1")]
        assert number.accuracy == accuracy


def test_the_highest_come_first() -> None:
    """Whoever wants to be best sees what is to be beaten; records of one's own have no such numbers."""
    assert published("emoset-8")[0].accuracy == 0.8392
    assert published("records") == []
