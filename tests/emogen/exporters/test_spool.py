"""Rows wait on the disk, and come back in order."""

from __future__ import annotations

from pathlib import Path

from emogen.exporters.spool import spooling


def test_half_a_surrogate_pair_loses_nothing_else(tmp_path: Path) -> None:
    """A name that no UTF-8 can hold, whose sample has no rows, does not keep the others from coming back."""
    with spooling(tmp_path) as spool:
        spool.add("b", "reasoning", "b.png", None, [b"2"])
        spool.add("\ud800", "reasoning", "\udcff.png", None, [])
        spool.add("a", "reasoning", "a.png", None, [b"1", b"0"])
        spool.end()
        assert [(draft.entry.record_id, draft.rows) for draft in spool.in_order(mixed=False)] == [
            ("a", [b"1", b"0"]),
            ("b", [b"2"]),
        ]
