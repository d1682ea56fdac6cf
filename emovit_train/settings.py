"""What a training run is told, in one model: its fields are the options of `emovit_train train` and the keys of a file.

A field's default and description are stated here alone. Where a model has a default of its own (`TuningDefaults`), or a
preset says otherwise, that is what holds; see `emovit_train.told`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from emogen.comma_list import list_of_texts
from emogen.reviews import WHICH_SAMPLES, Heeded
from emovit_train.mixture import parse_portion, parse_types

__all__ = ["FREE", "TrainSettings"]

# What may change between a run and its continuation: none of it changes what is learnt. `accumulate` times the number
# of processes must stay as it was.
FREE = frozenset({"accumulate", "eval_every", "keep_best", "save_every", "save_minutes", "tensorboard"})


def _types(value: Any) -> Any:
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    return parse_types(value) if isinstance(value, str) else value


def _portion(value: Any) -> Any:
    return parse_portion(value) if isinstance(value, str) else value


Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Types = Annotated[dict[str, Weight | None], Field(min_length=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class TrainSettings(BaseModel):
    """The settings of one run. Rates are per step of the optimizer, whatever the number of processes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        "nano",
        description="nano (proves the machinery, not the method), or a checkpoint folder of InstructBLIP or LLaVA 1.5.",
    )
    arch: str = Field(
        "auto",
        description="What the folder holds: auto (as its config.json says), instructblip, llava, or what another "
        "package adds.",
    )
    start: str | None = Field(
        None,
        description="Begin with the trained parts of this checkpoint of an earlier run, on the same base.",
    )
    preset: str | None = Field(
        None, description="Settings of a reference, by name: emovit or instructblip. Options win over them."
    )
    epochs: int | None = Field(
        None, ge=1, description="Passes over the data. Default: the model's, or as many as MAX_STEPS needs."
    )
    max_steps: int | None = Field(None, ge=1, description="Stop after so many steps.")
    types: Annotated[Types | None, BeforeValidator(_types)] = Field(
        None,
        description="Instruction types to train on: categorical,conversation (all of their rows), or with weights "
        "categorical=2,reasoning=1 (in this proportion; equal weights are equal numbers). Default: all.",
    )
    reviewed: Heeded = Field("kept", description=f"Of a run folder, {WHICH_SAMPLES}")
    portion: Annotated[Share | None, BeforeValidator(_portion)] = Field(
        None,
        description="Train on a share of the images, such as 10%, drawn by SEED and alike from each emotion; a "
        "smaller share lies inside a larger. Default: all.",
    )
    text_norm: Literal["raw", "lavis"] = Field(
        "raw",
        description="Texts as they are (raw), or as LAVIS has them (lavis): lower-case, without most punctuation, cut "
        "at 50 words, answers too.",
    )
    context: Literal["none", "caption"] = Field(
        "none", description="What precedes each instruction: none, or the caption of its image."
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        description="Most rows per step, on all processes together. Default: the model's, or none with BATCH_TOKENS.",
    )
    batch_tokens: int | None = Field(
        None,
        ge=1,
        description="Most tokens of text per step, padding included, on all processes together.",
    )
    accumulate: int = Field(
        1,
        ge=1,
        description="Batches that a process computes one after the other before each step, which holds BATCH_SIZE rows "
        "all the same: 2 on one process are the same steps as 1 on two processes.",
    )
    augment: bool = Field(
        True,
        description="Crop and flip each image at random, anew in each epoch. Default: the model's.",
    )
    feature_cache: str | None = Field(
        None,
        description="Folder that keeps the images' features on disk, for other runs, too: the image encoder then "
        "runs once for each view.",
    )
    views: int = Field(
        1,
        ge=1,
        description="Random views of each image in FEATURE_CACHE, which the epochs take in turn.",
    )
    loss_norm: Literal["token", "sample"] = Field(
        "token",
        description="What every answer token of a step counts: the same (token), or the same in all for each row "
        "(sample), as where the batch is 1.",
    )
    lr: float = Field(
        1e-5, gt=0, allow_inf_nan=False, description="Peak learning rate. Default: the model's."
    )
    lr_min: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="Where the cosine of the learning rate ends."
    )
    schedule: Literal["step", "lavis_epoch"] = Field(
        "step",
        description="How the learning rate goes: step (rise, then a cosine over all steps), or lavis_epoch (as LAVIS: "
        "a rise inside the first epoch only, then one value for each epoch).",
    )
    warmup: float = Field(
        0.05, ge=0, le=1, description="Share of the steps in which the learning rate rises."
    )
    warmup_steps: int | None = Field(None, ge=0, description="The same in steps; wins over the share.")
    warmup_lr: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Learning rate of the first step. Default: a first stair.",
    )
    weight_decay: float = Field(
        0.05, ge=0, allow_inf_nan=False, description="Of AdamW, on matrices only. Default: the model's."
    )
    clip: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="Largest norm of the gradient; 0 clips nothing."
    )
    seed: int = Field(0, ge=0, description="Of untrained weights, dropout and the rows' order.")
    parts: Annotated[tuple[str, ...], BeforeValidator(list_of_texts), Field(min_length=1)] = Field(
        ("qformer", "query_tokens", "projection"),
        description="What is trained, of qformer,query_tokens,projection,ln_vision, or for LLaVA of projection,lora. "
        "Default: the model's.",
    )
    lora_rank: int = Field(
        16, ge=1, description="Rank of what the part lora adds to the language model's matrices."
    )
    frozen_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Number format of the frozen parts, and of the computing on a GPU; what is trained stays float32.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute: auto (a GPU where there is one), cpu, or cuda."
    )
    tf32: bool = Field(
        False, description="On a GPU, multiply float32 matrices in TF32: faster, 10 bits exact."
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Compute the language model's layers twice instead of keeping what they computed: a fraction of "
        "the memory, 1.4 times the work.",
    )
    compile: bool = Field(
        False, description="Compile Q-Former and language model by torch.compile; needs a C++ compiler."
    )
    eval_every: int | None = Field(
        None, ge=1, description="Measure the held-out loss and ask sample questions every so many steps."
    )
    keep_best: bool = Field(
        False,
        description="Keep the checkpoint of the lowest held-out loss, too, in OUT/best; needs EVAL_EVERY.",
    )
    save_every: int | None = Field(
        None, ge=1, description="Save what an interrupted run goes on from every so many steps."
    )
    save_minutes: float = Field(
        15.0, ge=0, allow_inf_nan=False, description="The same after so many minutes; 0 is never."
    )
    tensorboard: bool = Field(False, description="Write OUT/tensorboard, too. Needs the extra tensorboard.")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.epochs is None and self.max_steps is None:
            raise ValueError("neither epochs nor max_steps says when it ends")
        if self.batch_size is None and self.batch_tokens is None:
            raise ValueError("neither batch_size nor batch_tokens says how large a step is")
        if self.views > 1 and (self.feature_cache is None or not self.augment):
            raise ValueError("views needs feature_cache and augment")
        if self.keep_best and self.eval_every is None:
            raise ValueError("keep_best needs eval_every")
        if self.epochs is None and self.schedule == "lavis_epoch":
            raise ValueError("the schedule lavis_epoch needs epochs")
        return self
