"""EmoSet-118K as its authors pack it: split lists, an annotation file for each image, and value sets.

Yang et al., "EmoSet: A Large-scale Visual Emotion Dataset with Rich Attributes" (ICCV 2023). The layout is that of
the archive and of https://github.com/JingyuanYY/EmoSet (README.md, EmoSet.py, info.json):

    info.json                                  attribute → label2idx, idx2label
    train.json  val.json  test.json            lists of [emotion, (image id,) image file, annotation file]
    annotation/<emotion>/<emotion>_00000.json  emotion, attributes; a key that is absent means "no label"
    image/<emotion>/<emotion>_00000.jpg

The archive's rows have three fields, the documentation's four.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple, get_args

import orjson

from emogen.errors import InputError, shorten
from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS
from emogen.schemas import Attributes, ImageRecord, Split
from emogen.sources import OnProblem, Problem, PublishedCounts, SourceOptions
from emogen.sources.fields import check_emotion, validate
from emogen.sources.json_array import json_array
from emogen.sources.paths import inside
from emogen.sources.usable import usable

__all__ = ["EmoSetSource"]

SPLITS: Final[tuple[Split, ...]] = get_args(Split)

# Images of each emotion: all, in the validation list, in the test list.
_COUNTS: Final = {
    "amusement": (19445, 994, 2770),
    "anger": (10660, 518, 1708),
    "awe": (15037, 755, 2260),
    "contentment": (16337, 817, 2484),
    "disgust": (10666, 538, 1661),
    "excitement": (19828, 977, 3014),
    "fear": (13453, 693, 1974),
    "sadness": (12676, 613, 1845),
}


def _published() -> PublishedCounts:
    images: dict[tuple[str, str], int] = {}
    for emotion, (every, val, test) in _COUNTS.items():
        images |= {("train", emotion): every - val - test, ("val", emotion): val, ("test", emotion): test}
    return PublishedCounts("EmoSet-118K", images)


class _Row(NamedTuple):
    """One row of a split list, with its place for messages."""

    where: str
    split: Split
    fields: Any


class EmoSetSource:
    """EmoSet-118K in its authors' layout: the unpacked archive with info.json and the split lists."""

    name = "emoset"

    def __init__(self, location: str, options: SourceOptions) -> None:
        self.image_root = Path(location)
        self.published: PublishedCounts | None = _published()
        self._labels = options.labels or LABEL_SETS[DEFAULT_LABEL_SET]

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """EmoSet is a folder with info.json and at least one split list."""
        lists = [f"{split}.json" for split in SPLITS if (path / f"{split}.json").is_file()]
        return f"info.json and {lists[0]} are in it" if lists and (path / "info.json").is_file() else None

    def records(self, on_problem: OnProblem) -> Iterator[ImageRecord]:
        """Yield the records of train.json, val.json and test.json, in their order.

        An annotation that is missing or damaged costs the record its attributes only: the label is in the list.

        Raises:
            InputError: info.json or all lists are missing, or one of them cannot be read.
        """
        values = _value_sets(self.image_root / "info.json")
        reader = _Reader(self.image_root, self._labels, values, on_problem)
        yield from usable(self._rows(), reader.record, on_problem)

    def count(self) -> int | None:
        """Return None: the lists would have to be read."""
        return None

    def _rows(self) -> Iterator[_Row]:
        found = [split for split in SPLITS if (self.image_root / f"{split}.json").is_file()]
        if not found:
            raise InputError(
                "no train.json, val.json or test.json in this folder",
                where=self.image_root,
                remedy="Name the folder of the unpacked archive.",
            )
        for split in found:
            path = self.image_root / f"{split}.json"
            for number, fields in json_array(path):
                yield _Row(f"{path}: row {number}", split, fields)


