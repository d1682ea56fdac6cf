"""The training run, top to bottom: read, look, measure, step, measure, save."""

from __future__ import annotations

import json
import math
import platform
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import torch

from emogen.errors import CheckFailedError, EmovitError, InputError
from emogen.terminal import progress
from emovit_train.batches import length_sorted_batches
from emovit_train.checkpoint import CONFIG, save_checkpoint
from emovit_train.data import Row, data_file, read_rows, split_rows
from emovit_train.features import ImageFeatures
from emovit_train.fingerprint import sha256_file, sha256_tensors
from emovit_train.images import check_images
from emovit_train.interruption import interrupt_requested
from emovit_train.models import MODELS, ModelSpec, resolve_model
from emovit_train.output import prepare_folder, replaced, write_text
from emovit_train.settings import TrainReport, TrainSettings
from emovit_train.text import EncodedText, collate

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["REPORT", "Example", "Stopped", "answer_losses", "train"]

REPORT: Final = "train.json"
METRICS: Final = "metrics.jsonl"
# Measuring reads every row once more, which large data does not need.
MEASURED_ROWS: Final = 256


class Stopped(KeyboardInterrupt):
    """Ctrl-C was pressed, and the state after the last whole step is saved."""


@dataclass(frozen=True)
class Example:
    """A row with its tokens."""

    row: Row
    text: EncodedText


def train(
    data: Path, out: Path, settings: TrainSettings, *, images: Path | None = None, overwrite: bool = False
) -> TrainReport:
    """Tune an assembly, and write checkpoint, `metrics.jsonl` and `train.json` into `out`.

    Args:
        data: A run folder, `samples.jsonl`, or an exported list.
        out: The checkpoint's folder.
        settings: See `TrainSettings`.
        images: Folder of the photographs; see `emovit_train.data.image_root`.
        overwrite: Replace a checkpoint that is in `out` already.

    Raises:
        InputError: data, photographs, model or `out` cannot be used; nothing was trained.
        EmovitError: the loss is no number any more; nothing was saved.
        CheckFailedError: a frozen tensor changed.
        Stopped: Ctrl-C; the checkpoint was saved, the report was not.
    """
    clock = _Clock()
    prepare_folder(out)
    if (out / CONFIG).exists() and not overwrite:
        raise InputError(
            "a model lies here already", where=out, remedy="Name another folder, or add --overwrite."
        )
    training_rows, held_out_rows = split_rows(read_rows(data, images), data_file(data))
    check_images(row.image for row in (*training_rows, *held_out_rows))

    kind, folder = resolve_model(settings.model)
    model = MODELS.get(kind).assemble(ModelSpec(kind, folder, settings.seed, settings.lm_dtype))
    model.set_trained(settings.parts)
    clock.lap("load")

    features = ImageFeatures(model)
    features.compute(row.image for row in (*training_rows, *held_out_rows))
    trained_images = sorted({row.image for row in training_rows})
    model.fit_normalisation(features.batch(trained_images))
    clock.lap("features")

    examples = [Example(row, model.codec.encode(row.question, row.answer)) for row in training_rows]
    held_out = [Example(row, model.codec.encode(row.question, row.answer)) for row in held_out_rows]
    frozen_before = sha256_tensors(model.frozen_tensors())
    loss_start, held_out_start = _measure(model, features, examples), _measure(model, features, held_out)
    with replaced(out / METRICS) as work, work.open("w", encoding="utf-8") as metrics:
        steps, finished = _fit(model, features, examples, settings, metrics)
    frozen_after = sha256_tensors(model.frozen_tensors())
    if frozen_after != frozen_before:
        raise CheckFailedError("training changed a tensor that is frozen", remedy="Report this: it is a bug.")
    save_checkpoint(out, model, settings.parts, (sha256_file(image) for image in trained_images))
    if not finished:
        raise Stopped(f"stopped after step {steps}; that state is saved in {out}, without {REPORT}")

    loss_end, held_out_end = _measure(model, features, examples), _measure(model, features, held_out)
    clock.lap("train")
    report = TrainReport(
        settings=settings,
        steps=steps,
        rows=len(examples),
        images=len(trained_images),
        held_out_rows=len(held_out),
        loss_start=loss_start or 0.0,
        loss_end=loss_end or 0.0,
        held_out_loss_start=held_out_start,
        held_out_loss_end=held_out_end,
        trained_parameters=sum(tensor.numel() for tensor in model.trained_tensors().values()),
        frozen_sha256_before=frozen_before,
        frozen_sha256_after=frozen_after,
        truncated_rows=sum(example.text.truncated for example in (*examples, *held_out)),
        data_sha256=sha256_file(data_file(data)),
        seconds=clock.seconds(),
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers")},
        },
    )
    write_text(out / REPORT, report.model_dump_json(indent=2) + "\n")
    return report


