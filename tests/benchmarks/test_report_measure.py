from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.report.measure import TARGETS, markdown, measure


@pytest.mark.slow
def test_a_report_is_measured_and_shown(tmp_path: Path) -> None:
    """The report has pictures, and the table says of each figure what became of its target, without a browser, too."""
    result = measure(tmp_path, 100)
    assert result["samples"] == 90
    assert result["pictures"] > 10
    table = markdown({**result, "file_mb": 31.0, "browser": None})
    assert all(f"| {name} |" in table for name in TARGETS)
    assert "| file | 30 MB | 31.0 MB | **missed** |" in table
    assert "no Chromium here" in table
