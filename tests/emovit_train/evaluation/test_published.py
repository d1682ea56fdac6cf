"""Printed numbers: each names a task that there is, and the paper's are the paper's."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from emovit_train.evaluation.datasets import DATASETS
from emovit_train.evaluation.published import printed, published


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


def test_what_the_paper_computes_from_its_numbers() -> None:
    """Table 2 prints gains over the untuned model; they follow from its cells, and its ends are cells of Table 1."""
    gains = {"categorical": 0.3870, "categorical, conversation": 0.3975}
    gains["categorical, conversation, reasoning"] = 0.4116
    cells = {model: number.accuracy for (model, _), number in printed("table2").items()}
    assert {name: round(cells[name] - cells["none"], 4) for name in gains} == gains
    whole = printed("table1")
    assert cells["none"] == whole["InstructBLIP", "emoset-8"].accuracy
    best = {("table2", "categorical, conversation, reasoning"), ("table4", "50%"), ("table5", "Vicuna-7B")}
    best |= {("sec9", "gpt-4"), ("table1", "EmoVIT")}
    assert {printed(table)[model, "emoset-8"].accuracy for table, model in best} == {0.8336}


def test_each_experiment_has_its_numbers() -> None:
    """Cells by experiment: eight data sets of five models, and single columns."""
    counts = {"table1": 40, "table2": 4, "table3": 5, "table4": 4, "table5": 3, "sec9": 2, "humour": 1}
    assert {name: len(printed(name)) for name in counts} == counts
    assert printed("table4")["30%", "emoset-8"].accuracy == 0.7934
    assert printed("humour")["EmoVIT", "oxford-hic-captions"].source.endswith("section 4.6")


def test_the_highest_come_first() -> None:
    """Whoever wants to be best sees what is to be beaten; records of one's own have no such numbers."""
    assert published("emoset-8")[0].accuracy == 0.8392
    assert published("records") == []
