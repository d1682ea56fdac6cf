"""Whether test images were trained on: by id, by the bytes of their files, and by how they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from emogen.errors import InputError
from emogen.sources.image_names import IMAGE_SUFFIXES
from emovit_train.checkpoint import CONFIG, TENSORS, read_config
from emovit_train.data import data_file, image_root
from emovit_train.evaluation.datasets import detect_dataset, open_dataset
from emovit_train.evaluation.datasets.check import read_items
from emovit_train.evaluation.image_hashes import Hashed, hash_images, nearest
from emovit_train.evaluation.items import RECORDS, Chosen, in_split
from emovit_train.jsonl import read_objects

__all__ = [
    "MOST_DIFFERENT",
    "SAME_IMAGES",
    "STRATUM",
    "Contamination",
    "ImageList",
    "Seen",
    "as_strata",
    "contamination",
    "find_contamination",
    "image_list",
    "known_relation",
]

# Of 64 bits: what a file saved anew or scaled differs by is below, two pictures of one scene are mostly above.
MOST_DIFFERENT: Final = 6
# Data sets that are made of the same pictures, whatever their files are.
SAME_IMAGES: Final[Mapping[frozenset[str], str]] = {
    frozenset(("emotion6", "emotionroi")): "Emotion6 and EmotionROI are the same 1,980 images",
}
# What tables tell apart with --by contamination.
STRATUM: Final = "contamination"

How = Literal["exact", "near", "id"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Seen(_Frozen):
    """One test image that was trained on.

    Attributes:
        id: Of the test image.
        how: `exact`: the same bytes; `near`: a picture that looks the same; `id`: the same id of the same data set.
        train: The training image; empty where only its hash is known.
        distance: How many of 64 bits of the perceptual hashes differ; None for `id`, and where only bytes are known.
    """

    id: str
    how: How
    train: str
    distance: int | None = None


class Contamination(_Frozen):
    """What of one test list was trained on.

    Attributes:
        test: Name of the test list.
        images: Images in it.
        exact: As many have the bytes of a training image.
        near: As many look like one, without having its bytes.
        same_id: As many have its id alone.
        clean: As many have nothing of it.
        share: Of all that are not clean, 0 to 1.
        without_look: Images that could not be decoded, or show one colour alone: these are compared by bytes and id.
        compared: What was compared: `id`, `sha256`, `look`.
        remark: What is known of the two data sets.
        seen: Every image that is not clean, in the order of the list.
    """

    test: str
    images: int
    exact: int
    near: int
    same_id: int
    clean: int
    share: float
    without_look: int
    compared: tuple[str, ...]
    remark: str = ""
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True)
class ImageList:
    """Images of one list with their hashes.

    Attributes:
        name: Data set and split, or the path.
        dataset: Name of the data set; `records` where it is none.
        images: The images; of a checkpoint hashes alone, without files.
        has_looks: Whether pictures were there to be looked at.
    """

    name: str
    dataset: str
    images: tuple[Hashed, ...]
    has_looks: bool = True


def image_list(
    data: Path, split: str, *, dataset: str | None = None, images: Path | None = None
) -> ImageList:
    """Read a list of images and hash them.

    Args:
        data: A checkpoint, a run folder or file of records or samples, the folder of a data set, or any other folder,
            of which every image is taken.
        split: Of a data set, or of records that have splits.
        dataset: Which data set it is; by default what is there decides.
        images: Folder of the images of records.

    Raises:
        InputError: nothing is there, or it has no image in the split.
    """
    if (data / TENSORS).is_file() and (data / CONFIG).is_file():
        digests = read_config(data).trained_images
        known = tuple(Hashed("", Path(), digest) for digest in digests)
        return ImageList(f"checkpoint {data.name}", RECORDS, known, has_looks=False)
    if dataset is None and data_file(data).is_file():
        found = _of_records(data_file(data), split, images)
        return ImageList(str(data), RECORDS, tuple(hash_images(found, data.name)))
    if data.is_dir() and dataset is None and detect_dataset(data) == "labelled":
        return ImageList(str(data), RECORDS, tuple(hash_images(_of_folder(data), data.name)))
    opened = open_dataset(data, dataset)
    items = in_split(read_items(opened)[0], split, data)
    found = [(item.id, opened.image_root / item.image) for item in items]
    return ImageList(f"{opened.name} {split}", opened.name, tuple(hash_images(found, opened.name)))


def _of_folder(folder: Path) -> list[tuple[str, Path]]:
    """Return every image file below a folder, whatever it is labelled with; its path there is its id."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise InputError("no image is there", where=folder, remedy="Name a folder of images, or a data set.")
    return [(path.relative_to(folder).as_posix(), path) for path in files]


