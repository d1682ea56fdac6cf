"""Heeds what people decided about samples: whom they reject stays away, what they edit says what they wrote."""

from __future__ import annotations

from dataclasses import dataclass, field

from emogen.exporters.options import ExportOptions
from emogen.reviews import Review, Reviews
from emogen.stored import StoredSample, StoredTurn

__all__ = ["ReviewCounts", "Reviewing"]


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
class Reviewing:
    """Decides about each sample by what its reviewers decided.

    Attributes:
        reviews: The decisions.
        only_accepted: Whether samples stay away that nobody has accepted or edited.
        types: The instruction types that are asked for; others are not decided about.
        counts: What it came to so far.
    """

    reviews: Reviews
    only_accepted: bool
    types: frozenset[str] | None
    counts: ReviewCounts = field(default_factory=ReviewCounts)

    @classmethod
    def of(cls, options: ExportOptions) -> Reviewing | None:
        """Return what heeds the decisions of an export; None where there are none."""
        if options.reviews is None:
            return None
        return cls(options.reviews, options.only_accepted, options.types)

    def chosen(self, sample: StoredSample) -> StoredSample | None:
        """Return the sample as its reviewers want it; None where they do not."""
        if self.types is not None and sample.instruction not in self.types:
            return sample
        verdict, counts = self.reviews.verdict(sample), self.counts
        counts.outdated += verdict.outdated
        if verdict.decision == "reject":
            counts.rejected += 1
            return None
        if verdict.edited is not None:
            counts.edited += 1
            return _edited(sample, verdict.edited)
        if verdict.decision == "accept":
            counts.accepted += 1
        elif self.only_accepted:
            counts.unaccepted += 1
            return None
        return sample


def _edited(sample: StoredSample, review: Review) -> StoredSample:
    turns = [StoredTurn(turn.question, turn.answer, turn.kind) for turn in review.turns]
    return StoredSample(sample.record, sample.instruction, turns, list(review.flags))
