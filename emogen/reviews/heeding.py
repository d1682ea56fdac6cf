"""Heeds decisions where samples are handed on: what people reject stays away, what they edit says what they wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar, get_args

from emogen.errors import InputError, UnknownNameError
from emogen.reviews.decisions import Judged, Review, Reviews
from emogen.reviews.file import read_reviews

__all__ = ["HEEDED", "WHICH_SAMPLES", "Heeded", "Heeding", "ReviewCounts", "reviews_to_heed"]

Heeded = Literal["kept", "accepted", "all"]
HEEDED: Final[tuple[Heeded, ...]] = get_args(Heeded)
# The help of the option `--reviewed`, of every command that has it.
WHICH_SAMPLES: Final = (
    "kept (leave out what a reviewer rejects, write what one edited), accepted (only what one accepts or edits) or all "
    "(as they were made)."
)

S = TypeVar("S", bound=Judged)


@dataclass
class ReviewCounts:
    """What decisions came to, in samples of the types that are asked for.

    Attributes:
        rejected: Left out since somebody rejects them.
        unaccepted: Left out since nobody accepts or edits them.
        accepted: Taken as they are, by somebody's word.
        edited: Taken as somebody edited them.
        outdated: Changed since somebody decided about them: that decision does not count.
    """

    rejected: int = 0
    unaccepted: int = 0
    accepted: int = 0
    edited: int = 0
    outdated: int = 0

    def told(self) -> str:
        """Return the counts in words."""
        words = [f"{self.accepted} accepted, {self.edited} edited; left out {self.rejected} rejected"]
        if self.unaccepted:
            words.append(f"{self.unaccepted} that nobody accepted")
        said = " and ".join(words)
        if self.outdated:
            said += f"; {self.outdated} have changed since a decision, which does not count"
        return said


@dataclass
class Heeding(Generic[S]):
    """Decides about each sample by what its reviewers decided.

    Attributes:
        reviews: The decisions.
        edited: Returns a sample as an edit wants it.
        only_accepted: Whether samples stay away that nobody has accepted or edited.
        counts: What it came to so far.
    """

    reviews: Reviews
    edited: Callable[[S, Review], S]
    only_accepted: bool = False
    counts: ReviewCounts = field(default_factory=ReviewCounts)

    def heed(self, sample: S) -> S | None:
        """Return the sample as its reviewers want it; None where they do not."""
        verdict, counts = self.reviews.verdict(sample), self.counts
        counts.outdated += verdict.outdated
        if verdict.decision == "reject":
            counts.rejected += 1
            return None
        if verdict.decision == "edit" and verdict.last is not None:
            counts.edited += 1
            return self.edited(sample, verdict.last)
        if verdict.decision == "accept":
            counts.accepted += 1
        elif self.only_accepted:
            counts.unaccepted += 1
            return None
        return sample

    def nothing_left(self, met: int) -> InputError:
        """Return the error that of so many samples none is left."""
        return InputError(
            f"none of {met} samples is left by its reviewers ({self.counts.told()})",
            remedy="Try --reviewed all.",
        )


def reviews_to_heed(run: Path | None, heeded: str) -> Reviews | None:
    """Return what people decided about the samples of a run; None where nobody did, or is to be asked.

    Args:
        run: The run folder; None where the samples are no run's own.
        heeded: One of `HEEDED`.

    Raises:
        UnknownNameError: it is none of them.
        InputError: only accepted samples are asked for, and there are none; or the decisions cannot be read.
    """
    if heeded not in HEEDED:
        raise UnknownNameError("value of --reviewed", heeded, HEEDED, where="--reviewed")
    if run is None and heeded == "accepted":
        raise InputError(
            "only a run folder says what was accepted", where="--reviewed", remedy="Name the run folder."
        )
    if run is None or heeded == "all":
        return None
    reviews = read_reviews(run)
    if heeded == "accepted" and not reviews:
        raise InputError("nobody has reviewed any sample", where=run, remedy="Begin with `emogen review`.")
    return reviews or None
