"""Makes decisions about samples, as people would."""

from __future__ import annotations

from typing import Any

from emogen.reviews import Review, said_sha256
from emogen.schemas import Sample, Turn

EDITED = (Turn(question="What is new?", answer="All of it.", kind="reasoning"),)


def review(sample: Sample, reviewer: str, decision: str, **more: Any) -> Review:
    """Return a decision about what a sample says now; a rejection has a reason, and an edit turns."""
    said: dict[str, Any] = {
        "record_id": sample.record.id,
        "instruction": sample.instruction,
        "reviewer": reviewer,
        "decision": decision,
        "reason": "leak" if decision == "reject" else "",
        "turns": EDITED if decision == "edit" else (),
        "said_sha256": said_sha256(sample),
        "at": "2026-11-28T10:00:00+00:00",
    }
    return Review.model_validate(said | more)
