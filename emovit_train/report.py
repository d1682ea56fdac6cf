"""What a finished run is known by: the record that is written beside the weights."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from emogen.reviews import ReviewCounts
from emovit_train.settings import TrainSettings

__all__ = ["REPORT", "SampleAnswer", "TrainReport"]

REPORT = "train.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SampleAnswer(_Frozen):
    """What the model said about one photograph before and after tuning, greedily.

    Attributes:
        image: Name of the photograph's file.
        question: What was asked.
        emotion: The photograph's label.
        held_out: Whether it was kept out of training.
        before: The answer before the first step.
        after: The answer after the last.
    """

    image: str
    question: str
    emotion: str | None
    held_out: bool
    before: str
    after: str


class TrainReport(_Frozen):
    """What a finished run is known by, written as `train.json`.

    Losses are in nats per answer token, measured in evaluation mode over the same rows before the first and
    after the last step: over all of a kind, or over a fixed choice where there are many.

    Attributes:
        settings: See `TrainSettings`.
        steps: Optimizer steps done.
        rows: Training rows.
        images: Training photographs.
        held_out_rows: Rows that were not trained on.
        measured_rows: Over how many training rows the loss was measured.
        measured_held_out_rows: Over how many held-out rows.
        loss_start: Over training rows, before.
        loss_end: Over training rows, after.
        held_out_loss_start: Over held-out rows, before; None without any.
        held_out_loss_end: Over held-out rows, after.
        trained_parameters: Numbers that were trained.
        frozen_sha256_before: Of all frozen tensors, before the first step.
        frozen_sha256_after: The same after the last step; equal, or the run fails.
        best_held_out_loss: The lowest that was measured during training; None where none was.
        truncated_rows: Rows of which something was cut to fit.
        cut: Which part of how many rows, see `emovit_train.text.TextLimits`.
        data_sha256: Of the data file.
        reviewed: What people's decisions about these data came to; None where none were heeded.
        reviews_sha256: Of the file of these decisions.
        answers: About a few photographs of each side.
        seconds: Wall time by phase: `preparation`, `training`, `total`.
        versions: Of Python and the packages that compute.
        processes: How many trained together.
        device: What they computed on.
    """

    settings: TrainSettings
    steps: int
    rows: int
    images: int
    held_out_rows: int
    measured_rows: int
    measured_held_out_rows: int
    loss_start: float
    loss_end: float
    held_out_loss_start: float | None
    held_out_loss_end: float | None
    trained_parameters: int
    frozen_sha256_before: str
    frozen_sha256_after: str
    best_held_out_loss: float | None = None
    truncated_rows: int
    cut: dict[str, int] = {}
    data_sha256: str
    reviewed: ReviewCounts | None = None
    reviews_sha256: str | None = None
    answers: tuple[SampleAnswer, ...] = ()
    seconds: dict[str, float]
    versions: dict[str, str]
    processes: int = 1
    device: str = "cpu"
