"""What a training run is told, and what it reports: the two records that are written beside the weights."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["SampleAnswer", "TrainReport", "TrainSettings"]

Part = Literal["qformer", "query_tokens", "projection", "ln_vision"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainSettings(_Frozen):
    """The settings of one run.

    Attributes:
        model: `nano`, or an InstructBLIP checkpoint folder.
        epochs: Passes over the training rows.
        batch_size: Rows per step.
        lr: Peak learning rate of AdamW.
        weight_decay: On matrices; never on 1-D parameters.
        warmup: Share of the steps in which the learning rate rises; it falls as a cosine afterwards.
        clip: Largest norm of the gradient.
        seed: Of untrained parts and of the order of rows.
        max_steps: Stop after so many steps; None is no limit.
        parts: What is trained. The paper names the Q-Former alone; the code it builds on trains all four.
        frozen_dtype: Number format of the frozen parts, see `emovit_train.precision`.
    """

    model: str
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup: float = Field(default=0.05, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0)
    seed: int = Field(default=0, ge=0)
    max_steps: int | None = Field(default=None, ge=1)
    parts: tuple[Part, ...]
    frozen_dtype: str = "auto"


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
    after the last step (over a fixed choice of rows where there are many).

    Attributes:
        settings: See `TrainSettings`.
        steps: Optimizer steps done.
        rows: Training rows.
        images: Training photographs.
        held_out_rows: Rows that were not trained on.
        loss_start: Over training rows, before.
        loss_end: Over training rows, after.
        held_out_loss_start: Over held-out rows, before; None without any.
        held_out_loss_end: Over held-out rows, after.
        trained_parameters: Numbers that were trained.
        frozen_sha256_before: Of all frozen tensors, before the first step.
        frozen_sha256_after: The same after the last step; equal, or the run fails.
        truncated_rows: Rows of which something was cut to fit.
        data_sha256: Of the data file.
        answers: About a few photographs of each side.
        seconds: Wall time by phase: `preparation`, `training`, `total`.
        versions: Of Python and the packages that compute.
    """

    settings: TrainSettings
    steps: int
    rows: int
    images: int
    held_out_rows: int
    loss_start: float
    loss_end: float
    held_out_loss_start: float | None
    held_out_loss_end: float | None
    trained_parameters: int
    frozen_sha256_before: str
    frozen_sha256_after: str
    truncated_rows: int
    data_sha256: str
    answers: tuple[SampleAnswer, ...] = ()
    seconds: dict[str, float]
    versions: dict[str, str]