def _fit(
    model: EmoVIT,
    features: ImageFeatures,
    examples: Sequence[Example],
    settings: TrainSettings,
    metrics: TextIO,
) -> tuple[int, bool]:
    """Train; return the steps done, and False where Ctrl-C ended it early."""
    rng = random.Random(settings.seed)
    torch.manual_seed(settings.seed)
    optimizer = _optimizer(model, settings)
    lengths = [example.text.length for example in examples]
    epoch_steps = math.ceil(len(examples) / settings.batch_size)
    total = min(settings.epochs * epoch_steps, settings.max_steps or math.inf)
    step = 0
    model.train()
    with interrupt_requested() as interrupted, progress("training", int(total)) as advance:
        for epoch in range(1, settings.epochs + 1):
            for batch in length_sorted_batches(lengths, settings.batch_size, rng):
                if step == total or interrupted():
                    model.eval()
                    return step, step == total
                for group in optimizer.param_groups:
                    group["lr"] = settings.lr * lr_share(step, int(total), settings.warmup)
                losses = answer_losses(model, features, [examples[number] for number in batch])
                loss = losses.mean()
                if not torch.isfinite(loss):
                    raise EmovitError(
                        f"the loss is {loss.item()} at step {step + 1}; nothing was saved",
                        remedy="Lower the learning rate: --lr",
                    )
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                norm = torch.nn.utils.clip_grad_norm_(model.trained_tensors().values(), settings.clip)
                optimizer.step()
                step += 1
                entry = {
                    "step": step,
                    "epoch": epoch,
                    "loss": loss.item(),
                    "lr": optimizer.param_groups[0]["lr"],
                    "gradient_norm": norm.item(),
                    "rows": len(batch),
                    "answer_tokens": losses.numel(),
                }
                metrics.write(json.dumps(entry) + "\n")
                metrics.flush()
                advance(note=f"loss {entry['loss']:.3f}")
    model.eval()
    return step, True


def answer_losses(model: EmoVIT, features: ImageFeatures, examples: Sequence[Example]) -> torch.Tensor:
    """Return -log p of every answer token and EOS of the examples: (tokens,)."""
    batch = collate([example.text for example in examples], model.codec)
    losses: torch.Tensor = model(features.batch([example.row.image for example in examples]), batch)
    return losses


def lr_share(step: int, total: int, warmup: float) -> float:
    """Return the share of the peak learning rate at `step` (from 0): a linear rise, then half a cosine to 0."""
    rise = max(1, round(total * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def _optimizer(model: EmoVIT, settings: TrainSettings) -> torch.optim.Optimizer:
    trained = model.trained_tensors().values()
    return torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=settings.lr,
    )


@torch.no_grad()
def _measure(model: EmoVIT, features: ImageFeatures, examples: Sequence[Example]) -> float | None:
    """Return the mean loss per answer token over the examples, or over a fixed choice of many; None of none."""
    if not examples:
        return None
    chosen = list(examples)
    if len(chosen) > MEASURED_ROWS:
        chosen = random.Random(0).sample(chosen, MEASURED_ROWS)
    chosen.sort(key=lambda example: example.text.length)
    batches = [chosen[start : start + 8] for start in range(0, len(chosen), 8)]
    return float(torch.cat([answer_losses(model, features, batch) for batch in batches]).mean())


class _Clock:
    """Wall time by phase."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] = round(now - self._last, 3)
        self._last = now

    def seconds(self) -> dict[str, float]:
        return {**self._laps, "total": round(self._last - self._start, 3)}
