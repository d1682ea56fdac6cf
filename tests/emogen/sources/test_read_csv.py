from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.errors import InputError
from emogen.labels import LABEL_SETS
from emogen.schemas import Attributes, ImageRecord
from emogen.sources import Problem, open_source

Read = Callable[..., tuple[list[ImageRecord], list[Problem]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a table and read its records and problems."""

    def write(
        *lines: str, name: str = "a.csv", raw: bytes | None = None
    ) -> tuple[list[ImageRecord], list[Problem]]:
        path = tmp_path / name
        path.write_bytes("\n".join(lines).encode() if raw is None else raw)
        problems: list[Problem] = []
        return list(open_source(path).records(problems.append)), problems

    return write


def test_whole_row(read: Read) -> None:
    """Every field that a record has is read from its column, with its origin."""
    records, problems = read(
        "id,file_name,caption,emotion,labels,brightness,colorfulness,scene,object,facial_expression,human_action,split",
        'a,x/a.jpg,"Hello, you",joy,ekman-6,0.5,1,park,Dog; Ball,happy,running,validation',
    )
    assert problems == []
    assert records == [
        ImageRecord(
            id="a",
            image="x/a.jpg",
            emotion="joy",
            labels=LABEL_SETS["ekman-6"],
            caption="Hello, you",
            attributes=Attributes(
                brightness=0.5,
                colorfulness=1.0,
                scene="park",
                object=("Dog", "Ball"),
                facial_expression="happy",
                human_action="running",
            ),
            split="val",
            origin=dict.fromkeys(("caption", "emotion", *Attributes.model_fields), "metadata"),
        )
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separator(read: Read, separator: str) -> None:
    """Commas, semicolons and tabs are told apart by the first line."""
    lines = ["image_path,emotion,scene", "a.jpg,awe,", "b.jpg,fear,beach"]
    records, _ = read(*(line.replace(",", separator) for line in lines))
    assert [(item.image, item.emotion, item.attributes.scene) for item in records] == [
        ("a.jpg", "awe", None),
        ("b.jpg", "fear", "beach"),
    ]


def test_tsv_keeps_commas(read: Read) -> None:
    """In a .tsv file only tabs separate."""
    records, _ = read("image\tcaption", "a.jpg\tA dog, a cat, a bird.", name="a.tsv")
    assert records[0].caption == "A dog, a cat, a bird."


@pytest.mark.parametrize("cell", ['["Hat", "Toy"]', "['Hat', 'Toy']", "Hat;Toy", "Hat ; Toy;"])
def test_list_in_a_cell(read: Read, cell: str) -> None:
    """Objects are named as JSON, as Python prints a list, or between semicolons."""
    quoted = '"' + cell.replace('"', '""') + '"'
    records, _ = read("image,object", f"a.jpg,{quoted}")
    assert records[0].attributes.object == ("Hat", "Toy")


def test_capitals_and_spaces(read: Read) -> None:
    """Capitals and spaces in column names and labels do not matter."""
    records, _ = read("Image , EMOTION", "a.jpg, Awe ")
    assert (records[0].image, records[0].emotion) == ("a.jpg", "awe")


def test_byte_order_mark_and_line_breaks(read: Read) -> None:
    """Excel's mark, CRLF, and a line break inside of quotes are read; lines keep their numbers."""
    records, problems = read(raw=b'\xef\xbb\xbfimage,caption\r\na.jpg,"one\r\ntwo"\r\n\r\nb.jpg\r\n')
    assert [item.caption for item in records] == ["one\r\ntwo"]
    assert [problem.where.rpartition(":")[2] for problem in problems] == ["5"]


def test_unused_columns_are_told(read: Read) -> None:
    """A column that means nothing is not silently dropped, and a misspelt one is guessed."""
    _, problems = read("image,emotoin,width", "a.jpg,awe,3")
    assert [problem.left_out for problem in problems] == [False]
    assert "'emotoin' (meant as 'emotion'?), 'width'" in problems[0].what


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("b.jpg,awe", "2 cells, but the first line names 3 columns"),
        ("b.jpg,awe,,", "4 cells"),
        (",awe,", "field 'file_name' is missing"),
        ("b.jpg,joy,", "unknown emotion 'joy'"),
        ("b.jpg,3,", "the label 3 is a number"),
        ("b.jpg,awe,1.5", "field 'brightness'"),
        ("../b.jpg,awe,", "leads out of"),
        ("x/../../b.jpg,awe,", "leads out of"),
        ("/etc/passwd,awe,", "leads out of"),
        ("..\\b.jpg,awe,", "leads out of"),
        ("C:\\b.jpg,awe,", "leads out of"),
        ("a.jpg,awe,", "were given before"),
    ],
)
def test_refused_row(read: Read, row: str, expected: str) -> None:
    """A row that cannot be used is told with its line and remedy, and the next one is read."""
    records, problems = read("image,label,brightness", "a.jpg,awe,", row, "c.jpg,awe,")
    assert records[-1].image == "c.jpg"
    assert [problem.left_out for problem in problems] == [True]
    assert expected in problems[0].what


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "the file is empty"),
        (b"image,image\na.jpg,b.jpg", "two columns are called 'image'"),
        (b"image\nM\xf6we.jpg", "not UTF-8"),
        (b'image,caption\na.jpg,"never closed', "not valid CSV"),
        (b"caption\nA dog.", "field 'file_name' is missing"),
    ],
)
def test_refused_file(read: Read, raw: bytes, expected: str) -> None:
    """A file that is no table ends the reading, and is named."""
    with pytest.raises(InputError, match=expected) as caught:
        read(raw=raw)
    assert "a.csv" in str(caught.value)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(
    rows=st.lists(
        st.fixed_dictionaries({"caption": texts, "scene": texts, "object": st.lists(texts)}), max_size=4
    )
)
def test_what_csv_writes_is_read(new_folder: Callable[[], Path], rows: list[dict[str, object]]) -> None:
    """Whatever texts a table holds, as Python's csv writes it, they come back but for the spaces around them."""
    path = new_folder() / "a.csv"
    with io.StringIO(newline="") as text:
        writer = csv.DictWriter(text, ["image", "caption", "scene", "object"])
        writer.writeheader()
        for number, row in enumerate([{"caption": "", "scene": "", "object": ["x"]}, *rows]):
            writer.writerow({"image": f"{number}.jpg", **row, "object": json.dumps(row["object"])})
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    problems: list[Problem] = []
    records = list(open_source(path).records(problems.append))
    found = {item.id: (item.caption or "", item.attributes.scene or "") for item in records}
    for number, row in enumerate(rows, 1):
        # A list with an empty name in it is refused, and told.
        if all(str(name).strip() for name in row["object"]):  # type: ignore[attr-defined]
            assert found[str(number)] == (str(row["caption"]).strip(), str(row["scene"]).strip())
    assert len(records) + len(problems) == len(rows) + 1


@given(
    content=st.lists(
        st.sampled_from(
            [b",", b'"', b"\n", b"\r", b"image", b"emotion", b"awe", b"[", b"\xff", b"../", b"\0"]
        )
    ).map(b"".join)
)
def test_any_bytes(new_folder: Callable[[], Path], content: bytes) -> None:
    """Whatever the bytes, the answer is records, problems or an InputError."""
    path = new_folder() / "a.csv"
    path.write_bytes(content)
    try:
        records = list(open_source(path).records(lambda problem: None))
    except InputError as error:
        records, message = [], str(error)
    else:
        message = str(path)
    assert "a.csv" in message
    assert not any(item.image.startswith(("..", "/")) for item in records)