class _Reader:
    """Makes a record of a row and its annotation file."""

    def __init__(
        self, root: Path, labels: tuple[str, ...], values: dict[str, frozenset[str]], on_problem: OnProblem
    ) -> None:
        self._root = root
        self._labels = labels
        self._values = values
        self._on_problem = on_problem

    def record(self, row: _Row) -> ImageRecord:
        """Return the record of `row`.

        Raises:
            InputError: the row has another form, leads out of the folder, or contradicts its annotation.
        """
        emotion, image, annotation = _fields(row)
        check_emotion(emotion, self._labels, row.where)
        name = PurePosixPath(image).stem
        noted = self._annotation(annotation, row.where)
        for key, said in (("emotion", emotion), ("image_id", name)):
            if noted.get(key, said) != said:
                raise InputError(
                    f"{annotation} says {key} {shorten(noted[key])!r}, the list {said!r}",
                    where=row.where,
                    remedy="Unpack the archive again.",
                )
        attributes = {
            key: _cleaned(noted[key]) for key in Attributes.model_fields if noted.get(key) is not None
        }
        fields = {
            "id": name,
            "image": image,
            "emotion": emotion,
            "labels": self._labels,
            "attributes": attributes,
            "split": row.split,
            "origin": dict.fromkeys(("emotion", *attributes), "emoset"),
        }
        record = validate(ImageRecord, fields, row.where)
        self._note_unknown_values(record.attributes, annotation)
        return record

    def _annotation(self, name: str, where: str) -> dict[str, Any]:
        try:
            with open(f"{self._root}/{name}", "rb") as file:  # noqa: PTH123 - a Path would cost half of the reading
                noted = orjson.loads(file.read())
        except OSError as error:
            reason = error.strerror or str(error)
        except orjson.JSONDecodeError as error:
            reason = f"not valid JSON: {error.msg}"
        else:
            if isinstance(noted, dict):
                return noted
            reason = "not a JSON object"
        self._on_problem(Problem(where, f"{name}: {reason}. The record has no attributes.", left_out=False))
        return {}

    def _note_unknown_values(self, attributes: Attributes, annotation: str) -> None:
        named = {"scene": attributes.scene, "facial_expression": attributes.facial_expression}
        named["human_action"] = attributes.human_action
        pairs = [*named.items(), *(("object", name) for name in attributes.object)]
        for key, name in pairs:
            known = self._values.get(key)
            if name and known and name not in known:
                what = f"the {key} {shorten(name)!r} is not among the values of info.json. It is kept."
                self._on_problem(Problem(annotation, what, left_out=False))


def _fields(row: _Row) -> tuple[str, str, str]:
    """Return emotion, image and annotation of a row with three or with four fields."""
    fields = row.fields
    if isinstance(fields, list) and len(fields) in (3, 4) and all(isinstance(text, str) for text in fields):
        return fields[0], inside(fields[-2], row.where), inside(fields[-1], row.where)
    raise InputError(
        f"not [emotion, image, annotation]: {shorten(fields)}",
        where=row.where,
        remedy="Take the list from the data set's archive.",
    )


def _cleaned(value: Any) -> Any:
    """Return a name without the spaces around it that some have ("boxing ")."""
    if isinstance(value, str):
        return value.strip()
    return (
        [part.strip() if isinstance(part, str) else part for part in value]
        if isinstance(value, list)
        else value
    )


def _value_sets(path: Path) -> dict[str, frozenset[str]]:
    """Return the names that each attribute may have.

    Raises:
        InputError: the file is missing or is not EmoSet's.
    """
    try:
        info = orjson.loads(path.read_bytes())
        return {name: frozenset(map(str.strip, entry["label2idx"])) for name, entry in info.items()}
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            where=path,
            remedy="Name the folder of the unpacked archive, or choose another --source.",
        ) from error
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise InputError(
            "is not EmoSet's: it does not map each attribute to its label2idx",
            where=path,
            remedy="Unpack the archive again, or choose another --source.",
        ) from error
