"""The one seam to whatever is compared: questions about images go in, replies come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from emovit_train.decoding import GREEDY, Decoding
from emovit_train.evaluation.predictions import Ranking

__all__ = ["Predictor", "PredictorOptions", "Question", "Reply"]


@dataclass(frozen=True)
class Question:
    """What a model is asked about one image; it never learns the label.

    Attributes:
        id: Unique among the questions of one call.
        image: The image's file.
        text: What is asked, in words.
        candidates: Label → the answer that stands for it, for models that rank; none where nothing is to be ranked.
        speak: Whether the model is to answer in its own words, too.
        caption: What is known of the image, for models that were tuned with captions.
    """

    id: str
    image: Path
    text: str
    candidates: Mapping[str, str] = field(default_factory=dict)
    speak: bool = True
    caption: str | None = None


@dataclass(frozen=True)
class Reply:
    """What a model said.

    Attributes:
        answer: In its own words; None where it was not let speak.
        ranking: The candidates' scores; None where there were none.
        failure: Why there is no answer; it can be asked again.
    """

    answer: str | None = None
    ranking: Ranking | None = None
    failure: str = ""


@dataclass(frozen=True)
class PredictorOptions:
    """How a model is asked; each predictor takes from it what it knows.

    Attributes:
        untuned: A checkpoint's model as it was before tuning.
        device: See `emovit_train.precision.best_device`.
        dtype: Number format of a transformers model's weights, see `emovit_train.precision.frozen_dtype`.
        batch_size: Questions per batch.
        decoding: How free answers are made.
        journal: Where an API model's answers are kept, so that none is paid for twice.
        max_cost: The most that an API model may cost, in the price table's currency.
        prices: A price table that goes before the bundled one.
        backend: What an API model is opened with, by the names of `emogen.backends.ModelOptions`.
    """

    untuned: bool = False
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 8
    decoding: Decoding = GREEDY
    journal: Path | None = None
    max_cost: float | None = None
    prices: Path | None = None
    backend: Mapping[str, Any] = field(default_factory=dict)


class Predictor(Protocol):
    """A model that can be asked about images.

    Attributes:
        name: As it is called in tables.
        identity: All that decides its answers besides the question, as JSON: its kind, hashes of its weights, its
            settings. Equal identities give equal answers, or for an API model as equal as it gives them.
        ranks: Whether it scores candidates.
        trained_images: SHA-256 of the photographs that it is known to have been tuned on.
    """

    name: str
    identity: Mapping[str, Any]
    ranks: bool
    trained_images: frozenset[str]

    def predict(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
        """Yield a reply to each question as soon as it is known, in any order.

        The first call loads what is large. Nothing is held back: what was yielded is all that was done, so that
        leaving early loses only the batch under way.

        Raises:
            EmovitError: no further question can be answered.
        """
