"""Writes what a data set yields as a records file, and keeps account of what it holds and what it does not."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType

import jsonlines
import orjson

from emogen.atomic import replacing, writable_folder
from emogen.dataset import Dataset
from emogen.errors import InputError
from emogen.schemas import ImageRecord, Split
from emogen.sources import OnProblem, Problem
from emogen.sources.folder import IMAGE_SUFFIXES, METADATA_NAMES
from emogen.sources.problems import ProblemCounts
from emogen.storage import refuse_address

__all__ = ["Complete", "Report", "SplitOf", "problems_file", "refuse_place", "write_records"]

# Completes records whose images lie in a folder, told of images that cannot be read.
Complete = Callable[[Iterator[ImageRecord], Path, OnProblem], Iterator[ImageRecord]]
# Gives an image its split, by its file and by what its record calls it.
SplitOf = Callable[[Path, str], Split]


@dataclass(frozen=True)
class Report:
    """What `write_records` did.

    Attributes:
        counts: (split, emotion) → records in the file.
        labelled_by: Model → records whose emotion is its word.
        problems: What the file does not hold, or holds only in part; images that cannot be read are among it.
        missing_images: Records whose image file is not there.
        first_missing: The first of these files.
    """

    counts: Counter[tuple[str | None, str | None]]
    labelled_by: Counter[str]
    problems: ProblemCounts
    missing_images: int
    first_missing: str | None

    @property
    def written(self) -> int:
        """How many records the file holds."""
        return self.counts.total()


def refuse_place(dataset: Dataset, out: Path) -> None:
    """Refuse a records file that would replace the user's own, or whose image paths no trainer would take.

    Raises:
        InputError: either is so.
    """
    refuse_address(out, "A records file")
    if out.name in METADATA_NAMES or out.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(
            "is a name that an image or your metadata may have",
            where=out,
            remedy="Name it records.jsonl, say.",
        )
    if dataset.has_images_inside:
        return
    folder, place = _as_written(dataset.source.image_root), _as_written(out.parent)
    if not folder.is_relative_to(place):
        raise InputError(
            f"the images in {dataset.source.image_root} do not lie below its folder, and no trainer takes paths that "
            "lead upwards",
            where=out,
            remedy=f"Write it beside them: --out {dataset.source.image_root.parent / 'records.jsonl'}; "
            f"or link them to where it is: ln -s {folder} {place}",
        )


def _as_written(path: Path) -> Path:
    """Return an absolute path whose links are not followed: a link is a way to have a folder below another."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` follows links


def problems_file(out: Path) -> Path:
    """Return where the problems of the records file `out` are listed: `records.problems.jsonl` beside it."""
    return out.with_name(f"{out.stem}.problems.jsonl")


def write_records(
    dataset: Dataset,
    out: Path,
    *,
    complete: Complete | None = None,
    split_of: SplitOf | None = None,
    on_record: Callable[[ImageRecord], None] = lambda record: None,
) -> Report:
    """Write the records of a data set to the JSONL file `out`, its folder made if need be.

    The file appears whole or not at all, and one that is there already is kept where there is not a single record. In
    it, `image` is relative to the file's own folder, so that both can be moved together. Images that the source
    holds itself are written into `<name of the file>-images` beside it.

    Args:
        dataset: What to write.
        out: The file to write.
        complete: Completes the records from their images; an image that cannot be read is left out.
        split_of: Gives records their split that have none.
        on_record: Called with each record that was written.

    Raises:
        EmovitError: `out` cannot be written, or the data set cannot be read.
    """
    writable_folder(out.parent)
    counts: Counter[tuple[str | None, str | None]] = Counter()
    labelled_by: Counter[str] = Counter()
    with _ProblemsFile(problems_file(out)) as problems:
        records = _opened(dataset, out, complete, split_of, problems)
        first = next(records, None)
        if first is not None:
            with replacing(out) as file:
                for record in chain([first], records):
                    file.write(_line(record))
                    counts[record.split, record.emotion] += 1
                    if model := record.model_behind("emotion"):
                        labelled_by[model] += 1
                    on_record(record)
    return Report(counts, labelled_by, problems, problems.missing_images, problems.first_missing)


class _ProblemsFile(ProblemCounts):
    """Lists all problems in a file that is there only if there are any."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.missing_images = 0
        self.first_missing: str | None = None
        self._path = path
        self._lines: jsonlines.Writer | None = None
        self._opened = ExitStack()

    def __enter__(self) -> _ProblemsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)
        if self._lines is None and kind is None:
            # A list of an earlier file's problems would be taken for this one's.
            self._path.unlink(missing_ok=True)

    def add(self, problem: Problem) -> None:
        """Take note of a problem, and write it down."""
        super().add(problem)
        if self._lines is None:
            self._lines = jsonlines.Writer(self._opened.enter_context(replacing(self._path)), compact=True)
        self._lines.write({"where": problem.where, "what": problem.what, "left_out": problem.left_out})

    def look_for(self, image: str, path: str) -> None:
        if "://" not in image and not os.path.exists(path):  # noqa: PTH110 - a Path for each image is slow
            self.missing_images += 1
            self.first_missing = self.first_missing or path


def _opened(
    dataset: Dataset,
    out: Path,
    complete: Complete | None,
    split_of: SplitOf | None,
    problems: _ProblemsFile,
) -> Iterator[ImageRecord]:
    """Yield the records as the file holds them."""
    if dataset.has_images_inside:
        folder = out.with_name(f"{out.stem}-images")
        records = dataset.extract(folder, problems.add)
    else:
        folder = dataset.source.image_root
        records = dataset.records(problems.add)
    if complete is not None:
        records = complete(records, folder, problems.add)
    below = Path(os.path.relpath(folder, out.parent)).as_posix()
    for record in records:
        image = record.image
        if "://" not in image:
            image = posixpath.normpath(f"{below}/{image}")
        if complete is None:
            problems.look_for(image, f"{out.parent}/{image}")
        split = record.split
        if split is None and split_of is not None:
            split = split_of(out.parent / image, image)
        yield record.model_copy(update={"image": image, "split": split})


def _line(record: ImageRecord) -> bytes:
    fields = record.model_dump(mode="json", exclude_none=True)
    if not record.attributes.object:
        del fields["attributes"]["object"]
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
