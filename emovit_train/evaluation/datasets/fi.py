"""FI, Flickr and Instagram (You et al., AAAI 2016): in whichever of its four layouts a copy is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final

from emogen.errors import InputError
from emogen.labels import LABEL_SETS
from emogen.schemas import Split
from emogen.sources.notes import SPLIT_WORDS
from emovit_train.evaluation.datasets.class_folders import class_folders, has_class_folders
from emovit_train.evaluation.datasets.dataset import POLARITY, Item, Known, OnProblem, Problem, each, polar
from emovit_train.evaluation.datasets.files import images_in, stem, table_rows
from emovit_train.evaluation.datasets.placeholders import without_placeholders
from emovit_train.evaluation.datasets.test_lists import our_split

__all__ = ["FI"]

_EIGHT: Final = LABEL_SETS["mikels-8"]
_COLUMNS: Final = ("name", "emotion", "sentiment")
_FOLDERS: Final = ("emotion_dataset", "emotion_dataset_images")


class FI:
    """FI: 23,308 images of Flickr and Instagram, eight emotions.

    Where: from its authors (Quanzeng You et al.). Licence: for research; the images are their uploaders'. The archive
    has no split: see test_lists.py; a copy in train, val and test folders keeps its own. Dead links left pictures that
    say "unavailable": the same file again and again, under several emotions; they are left out.

        emotion_dataset/<emotion>/<file>.jpg
        or emotion_dataset_images/<emotion>_<number>.jpg
        or {train,val,test}/<emotion>/<file>.jpg
        or a CSV file name,emotion,sentiment beside the images
    """

    name: ClassVar[str] = "fi"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"8": _EIGHT, "2": POLARITY}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(
        images=23_308,
        by_label={
            "amusement": 4_942,
            "anger": 1_266,
            "awe": 3_151,
            "contentment": 5_374,
            "disgust": 1_658,
            "excitement": 2_963,
            "fear": 1_032,
            "sadness": 2_922,
        },
        dwindles="links die: copies hold 23,185, 22,683 or some 21,800 images",
    )

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root
        self.official = bool(_split_folders(root))

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by its folder's name, or by a table name,emotion,sentiment."""
        found = next((name for name in _FOLDERS if (root / name).is_dir() or root.name == name), None)
        if found:
            return found
        table = _table_in(root)
        return f"{table.name} names name, emotion and sentiment" if table else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the images without those that stand for dead links."""
        found = list(self._found(on_problem))
        if not found:
            raise InputError(
                "no images in any of the layouts of FI",
                where=self.image_root,
                remedy="Unpack the archive again.",
            )
        kept = without_placeholders(each(found, on_problem, self.image_root), self.image_root, on_problem)
        for item in kept:
            yield item if self.task == "8" else replace(item, label=polar(item.label), labels=POLARITY)

    def _found(self, on_problem: OnProblem) -> Iterator[Item]:
        root = self.image_root
        table = _table_in(root)
        if table:
            yield from self._by_table(table)
            return
        splits = _split_folders(root)
        if splits:
            for folder, split in splits.items():
                for image, emotion in class_folders(root, _EIGHT, on_problem, below=folder):
                    yield self._item(image, emotion, PurePosixPath(image).relative_to(folder), split)
            return
        below = next((name for name in _FOLDERS if (root / name).is_dir()), "")
        if has_class_folders(root / below, _EIGHT):
            for image, emotion in class_folders(root, _EIGHT, on_problem, below=below):
                yield self._item(image, emotion, PurePosixPath(image).relative_to(below))
            return
        for image in images_in(root, below):
            emotion = stem(image).rpartition("_")[0].lower()
            if emotion in _EIGHT:
                yield self._item(image, emotion, PurePosixPath(image).relative_to(below))
            else:
                on_problem(Problem(str(root / image), "not called <emotion>_<number>.jpg"))

    def _by_table(self, table: Path) -> Iterator[Item]:
        images = {PurePosixPath(image).name: image for image in images_in(self.image_root)}
        for where, row in table_rows(table, _COLUMNS):
            if row["emotion"] not in _EIGHT:
                raise InputError(
                    f"{row['emotion']!r} is none of the eight emotions", where=where, remedy="Mend the table."
                )
            name = PurePosixPath(row["name"]).name
            yield self._item(images.get(name, row["name"]), row["emotion"], PurePosixPath(name))

    def _item(self, image: str, emotion: str, name: PurePosixPath, split: Split | None = None) -> Item:
        identity = name.with_suffix("").as_posix()
        return Item(identity, image, emotion, _EIGHT, split or our_split(self.name, identity))


def _table_in(root: Path) -> Path | None:
    for path in sorted(root.glob("*.csv")):
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            if [cell.strip() for cell in file.readline().split(",")] == list(_COLUMNS):
                return path
    return None


def _split_folders(root: Path) -> dict[str, Split]:
    return {
        path.name: SPLIT_WORDS[path.name.lower()]
        for path in (sorted(root.iterdir()) if root.is_dir() else [])
        if path.is_dir() and path.name.lower() in SPLIT_WORDS and has_class_folders(path, _EIGHT)
    }
