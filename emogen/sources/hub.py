"""Records from a data set of the Hugging Face Hub: its files are downloaded once and then read like any others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError, shorten
from emogen.registry import require
from emogen.schemas import ImageRecord
from emogen.sources import HUB_PREFIX, OnProblem, PublishedCounts, SourceOptions
from emogen.sources.arrow import ArrowSource
from emogen.sources.parquet import ParquetSource
from emogen.sources.shards import ShardedSource

__all__ = ["HubSource"]

_ID: Final = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_KINDS: Final[Sequence[tuple[str, type[ParquetSource] | type[ArrowSource]]]] = (
    (".parquet", ParquetSource),
    (".arrow", ArrowSource),
)
_DESCRIPTIONS: Final = ("dataset_dict.json", "dataset_info.json", "state.json")
_REMEDY: Final = (
    "Check its name; a private one needs a token (hf auth login). Or download it, and name the folder."
)


class HubSource:
    """A data set of the Hugging Face Hub, hf:owner/name or hf:owner/name@revision, kept as Parquet or Arrow files.

    What is downloaded goes to the Hub's own cache, from which the next reading takes it. How much it is, is said
    before the download begins.
    """

    name = "hub"

    def __init__(self, location: str, options: SourceOptions) -> None:
        self._id, _, self._revision = location.removeprefix(HUB_PREFIX).partition("@")
        self._location = location
        self._options = options
        self._files: ShardedSource | None = None
        self.published: PublishedCounts | None = None

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """No path is a data set of the Hub: its name begins with `hf:`."""
        return None

    @property
    def image_root(self) -> Path:
        """The folder of the downloaded files."""
        return self._downloaded().image_root

    def records(self, on_problem: OnProblem) -> Iterator[ImageRecord]:
        """Yield the records, downloading the files first where they are not there yet.

        Raises:
            InputError: the Hub does not have it or cannot be reached, or it holds other files than Parquet and Arrow.
            MissingExtraError: huggingface_hub or pyarrow is not installed.
        """
        yield from self._downloaded().records(on_problem)

    def has_images_inside(self) -> bool:
        """Return whether the files hold the images themselves; raises as `records`."""
        return self._downloaded().has_images_inside()

    def extract(
        self, folder: Path, wanted: Callable[[ImageRecord], bool], on_problem: OnProblem
    ) -> Iterator[ImageRecord]:
        """Yield the wanted records with their images written below `folder`; raises as `records`."""
        yield from self._downloaded().extract(folder, wanted, on_problem)

    def count(self) -> int | None:
        """Return the number of rows where the files tell it."""
        return self._downloaded().count()

    def _downloaded(self) -> ShardedSource:
        if self._files is None:
            self._files = self._download()
        return self._files

    def _download(self) -> ShardedSource:
        if not _ID.fullmatch(self._id):
            raise InputError(
                "not the name of a data set on the Hub",
                where=self._location,
                remedy="Write hf:owner/name, or hf:owner/name@revision.",
            )
        hub = require("huggingface_hub", extra="tables", purpose="Reading a data set of the Hub")
        plan = self._fetch(hub, [f"*{suffix}" for suffix, _ in _KINDS], dry_run=True)
        for suffix, kind in _KINDS:
            found = [file for file in plan if file.filename.endswith(suffix)]
            if found:
                self._announce([file for file in found if file.will_download])
                folder = self._fetch(hub, [f"*{suffix}", *(f"*{name}" for name in _DESCRIPTIONS)])
                return kind(folder, self._options)
        raise InputError(
            "holds neither Parquet nor Arrow files",
            where=self._location,
            remedy=f"Many have a Parquet copy: {HUB_PREFIX}{self._id}@refs/convert/parquet. Or download and unpack it.",
        )

    def _announce(self, files: Sequence[Any]) -> None:
        if files:
            megabytes = sum(file.file_size or 0 for file in files) / 1e6
            self._options.on_notice(
                f"downloading {len(files)} files, {megabytes:,.1f} MB, of {self._id} from the Hugging Face Hub"
            )

    def _fetch(self, hub: Any, patterns: Sequence[str], *, dry_run: bool = False) -> Any:
        """Return the folder of the downloaded files, or what would be downloaded."""
        # What the Hub's package raises, and the packages below it, has no base in common.
        try:
            return hub.snapshot_download(
                self._id,
                repo_type="dataset",
                revision=self._revision or None,
                allow_patterns=list(patterns),
                dry_run=dry_run,
            )
        except Exception as error:
            raise InputError(
                f"the Hub does not give it: {shorten(error.__cause__ or error, 200)}",
                where=self._location,
                remedy=_REMEDY,
            ) from error
