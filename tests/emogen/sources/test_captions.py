from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.errors import InputError
from emogen.schemas import ImageRecord
from emogen.sources.captions import Captions

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(text: str, name: str = "captions.json") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return file


def record(name: str, image: str, caption: str | None = None) -> ImageRecord:
    return ImageRecord(id=name, image=image, caption=caption)


def joined(captions: Captions, *records: ImageRecord) -> list[str | None]:
    return [item.caption for item in captions.join(records)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", '{"a.jpg": "A dog.", "b.jpg": ["A cat.", "Another."]}'),
        ("c.json", '[{"image": "a.jpg", "caption": "A dog."}, {"id": "b", "captions": ["", "A cat."]}]'),
        ("c.jsonl", '{"file_name": "a.jpg", "caption": "A dog."}\n\n{"image_id": "b", "text": "A cat."}\n'),
        ("c.csv", 'image_path,score,Caption\na.jpg,3,"A dog."\nb.jpg,4,A cat.\n'),
        ("c.tsv", "id\tcaption\na\tA dog.\nb\tA cat.\n"),
    ],
)
def test_formats(write: Write, name: str, text: str) -> None:
    """Each of the usual formats is read; of several captions the first counts."""
    captions = Captions(write(text, name))
    assert joined(captions, record("a", "a.jpg"), record("b", "b.jpg")) == ["A dog.", "A cat."]
    assert len(captions) == 2


def test_parquet(tmp_path: Path) -> None:
    """Parquet is read like the other tables."""
    path = tmp_path / "c.parquet"
    table = pa.table({"other": [1, 2], "file_name": ["a.jpg", "b.jpg"], "caption": ["A dog.", "A cat."]})
    parquet.write_table(table, path)
    assert joined(Captions(path), record("b", "b.jpg")) == ["A cat."]


@pytest.mark.parametrize(
    "name",
    [
        "mine",
        "image/awe/awe_1.jpg",
        "./image/awe/awe_1.jpg",
        "image\\awe\\awe_1.jpg",
        "image/awe/awe_1",
        "awe/awe_1.jpg",
        "awe_1.jpg",
        "awe_1",
        "awe_1.txt",
        "somewhere/image/awe/awe_1.png",
    ],
)
def test_names_that_fit(write: Write, name: str) -> None:
    """A record is found by its id, by its path, and by as much of the path as both have."""
    captions = Captions(write(json.dumps({name: "A bird."})))
    assert joined(captions, record("mine", "image/awe/awe_1.jpg")) == ["A bird."]


@pytest.mark.parametrize("name", ["fear/awe_1.jpg", "we_1.jpg", "awe_11", "awe_1.jpg.jpg", "we/awe_1"])
def test_names_that_do_not_fit(write: Write, name: str) -> None:
    """What has another folder, or only a part of a name, is another image's caption."""
    captions = Captions(write(json.dumps({name: "A bird."})))
    assert joined(captions, record("mine", "image/awe/awe_1.jpg", "My own.")) == ["My own."]
    assert (captions.counts.missed, captions.counts.missed_first) == (1, "mine")


def test_numbered_images_in_folders(write: Write) -> None:
    """Images that are called alike in different folders keep their own captions."""
    captions = Captions(write('{"joy/1.jpg": "Joy.", "fear/1.jpg": "Fear."}'))
    records = [
        record("a", "images/fear/1.jpg"),
        record("b", "images/joy/1.jpg"),
        record("c", "images/anger/1.jpg"),
    ]
    assert joined(captions, *records) == ["Fear.", "Joy.", None]


@pytest.mark.parametrize("order", [1, -1])
def test_a_name_for_two_images(write: Write, order: int) -> None:
    """A file name that fits two images is an error with both, in whatever order they come."""
    captions = Captions(write('{"1": "Which one?"}'))
    records = [record("a", "fear/1.jpg"), record("b", "joy/1.jpg")][::order]
    with pytest.raises(InputError, match=r"'1' fits both '\w+/1\.jpg' and '\w+/1\.jpg'.*whole paths"):
        joined(captions, *records)


def test_two_names_for_an_image(write: Write) -> None:
    """Two captions that both fit one image by parts of its path are an error."""
    captions = Captions(write('{"awe/1.jpg": "One.", "x/image/awe/1.jpg": "Two."}'))
    with pytest.raises(InputError, match="both fit the image"):
        joined(captions, record("a", "image/awe/1.jpg"))


def test_two_records_of_one_image(write: Write) -> None:
    """Two records of the same image may share the caption that its path names."""
    captions = Captions(write('{"a.jpg": "A dog."}'))
    assert joined(captions, record("one", "a.jpg"), record("two", "a.jpg")) == ["A dog.", "A dog."]


def test_counts(write: Write) -> None:
    """What is joined, replaced, missed and repeated is counted anew with each reading, and said."""
    text = "\n".join(
        f'{{"id": "{name}", "caption": "{caption}"}}'
        for name, caption in (("a", "One."), ("a", "Two."), ("b", "B."))
    )
    captions = Captions(write(text, "c.jsonl"))
    records = [record("a", "a.jpg", "Mine."), record("b", "b.jpg", "B."), record("c", "c.jpg")]
    for _ in range(2):
        assert joined(captions, *records) == ["One.", "B.", None]
        assert str(captions.counts) == (
            "captions: 2 joined, 1 of them in place of another, 1 records have none, the first 'c', "
            "1 repeated in the file and not used"
        )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("c.txt", "A dog.", r"ends in '\.txt'.*\.jsonl"),
        ("c.json", "", "not valid JSON"),
        ("c.json", "{}", "holds no captions"),
        ("c.json", "3", "neither a JSON object nor a list"),
        ("c.json", '{"a": 3}', "'a': no caption"),
        ("c.json", '["a"]', "element 1: not an entry"),
        ("c.jsonl", '{"file_name": "a.jpg"}', ":1: no caption"),
        ("c.jsonl", '{"caption": "A dog."}', ":1: no name of an image"),
        ("c.csv", "file_name,caption\na.jpg,\n", ":2: no caption"),
    ],
)
def test_refused_file(write: Write, name: str, text: str, expected: str) -> None:
    """A file that holds no captions, or an entry without one, is refused with its place and the remedy."""
    with pytest.raises(InputError, match=expected) as caught:
        Captions(write(text, name))
    assert name in str(caught.value)


parts = st.sampled_from(["a", "b", "1", "x.jpg", "y.png", "a.b"])
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)


@given(
    names=st.lists(paths, min_size=1, max_size=6, unique=True),
    images=st.lists(paths, max_size=6, unique=True),
)
def test_no_caption_is_another_images(
    new_folder: Callable[[], Path], names: list[str], images: list[str]
) -> None:
    """Whatever the names, a caption goes to an image that has all of its name's folders, and to one alone."""
    path = new_folder() / "c.json"
    path.write_text(json.dumps({name: name for name in names}))
    captions = Captions(path)
    try:
        found = [
            (item.image, item.caption) for item in captions.join(record(image, image) for image in images)
        ]
    except InputError:
        return
    given = [caption for _, caption in found if caption]
    assert len(set(given)) == len(given)
    for image, caption in found:
        if caption:
            pairs = zip(reversed(image.split("/")[:-1]), reversed(caption.split("/")[:-1]), strict=False)
            assert all(one == other for one, other in pairs)
