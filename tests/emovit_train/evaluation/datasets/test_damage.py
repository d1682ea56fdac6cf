"""A damaged copy is refused, or its damage told, with the file and the line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emogen.errors import InputError
from emovit_train.evaluation.datasets import open_dataset
from emovit_train.evaluation.datasets.check import read_items
from tests.emovit_train.evaluation.datasets import dataset_layouts as layouts
from tests.emovit_train.evaluation.datasets.dataset_layouts import image


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = root / file
        text = path.read_bytes().decode()
        assert old in text
        path.write_bytes(text.replace(old, new, 1).encode())

    return damage


def removed(file: str) -> Callable[[Path], None]:
    return lambda root: (root / file).unlink()


def only_one_digit(root: Path) -> None:
    for number in range(10, 25):
        for path in (root / "test25" / str(number)).iterdir():
            path.rename(root / "test25" / str(number % 10) / path.name)
        (root / "test25" / str(number)).rmdir()


# Data set, how it is damaged, and what must be said.
DAMAGES = [
    (
        "abstract",
        replaced("ABSTRACT_groundTruth.csv", "'Awe'", "'Ave'"),
        "ABSTRACT_groundTruth.csv:1: no column 'Awe'",
    ),
    (
        "abstract",
        replaced("ABSTRACT_groundTruth.csv", "jpg',2,", "jpg',2.5,"),
        "groundTruth.csv:2: not a number of votes",
    ),
    (
        "abstract",
        replaced("ABSTRACT_groundTruth.csv", ",0,0\n", ",0\n"),
        "groundTruth.csv:2: 8 cells instead of 9",
    ),
    ("artphoto", lambda root: (root / "testImages_artphoto").rename(root / "pictures"), "no images called"),
    ("emoset", replaced("test.json", '"sadness",', '"sad",'), "test.json: row 1"),
    ("emotion6", removed("ground_truth.txt"), "ground_truth.txt: cannot be read"),
    (
        "emotion6",
        replaced("ground_truth.txt", "[prob. fear]", "[fear]"),
        "ground_truth.txt:1: no column 'prob. fear'",
    ),
    (
        "emotion6",
        replaced("ground_truth.txt", "\t0.7", "\t0.1"),
        "ground_truth.txt:2: the shares sum to 0.400",
    ),
    (
        "emotion6",
        replaced("ground_truth.txt", "\t0.7", "\tx"),
        "ground_truth.txt:2: not a share from 0 to 1: 'x'",
    ),
    (
        "emotion6",
        replaced("ground_truth.txt", "anger/1.jpg", "rage/1.jpg"),
        "ground_truth.txt:2: not <emotion>/<number>",
    ),
    ("emotionroi", removed("training_testing_split/testing.txt"), "no training.txt and testing.txt"),
    (
        "emotionroi",
        replaced("training_testing_split/testing.txt", "fear/3", "fear/2"),
        "testing.txt:3: .* in a list already",
    ),
    (
        "fi by a table",
        replaced("fi.csv", "0.jpg,amusement", "0.jpg,fun"),
        "fi.csv:2: 'fun' is none of the eight",
    ),
    ("iapsa", replaced("Mikels2005negativenorms.csv", "6.5", "."), "negativenorms.csv:2: not a mean"),
    (
        "iapsa",
        replaced("Mikels2005negativenorms.csv", "3000", "2345"),
        "negativenorms.csv:3: picture 2345 has a row already",
    ),
    ("iapsa", removed("Mikels2005negativenorms.csv"), "negativenorms.csv: cannot be read"),
    (
        "oxford-hic",
        replaced("hic_data/oxford_hic_data.csv", "30", "thirty"),
        "oxford_hic_data.csv:3: not a score",
    ),
    ("oxford-hic", removed("hic_data/oxford_hic_image_info.csv"), "image_info.csv: cannot be read"),
    ("unbiasedemo", lambda root: image(root / "images" / "joy" / "1.jpg"), "no folder of an object"),
    ("webemo", only_one_digit, "test25: only labels 0 to 9"),
    ("webemo", replaced("test25.txt", "jpg?w=1 3\n", "jpg?w=1 25\n"), "test25.txt:4: not <link> <0 to 24>"),
]


@pytest.mark.parametrize(("layout", "damage", "said"), DAMAGES, ids=[f"{d[0]}: {d[2]}" for d in DAMAGES])
def test_damage_is_told_with_its_place(
    layout: str, damage: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    """What is wrong with a file or a row ends the reading, or is a problem that costs an item; never nothing."""
    name, write, _, left_out = layouts.LAYOUTS[layout]
    root = write(tmp_path / "copy")
    damage(root)
    told = []
    try:
        _, problems = read_items(open_dataset(root, name))
    except InputError as refusal:
        told.append(str(refusal))
    else:
        told += [str(problem) for problem in problems if problem.left_out]
        assert len(told) > left_out
    assert any(re.search(said, line) for line in told), told
