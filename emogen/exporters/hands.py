"""Who does the work of an export: this process, or whoever has the same two methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from emogen.exporters import Part, ShardLayout
from emogen.exporters.drafting import Drafting
from emogen.exporters.outlet import Outlet
from emogen.exporters.shards import RowShards
from emogen.exporters.spool import Spool
from emogen.schemas import Sample
from emogen.stored import StoredSample

__all__ = ["Hands", "Here"]


class Hands(Protocol):
    """Do what of an export takes time."""

    def draft(self, drafting: Drafting, spool: Spool) -> None:
        """Put every sample of the run into the spool, with its rows; what `drafting` counts is counted there."""

    def shards(self, layout: ShardLayout, outlet: Outlet, split: str, size: int) -> Part:
        """Open the shards, of so many rows, of one split."""


class Here:
    """This process.

    Args:
        samples: What a run kept.
    """

    def __init__(self, samples: Iterable[Sample] | Iterable[StoredSample]) -> None:
        self._samples = samples

    def draft(self, drafting: Drafting, spool: Spool) -> None:
        """See `Hands`."""
        drafting.draft(self._samples, spool)
        spool.end()

    def shards(self, layout: ShardLayout, outlet: Outlet, split: str, size: int) -> RowShards:
        """See `Hands`."""
        return RowShards(layout, outlet, split, size)
