"""`results.json`, and `results.md` made of it: the two files that every benchmark leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["write_part", "write_results"]

Report = Callable[[dict[str, Any]], str]


def write_results(out: Path, result: dict[str, Any], report: Report) -> str:
    """Write both files into `out`, and return the text of `results.md`."""
    out.mkdir(parents=True, exist_ok=True)
    text = report(result)
    (out / "results.json").write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (out / "results.md").write_text(text, encoding="utf-8")
    return text


def write_part(out: Path, name: str, found: dict[str, Any], report: Report) -> str:
    """Replace one part of the results in `out`, keep the others, and return the text of `results.md`."""
    path = out / "results.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"parts": {}}
    result["parts"][name] = found
    return write_results(out, result, report)
