"""What of the samples is exported, and in which form: the same options for every format."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from emogen.comma_list import comma_list
from emogen.errors import InputError, UnknownNameError, shorten
from emogen.exporters import Images, Turns
from emogen.reviews import Reviews
from emogen.schemas import Split
from emogen.stored import StoredSample

__all__ = ["SPLITS", "ExportOptions", "FlagRule", "Fractions", "flag_rule", "fractions"]

SPLITS: Final[tuple[Split, ...]] = get_args(Split)

_Action = Literal["keep", "drop"]
_ACTIONS: Final[tuple[_Action, ...]] = get_args(_Action)

# The shares of train, val and test; they sum to 1.
Fractions = tuple[float, float, float]


@dataclass(frozen=True)
class FlagRule:
    """Which samples with a flag are exported.

    Attributes:
        action: Whether those with one of `reasons` are the ones that are kept or dropped.
        reasons: Reason codes; None stands for all.
    """

    action: _Action = "keep"
    reasons: frozenset[str] | None = None

    def takes(self, flags: list[str]) -> bool:
        """Whether a sample with these flags is exported."""
        if not flags:
            return True
        if self.reasons is None:
            return self.action == "keep"
        if self.action == "drop":
            return self.reasons.isdisjoint(flags)
        return self.reasons.issuperset(flags)


@dataclass(frozen=True)
class ExportOptions:
    """What of the samples is exported, and in which form.

    Attributes:
        turns: `single` for a row per question and answer, `conversation` for one per sample; None for what the
            format holds by default.
        images: `reference` names them where they are, `copy` and `link` put them into the export, `embed` puts
            their bytes into its files; None for what the format does by default.
        image_root: The folder that the records' image paths start from.
        split: The split to export, or `all`.
        split_by: Shares by which images are divided whose records have no split; each split is a part of its own.
        split_seed: Divides them in another way.
        types: The instruction types to export; None for all.
        flags: What is done with samples that a check has flagged.
        reviews: What people decided: rejected samples are left out, edited ones say what the edit says; None to
            export all as they were made.
        only_accepted: Whether samples are left out, too, that nobody has accepted or edited.
        shard_bytes: How large a shard may grow, where the format has shards by itself.
        shard_rows: How many rows a shard has, of any format whose rows can be cut into shards, instead; None for none.
        check_images: Whether every image is decoded whole, wherever it is.
        overwrite: Whether a folder that an earlier export made may be replaced.
    """

    turns: Turns | None = None
    images: Images | None = None
    image_root: Path = Path()
    split: Split | Literal["all"] = "all"
    split_by: Fractions | None = None
    split_seed: int = 0
    types: frozenset[str] | None = None
    flags: FlagRule = FlagRule()
    reviews: Reviews | None = None
    only_accepted: bool = False
    shard_bytes: int = 500_000_000
    shard_rows: int | None = None
    check_images: bool = False
    overwrite: bool = False

    def takes(self, sample: StoredSample) -> bool:
        """Whether a sample is one of those asked for, its split left aside."""
        if self.types is not None and sample.instruction not in self.types:
            return False
        return not sample.flags or self.flags.takes(sample.flags)


def flag_rule(text: str) -> FlagRule:
    """Read `keep`, `drop`, or one of them with reasons: `drop:question_leak,refusal`.

    Raises:
        UnknownNameError: it begins with neither.
        InputError: reasons are announced and none is given.
    """
    word, colon, listed = text.partition(":")
    action = next((known for known in _ACTIONS if known == word), None)
    if action is None:
        raise UnknownNameError("rule for flags", word, _ACTIONS, where="--flags")
    if not colon:
        return FlagRule(action)
    reasons = frozenset(comma_list(listed))
    if not reasons:
        raise InputError(
            f"no reason after {word}:", where="--flags", remedy=f"Name some: --flags {word}:length,refusal"
        )
    return FlagRule(action, reasons)


def fractions(text: str) -> Fractions:
    """Read the shares of train, val and test: two or three numbers that sum to 1.

    Raises:
        InputError: it is something else.
    """
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    whole = math.isclose(sum(shares), 1.0, abs_tol=1e-6)
    if len(shares) not in (2, 3) or not all(0 <= share <= 1 for share in shares) or not whole:
        raise InputError(
            f"{shorten(text, 40)!r} is not two or three shares that sum to 1",
            where="--split-by",
            remedy="Give those of train, val and test: --split-by 0.9,0.05,0.05",
        )
    train, val, test = (*shares, 0.0)[:3]
    return train, val, test
