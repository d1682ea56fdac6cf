"""Which test images of an experiment are in what its arms are tuned on, by their bytes and by how they look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from emogen.atomic import writable_folder, write_text
from emovit_train.data import data_file, read_rows, split_rows
from emovit_train.evaluation.contamination import Contamination, ImageList, find_contamination
from emovit_train.evaluation.image_hashes import hash_images
from emovit_train.evaluation.items import RECORDS, Chosen
from emovit_train.fingerprint import sha256_file
from emovit_train.reproduction.identity import digest_of, slug

__all__ = ["overlaps"]

KEPT: Final = "contamination"


def overlaps(trained: Mapping[str, Path], tests: Mapping[str, Chosen], root: Path) -> Iterator[Contamination]:
    """Yield what was found of each test list in each of the data that are trained on; it is looked for once.

    Args:
        trained: Name → instruction data.
        tests: Name of a data set → its images.
        root: Folder of all experiments.
    """
    for name, data in trained.items():
        hashed: ImageList | None = None
        for test, chosen in tests.items():
            kept = root / KEPT / f"{slug(f'{test} {name}')}-{_digest(data, chosen)}.json"
            found = _known(kept)
            if found is None:
                hashed = hashed or _list(name, data)
                found = find_contamination(chosen, [hashed])
                found = found.model_copy(update={"test": f"{test} in {name}"})
                writable_folder(kept.parent)
                write_text(kept, found.model_dump_json(indent=2) + "\n")
            yield found


def _digest(data: Path, chosen: Chosen) -> str:
    test = [[record.id, path.name, path.stat().st_size] for record, path in chosen.records]
    return digest_of({"data": sha256_file(data_file(data)), "test": test})


def _known(kept: Path) -> Contamination | None:
    """Return what was found before; a file that cannot be read is made anew."""
    try:
        return Contamination.model_validate_json(kept.read_text("utf-8"))
    except (OSError, ValidationError):
        return None


def _list(name: str, data: Path) -> ImageList:
    rows, _ = split_rows(read_rows(data), data)
    images = {row.image: row.record_id for row in rows}
    named = [(identity, path) for path, identity in images.items()]
    return ImageList(name, RECORDS, tuple(hash_images(named, name)))
