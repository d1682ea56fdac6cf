from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from emogen.errors import InputError
from emogen.labels import LABEL_SETS
from emogen.sources.folder import read_folder


def put(folder: Path, *names: str) -> None:
    """Make files that only have the names of images: this reader opens none."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def note(path: Path, *lines: dict[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_metadata_fields(tmp_path: Path) -> None:
    """All that the metadata says of an image is in its record, with its origin."""
    note(
        tmp_path / "metadata.jsonl",
        {
            "file_name": "sub/dog.jpg",
            "caption": "A dog runs.",
            "emotion": "joy",
            "labels": "ekman-6",
            "scene": "park",
            "object": "Dog",
            "human_action": "jogging",
            "split": "test",
        },
    )
    (record,) = read_folder(tmp_path)
    assert (record.id, record.image, record.split) == ("sub/dog", "sub/dog.jpg", "test")
    assert (record.emotion, record.labels) == ("joy", LABEL_SETS["ekman-6"])
    assert (record.attributes.scene, record.attributes.object) == ("park", ("Dog",))
    assert set(record.origin) == {"caption", "emotion", "scene", "object", "human_action"}
    assert set(record.origin.values()) == {"metadata"}


def test_file_name_is_relative_to_the_metadata(tmp_path: Path) -> None:
    """A metadata file inside the folder names its images relative to itself."""
    path = note(tmp_path / "train" / "metadata.jsonl", {"file_name": "a.jpg"})
    (record,) = read_folder(tmp_path, path)
    assert record.image == "train/a.jpg"


def test_metadata_outside_the_folder(tmp_path: Path) -> None:
    """A metadata file that lies elsewhere names the images relative to the folder."""
    (tmp_path / "photographs").mkdir()
    path = note(tmp_path / "notes.jsonl", {"file_name": "a.jpg"})
    (record,) = read_folder(tmp_path / "photographs", path)
    assert record.image == "a.jpg"


def test_labels_of_lines_that_name_none(tmp_path: Path) -> None:
    """The label set of the command applies where a line names none."""
    note(tmp_path / "metadata.jsonl", {"file_name": "a.jpg", "emotion": "calm"})
    (record,) = read_folder(tmp_path, labels=("calm", "tense"))
    assert record.labels == ("calm", "tense")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"file_name": "b.jpg", "emotion": "anxiety"}, "unknown emotion 'anxiety'"),
        ({"caption": "A dog."}, "field 'file_name' is missing"),
        ({"file_name": "b.jpg", "emotoin": "awe"}, "Did you mean 'emotion'?"),
        ({"file_name": "a.jpg"}, "image 'a.jpg' was already named in line 1"),
    ],
)
def test_refused_metadata(tmp_path: Path, line: dict[str, object], expected: str) -> None:
    """A row that cannot be used is refused with file and line."""
    path = note(tmp_path / "metadata.jsonl", {"file_name": "a.jpg"}, line)
    with pytest.raises(InputError) as caught:
        list(read_folder(tmp_path))
    assert str(caught.value).startswith(f"{path}:2: ")
    assert expected in str(caught.value)


def test_metadata_as_csv(tmp_path: Path) -> None:
    """metadata.csv says the same as metadata.jsonl; both at once are refused."""
    (tmp_path / "metadata.csv").write_text("file_name,emotion,object\nsub/a.jpg,awe,Hat;Toy\n")
    (record,) = read_folder(tmp_path)
    assert (record.image, record.emotion, record.attributes.object) == ("sub/a.jpg", "awe", ("Hat", "Toy"))
    note(tmp_path / "metadata.jsonl", {"file_name": "a.jpg"})
    with pytest.raises(InputError, match="--metadata"):
        list(read_folder(tmp_path))
    assert [record.id for record in read_folder(tmp_path, tmp_path / "metadata.jsonl")] == ["a"]


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "x/../../a.jpg"])
def test_metadata_that_leads_out(tmp_path: Path, name: str) -> None:
    """An image outside of the folder is refused, wherever the metadata lies."""
    path = note(tmp_path / "photographs" / "metadata.jsonl", {"file_name": name})
    with pytest.raises(InputError, match="leads out of"):
        list(read_folder(path.parent))


def test_metadata_in_a_sub_folder(tmp_path: Path) -> None:
    """Metadata in a sub-folder may name images in another one of the same folder."""
    path = note(tmp_path / "train" / "metadata.jsonl", {"file_name": "../images/a.jpg"})
    assert [record.image for record in read_folder(tmp_path, path)] == ["images/a.jpg"]


def test_class_folders(tmp_path: Path) -> None:
    """Without metadata a sub-folder's name is the emotion, and a split may stand above it."""
    put(tmp_path, "awe/b.PNG", "train/fear/a.jpg", "loose.webp", "awe/notes.txt", ".cache/awe/c.jpg")
    records = list(read_folder(tmp_path))
    assert [(record.id, record.emotion, record.split) for record in records] == [
        ("awe/b", "awe", None),
        ("loose", None, None),
        ("train/fear/a", "fear", "train"),
    ]
    assert [record.origin for record in records] == [{"emotion": "folder"}, {}, {"emotion": "folder"}]


def test_unknown_class_folder(tmp_path: Path) -> None:
    """A sub-folder that names no emotion is refused with its path and the labels."""
    put(tmp_path, "joyful/a.jpg")
    with pytest.raises(InputError, match=r"joyful: unknown emotion 'joyful'.*--labels"):
        list(read_folder(tmp_path))


def test_ids_are_unique(tmp_path: Path) -> None:
    """Images that differ in their suffix only get different ids."""
    put(tmp_path, "a.jpg", "a.png", "a.png.jpg")
    assert [record.id for record in read_folder(tmp_path)] == ["a", "a.png", "a.png.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_file_name_that_is_no_text(tmp_path: Path) -> None:
    """A file name that is not valid Unicode is refused in words that can be printed."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")).touch()
    with pytest.raises(InputError) as caught:
        list(read_folder(tmp_path))
    assert str(caught.value).encode()


def test_no_images(tmp_path: Path) -> None:
    """A folder that holds no image, and one that is not there, are refused with the remedy."""
    with pytest.raises(InputError, match="no images in this folder"):
        list(read_folder(tmp_path))
    with pytest.raises(InputError, match="no such folder"):
        list(read_folder(tmp_path / "missing"))


def test_links_are_followed_but_for_those_that_go_round(tmp_path: Path) -> None:
    """A class folder that lies elsewhere is read; a link to a folder around it, or to itself, ends."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "photos"
    put(elsewhere, "a.jpg")
    folder.mkdir()
    (folder / "awe").symlink_to(elsewhere)
    (folder / "around").symlink_to(tmp_path)
    (folder / "itself").symlink_to(folder / "itself")
    (elsewhere / "up").symlink_to(elsewhere)
    assert [record.image for record in read_folder(folder)] == ["awe/a.jpg"]
