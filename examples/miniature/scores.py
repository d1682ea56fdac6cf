"""The labels: EmoTag1200, in which people scored 150 emoji for Plutchik's eight emotions (Shoeb and de Melo 2020).

The file `EmoTag1200-scores.csv` (MIT licence) is to be had from the repository `abushoeb/EmoTag` on GitHub.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from emogen.labels import LABEL_SETS

__all__ = ["LABELS", "NEAR_TIE", "Scored", "read_scores"]

LABELS: Final = LABEL_SETS["plutchik-8"]
# Below this, which of the two strongest emotions comes first is a matter of a voice or two.
NEAR_TIE: Final = 0.05


@dataclass(frozen=True)
class Scored:
    """One emoji as people see it.

    Attributes:
        code: Its code points in lower-case hexadecimal, joined by dashes.
        name: Its name in the table.
        scores: For each of `LABELS`, 0 to 1.
    """

    code: str
    name: str
    scores: tuple[float, ...]

    @property
    def label(self) -> str:
        """The strongest emotion; of equal ones the first in the order of `LABELS`."""
        return LABELS[self.scores.index(max(self.scores))]

    @property
    def near_tie(self) -> bool:
        """Whether the second strongest is at most `NEAR_TIE` behind."""
        first, second = sorted(self.scores, reverse=True)[:2]
        return round(first - second, 6) <= NEAR_TIE


def read_scores(path: Path) -> list[Scored]:
    """Read the table.

    Raises:
        InputError: it is missing, or a line is not as it must be; names the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "the scores cannot be read", where=path, remedy="Name the file EmoTag1200-scores.csv: --labels."
        ) from error
    rows = csv.DictReader(text.splitlines())
    wanted = {"unicode", "name", *LABELS}
    if missing := wanted - set(rows.fieldnames or ()):
        raise InputError(
            f"lacks the columns {', '.join(sorted(missing))}",
            where=path,
            remedy="Name the file EmoTag1200-scores.csv.",
        )
    return [_scored(row, f"{path}:{number}") for number, row in enumerate(rows, 2)]


def _scored(row: dict[str, str], where: str) -> Scored:
    try:
        scores = tuple(float(row[label]) for label in LABELS)
        if not all(0 <= score <= 1 for score in scores):
            raise ValueError("a score is not between 0 and 1")
    except (TypeError, ValueError) as error:
        raise InputError(f"no row of scores: {error}", where=where, remedy="Mend this line.") from error
    return Scored(row["unicode"].strip().lower(), row["name"].strip(), scores)
