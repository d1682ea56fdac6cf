"""The training run, top to bottom: read, look, measure, step, measure, save."""

from __future__ import annotations

import json
import math
import platform
import random
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import torch

from emogen.atomic import replacing_path, writable_folder, write_text
from emogen.errors import CheckFailedError, EmovitError, InputError
from emogen.lock import locked
from emogen.terminal import progress
from emovit_train.batches import length_sorted_batches
from emovit_train.checkpoint import CONFIG, save_checkpoint
from emovit_train.data import Row, data_file, read_rows, split_rows
from emovit_train.features import ImageFeatures
from emovit_train.fingerprint import sha256_file, sha256_tensors
from emovit_train.images import check_images
from emovit_train.interruption import interrupt_requested
from emovit_train.models import MODELS, ModelSpec, resolve_model
from emovit_train.objective import Example, answer_losses, encode_rows, mean_loss
from emovit_train.optimizer import adamw, lr_share, set_lr
from emovit_train.predict import generate
from emovit_train.settings import SampleAnswer, TrainReport, TrainSettings

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["METRICS", "REPORT", "Stopped", "train"]

REPORT: Final = "train.json"
METRICS: Final = "metrics.jsonl"
SHOWN_PHOTOGRAPHS: Final = 2


class Stopped(KeyboardInterrupt):
    """Ctrl-C was pressed, and the state after the last whole step is saved."""


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
        CheckFailedError: a frozen tensor changed; nothing was saved.
        Stopped: Ctrl-C; the checkpoint was saved, the report was not.
    """
    writable_folder(out)
    with locked(out, "folder"):
        _refuse_model(out, overwrite)
        return _train(data, out, settings, images)


def _train(data: Path, out: Path, settings: TrainSettings, images: Path | None) -> TrainReport:
    start_s = time.perf_counter()
    training_rows, held_out_rows = split_rows(read_rows(data, images), data_file(data))
    check_images(row.image for row in (*training_rows, *held_out_rows))

    model = _assemble(settings)
    features = _features(model, training_rows, held_out_rows)
    training, held_out = encode_rows(model, training_rows), encode_rows(model, held_out_rows)
    loss_start, held_out_start = mean_loss(model, features, training), mean_loss(model, features, held_out)
    frozen_before = sha256_tensors(model.frozen_tensors())
    asked = [*_asked(training_rows), *_asked(held_out_rows)]
    said_before = _answers(model, features, asked)

    ready_s = time.perf_counter()
    with replacing_path(out / METRICS) as work, work.open("w", encoding="utf-8") as metrics:
        steps, finished = _fit(model, features, training, settings, metrics)
    trained_s = time.perf_counter()

    frozen_after = sha256_tensors(model.frozen_tensors())
    if frozen_after != frozen_before:
        raise CheckFailedError("training changed a tensor that is frozen", remedy="Report this: it is a bug.")
    # The report of an earlier run must not stand beside the weights of an interrupted later one.
    (out / REPORT).unlink(missing_ok=True)
    save_checkpoint(out, model, map(sha256_file, {row.image for row in training_rows}))
    if not finished:
        raise Stopped(f"stopped after step {steps}; that state is saved in {out}, without {REPORT}")

    report = TrainReport(
        settings=settings,
        steps=steps,
        rows=len(training),
        images=len({row.image for row in training_rows}),
        held_out_rows=len(held_out),
        loss_start=loss_start,
        loss_end=mean_loss(model, features, training),
        held_out_loss_start=held_out_start if held_out else None,
        held_out_loss_end=mean_loss(model, features, held_out) if held_out else None,
        trained_parameters=sum(tensor.numel() for tensor in model.trained_tensors().values()),
        frozen_sha256_before=frozen_before,
        frozen_sha256_after=frozen_after,
        truncated_rows=sum(example.text.truncated for example in (*training, *held_out)),
        data_sha256=sha256_file(data_file(data)),
        answers=tuple(
            SampleAnswer(
                image=row.image.name,
                question=row.question,
                emotion=row.emotion,
                held_out=row in held_out_rows,
                before=before,
                after=after,
            )
            for row, before, after in zip(asked, said_before, _answers(model, features, asked), strict=True)
        ),
        seconds={
            "preparation": round(ready_s - start_s, 2),
            "training": round(trained_s - ready_s, 2),
            "total": round(time.perf_counter() - start_s, 2),
        },
        versions={
            "python": platform.python_version(),
            "torch": version("torch"),
            "transformers": version("transformers"),
        },
    )
    write_text(out / REPORT, report.model_dump_json(indent=2) + "\n")
    return report


def _asked(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that are asked about before and after: one for each of the first few photographs.

    That is a photograph's question about its emotion in general, where it has one, rather than about a detail.
    """
    chosen: dict[Path, Row] = {}
    for row in sorted(
        rows, key=lambda row: (str(row.image), row.kind != "categorical", row.kind != "reasoning")
    ):
        chosen.setdefault(row.image, row)
    return list(chosen.values())[:SHOWN_PHOTOGRAPHS]


def _answers(model: EmoVIT, features: ImageFeatures, rows: Sequence[Row]) -> list[str]:
    return generate(model, features.batch([row.image for row in rows]), [row.question for row in rows])


def _refuse_model(out: Path, overwrite: bool) -> None:
    if (out / CONFIG).exists() and not overwrite:
        raise InputError(
            "a model lies here already", where=out, remedy="Name another folder, or add --overwrite."
        )


def _assemble(settings: TrainSettings) -> EmoVIT:
    kind, folder = resolve_model(settings.model)
    model = MODELS.get(kind).assemble(ModelSpec(kind, folder, settings.seed, settings.frozen_dtype))
    model.set_trained(settings.parts)
    return model


def _features(model: EmoVIT, training: Sequence[Row], held_out: Sequence[Row]) -> ImageFeatures:
    features = ImageFeatures(model)
    features.compute(row.image for row in (*training, *held_out))
    model.fit_normalisation(features.batch(sorted({row.image for row in training})))
    return features


def _fit(
    model: EmoVIT,
    features: ImageFeatures,
    examples: Sequence[Example],
    settings: TrainSettings,
    metrics: TextIO,
) -> tuple[int, bool]:
    """Train; return the steps done, and False where Ctrl-C ended it early."""
    torch.manual_seed(settings.seed)
    optimizer = adamw(model.trained_tensors().values(), settings.lr, settings.weight_decay)
    total = settings.epochs * math.ceil(len(examples) / settings.batch_size)
    total = min(total, settings.max_steps or total)
    step = 0
    model.train()
    with interrupt_requested() as interrupted, progress("training", total) as advance:
        for epoch, batch in _batches(examples, settings):
            if step == total or interrupted():
                break
            set_lr(optimizer, settings.lr * lr_share(step, total, settings.warmup))
            losses = answer_losses(model, features, batch)
            loss = losses.mean()
            step += 1
            if not torch.isfinite(loss):
                raise EmovitError(
                    f"the loss is {loss.item()} at step {step}; nothing was saved",
                    remedy="Lower the learning rate: --lr",
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            norm = torch.nn.utils.clip_grad_norm_(model.trained_tensors().values(), settings.clip)
            optimizer.step()
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
    return step, step == total


def _batches(examples: Sequence[Example], settings: TrainSettings) -> Iterator[tuple[int, list[Example]]]:
    """Yield epoch (from 1) and batch."""
    rng = random.Random(settings.seed)
    lengths = [example.text.length for example in examples]
    for epoch in range(1, settings.epochs + 1):
        for batch in length_sorted_batches(lengths, settings.batch_size, rng):
            yield epoch, [examples[number] for number in batch]
