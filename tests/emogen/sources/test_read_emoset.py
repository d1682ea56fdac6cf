from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_layouts import IMAGES, emoset, write_json

from emogen.errors import InputError
from emogen.schemas import Attributes, ImageRecord
from emogen.sources import Problem, open_source
from emogen.sources.json_array import json_array


def read(folder: Path) -> tuple[list[ImageRecord], list[Problem]]:
    problems: list[Problem] = []
    return list(open_source(folder, name="emoset").records(problems.append)), problems


def test_whole_record(tmp_path: Path) -> None:
    """Label, split, paths and every attribute of the annotation are in the record, with their origin."""
    extra = {"awe_00000": {"facial_expression": "happy", "human_action": "boxing "}}
    records, problems = read(emoset(tmp_path, annotations=extra))
    first = records[0]
    assert (first.id, first.image) == ("awe_00000", "image/awe/awe_00000.jpg")
    assert (first.emotion, first.split, first.caption) == ("awe", "train", None)
    # The value set has "boxing " with a space, and a slash in a scene: neither is part of the label or a path.
    assert first.attributes == Attributes(
        brightness=0.6,
        colorfulness=0.4,
        scene="bakery/shop",
        object=("Hat", "Toy"),
        facial_expression="happy",
        human_action="boxing",
    )
    assert set(first.origin.values()) == {"emoset"}
    assert "human_action" in first.origin
    assert "human_action" not in records[1].origin
    assert problems == []


def test_rows_of_three_and_four_fields(tmp_path: Path) -> None:
    """The archive's rows and the documentation's give the same records."""
    archive, documentation = (read(emoset(tmp_path / str(fields), fields=fields))[0] for fields in (3, 4))
    assert archive == documentation


def test_absent_keys_are_no_label(tmp_path: Path) -> None:
    """An attribute that the annotation does not name, or names as nothing, is absent."""
    nothing = dict.fromkeys(("brightness", "scene", "object", "image_id"))
    records, problems = read(emoset(tmp_path, annotations={"awe_00000": nothing}))
    assert records[0].attributes == Attributes(colorfulness=0.4)
    assert problems == []


def test_labels_go_by_name(tmp_path: Path) -> None:
    """The indices of info.json, which follow another order, play no part."""
    folder = emoset(tmp_path)
    info = json.loads((folder / "info.json").read_text())
    info["emotion"]["label2idx"] = {"sadness": 0, "fear": 1, "awe": 2}
    write_json(folder / "info.json", info)
    assert Counter(record.emotion for record in read(folder)[0]) == {"awe": 2, "fear": 1, "sadness": 1}


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_annotation_that_is_none(tmp_path: Path, content: str | None) -> None:
    """Without a readable annotation the record keeps its label, and the problem is told."""
    folder = emoset(tmp_path)
    path = folder / "annotation/awe/awe_00000.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    records, problems = read(folder)
    assert records[0].emotion == "awe"
    assert records[0].attributes == Attributes()
    assert len(records) == len(IMAGES)
    assert [problem.left_out for problem in problems] == [False]
    assert "annotation/awe/awe_00000.json" in str(problems[0])
    assert "train.json: row 1" in str(problems[0])


@pytest.mark.parametrize(
    "wrong", [{"emotion": "fear"}, {"image_id": "awe_00009"}, {"brightness": 7}, {"object": [{}]}]
)
def test_annotation_that_contradicts(tmp_path: Path, wrong: dict[str, object]) -> None:
    """A row whose annotation is of another image, or holds impossible values, is left out and told."""
    records, problems = read(emoset(tmp_path, annotations={"awe_00002": wrong}))
    assert [record.id for record in records] == ["awe_00000", "fear_00001", "sadness_00003"]
    assert [problem.left_out for problem in problems] == [True]
    assert next(iter(wrong)) in problems[0].what
    assert "train.json: row 3" in problems[0].where


def test_value_outside_of_the_value_set(tmp_path: Path) -> None:
    """A name that info.json does not know is kept and told."""
    annotations = {"awe_00000": {"facial_expression": "excited"}}
    records, problems = read(emoset(tmp_path, annotations=annotations))
    assert records[0].attributes.facial_expression == "excited"
    assert [problem.left_out for problem in problems] == [False]
    assert "facial_expression 'excited'" in problems[0].what


@pytest.mark.parametrize(
    "row",
    [
        ["awe", "image/a.jpg"],
        "awe",
        ["awe", "image/a.jpg", 3],
        ["awe", "../../a.jpg", "annotation/awe/awe_00000.json"],
        ["awe", "image/a.jpg", "/etc/passwd"],
        ["awe", "image/a.jpg", "C:\\secret.json"],
        ["joy", "image/a.jpg", "annotation/awe/awe_00000.json"],
    ],
)
def test_refused_row(tmp_path: Path, row: object) -> None:
    """A row of another form, one that leads out of the folder, or of another label is left out and told."""
    folder = emoset(tmp_path)
    rows = json.loads((folder / "train.json").read_text())
    write_json(folder / "train.json", [*rows, row])
    records, problems = read(folder)
    assert len(records) == len(IMAGES)
    assert [problem.left_out for problem in problems] == [True]
    assert problems[0].where.endswith("train.json: row 4")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("info.json", "{}}", "is not EmoSet's"),
        ("info.json", '{"emotion": []}', "is not EmoSet's"),
        ("train.json", '[["awe"', "not valid JSON at element 1"),
        ("train.json", '{"awe": 1}', "not a JSON list"),
        ("train.json", "", "not a JSON list"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: str, expected: str) -> None:
    """A damaged list or info.json ends the reading with its name."""
    folder = emoset(tmp_path)
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=expected) as caught:
        read(folder)
    assert name in str(caught.value)


def test_published_counts() -> None:
    """The authors' counts add up to the data set's size, in all and in each split."""
    published = open_source("anywhere", name="emoset").published
    assert published is not None
    assert sum(published.images.values()) == 118_102
    by_split: Counter[str] = Counter()
    for (split, _), count in published.images.items():
        by_split[split] += count
    assert by_split == {"train": 94_481, "val": 5_905, "test": 17_716}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(elements=st.lists(values, max_size=6), indent=st.sampled_from([None, 0, 2]))
def test_a_list_is_read_element_by_element(
    new_folder: Callable[[], Path], elements: list[object], indent: int | None
) -> None:
    """Whatever list a JSON file holds, its elements come back in order, numbered from 1."""
    path = new_folder() / "a.json"
    path.write_text(json.dumps(elements, indent=indent))
    assert list(json_array(path)) == list(enumerate(elements, 1))


@given(text=st.lists(st.sampled_from([*'[]{},:" \n', "1", '"a"', "null", "[1]"]), max_size=8).map("".join))
def test_a_broken_list_is_refused(new_folder: Callable[[], Path], text: str) -> None:
    """A text that is no JSON list is refused, and one that is none for `json` is none here."""
    path = new_folder() / "a.json"
    path.write_text(text)
    try:
        expected = json.loads(text)
    except json.JSONDecodeError:
        expected = None
    if isinstance(expected, list):
        assert [element for _, element in json_array(path)] == expected
    else:
        with pytest.raises(InputError):
            list(json_array(path))
