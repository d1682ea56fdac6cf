"""What people decided about a run's samples: the decisions, the file that holds them, and what heeds them."""

from __future__ import annotations

from emogen.reviews.decisions import (
    DECISIONS,
    Decision,
    Judged,
    Key,
    Review,
    Reviews,
    Verdict,
    said_sha256,
)
from emogen.reviews.file import REVIEWS, append_review, read_reviews
from emogen.reviews.heeding import HEEDED, WHICH_SAMPLES, Heeded, Heeding, ReviewCounts, reviews_to_heed

__all__ = [
    "DECISIONS",
    "HEEDED",
    "REVIEWS",
    "WHICH_SAMPLES",
    "Decision",
    "Heeded",
    "Heeding",
    "Judged",
    "Key",
    "Review",
    "ReviewCounts",
    "Reviews",
    "Verdict",
    "append_review",
    "read_reviews",
    "reviews_to_heed",
    "said_sha256",
]