def _of_records(file: Path, split: str, images: Path | None) -> list[tuple[str, Path]]:
    """Return id and file of every record; `record` is one of its own line or of a sample's."""
    root = image_root(file, images)
    found = {}
    for where, value in read_objects(file):
        record = value.get("record", value)
        if not isinstance(record, dict) or not isinstance(record.get("image"), str):
            raise InputError("no image is named", where=where, remedy="Give records or samples.")
        if split in ("all", record.get("split") or split):
            found[str(record.get("id", record["image"]))] = root / record["image"]
    if not found:
        raise InputError(
            f"no image is in the split {split}", where=file, remedy="Choose another: all takes every image."
        )
    return list(found.items())


def known_relation(one: str, other: str) -> str:
    """Return what is known of two data sets' images; empty where nothing is."""
    return SAME_IMAGES.get(frozenset((one, other)), "")


def contamination(
    train: Sequence[ImageList], test: ImageList, most_different: int = MOST_DIFFERENT
) -> Contamination:
    """Return which images of a test list were trained on; of several reasons the strongest is told.

    Args:
        train: All that was trained on.
        test: The list.
        most_different: In how many of 64 bits pictures may differ that look the same.
    """
    found: dict[int, Seen] = {}
    ids = {image.id for each in train if _one_numbering(each.dataset, test.dataset) for image in each.images}
    for place, image in enumerate(test.images):
        if image.id in ids:
            found[place] = Seen(id=image.id, how="id", train=image.id)
    found |= _near(train, test, most_different)
    files = {image.sha256: image for each in train for image in each.images if image.sha256}
    for place, image in enumerate(test.images):
        if image.sha256 in files:
            same = files[image.sha256]
            path = str(same.path) if same.path != Path() else ""
            found[place] = Seen(id=image.id, how="exact", train=path, distance=0)
    return _counted(train, test, [found[place] for place in sorted(found)])


def find_contamination(chosen: Chosen, train: Sequence[ImageList]) -> Contamination:
    """Return which of the chosen images were trained on."""
    images = [(record.id, path) for record, path in chosen.records]
    dataset = RECORDS if chosen.dataset == RECORDS else chosen.dataset.rpartition("-")[0]
    return contamination(train, ImageList(chosen.dataset, dataset, tuple(hash_images(images, "images"))))


def as_strata(found: Contamination, chosen: Chosen) -> dict[str, dict[str, str]]:
    """Return item → what its row says: `exact`, `near`, `id`, or `none` where nothing of it was trained on."""
    seen = {each.id: str(each.how) for each in found.seen}
    return {record.id: {STRATUM: seen.get(record.id, "none")} for record, _ in chosen.records}


def _one_numbering(one: str, other: str) -> bool:
    """Whether equal ids of two data sets are one image; ids of records are anybody's."""
    return RECORDS not in (one, other) and (one == other or bool(known_relation(one, other)))


def _near(train: Sequence[ImageList], test: ImageList, most_different: int) -> dict[int, Seen]:
    there = [image for each in train for image in each.images if image.look is not None]
    here = [(place, image) for place, image in enumerate(test.images) if image.look is not None]
    if not there or not here:
        return {}
    looks = (image.look for _, image in here)
    pairs = nearest((look for look in looks if look is not None), (image.look or 0 for image in there))
    return {
        place: Seen(id=image.id, how="near", train=str(there[match].path), distance=distance)
        for (place, image), (distance, match) in zip(here, pairs, strict=True)
        if distance <= most_different
    }


def _counted(train: Sequence[ImageList], test: ImageList, seen: Sequence[Seen]) -> Contamination:
    hows = [each.how for each in seen]
    relations = (known_relation(each.dataset, test.dataset) for each in train)
    looked = any(each.has_looks for each in train) and test.has_looks
    numbered = any(_one_numbering(each.dataset, test.dataset) for each in train)
    return Contamination(
        test=test.name,
        images=len(test.images),
        exact=hows.count("exact"),
        near=hows.count("near"),
        same_id=hows.count("id"),
        clean=len(test.images) - len(seen),
        share=len(seen) / len(test.images),
        without_look=sum(image.look is None for image in test.images),
        compared=tuple(name for name, was in (("id", numbered), ("sha256", True), ("look", looked)) if was),
        remark="; ".join(dict.fromkeys(filter(None, relations))),
        seen=tuple(seen),
    )
