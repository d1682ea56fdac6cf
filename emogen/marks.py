"""How a near-duplicate is marked, removed, and unmarked again."""

from __future__ import annotations

from typing import Final

from emogen.schemas import Rejection, Sample

__all__ = ["NEAR_DUPLICATE", "marked", "removed", "unmarked"]

NEAR_DUPLICATE: Final = "near_duplicate"


def marked(sample: Sample, kept: str, score: float) -> Sample:
    """Return the sample, flagged as a near-duplicate.

    Args:
        sample: The one that is much like another.
        kept: The id of that other.
        score: How much.
    """
    return sample.model_copy(
        update={
            "flags": (*sample.flags, NEAR_DUPLICATE),
            "scores": {**sample.scores, NEAR_DUPLICATE: score},
            "near_duplicate_of": kept,
        }
    )


def unmarked(sample: Sample) -> Sample:
    """Return the sample as it was before it was compared with others."""
    if sample.near_duplicate_of is None:
        return sample
    return sample.model_copy(
        update={
            "flags": tuple(flag for flag in sample.flags if flag != NEAR_DUPLICATE),
            "scores": {name: score for name, score in sample.scores.items() if name != NEAR_DUPLICATE},
            "near_duplicate_of": None,
        }
    )


def removed(sample: Sample, kept: str, score: float, raw_answer: str) -> Rejection:
    """Return what stands among the rejections in the sample's place."""
    return Rejection(
        record_id=sample.record.id,
        instruction=sample.instruction,
        stage="check",
        reason=NEAR_DUPLICATE,
        detail=f"of {kept}, score {score:g}",
        raw_answer=raw_answer,
        provenance=sample.provenance,
    )
