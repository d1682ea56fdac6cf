"""`emovit_train train --engine lavis`: LAVIS trains, in its own environment; its weights come back as a checkpoint.

What LAVIS does and does not do here is told in docs/lavis.md.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from emogen.atomic import writable_folder
from emogen.errors import EmovitError, InputError, shorten
from emogen.lock import locked
from emogen.terminal import progress
from emovit_train.checkpoint import CONFIG, save_checkpoint
from emovit_train.data import Row, data_file, image_root, read_rows
from emovit_train.fingerprint import sha256_file
from emovit_train.images import check_images
from emovit_train.interruption import interrupt_requested
from emovit_train.lavis.environment import environment_python, own_variables
from emovit_train.lavis.importing import put_onto
from emovit_train.lavis.job import lavis_job
from emovit_train.lavis.weights import kind_of, read_pth, to_lavis_state, write_pth
from emovit_train.models import MODELS, ModelSpec, resolve_model
from emovit_train.settings import TrainSettings
from emovit_train.told import option_of

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["WORK", "EngineReport", "train_with_lavis"]

WORK: Final = "lavis"
_INSIDE: Final = Path(__file__).with_name("inside.py")
_POLL_S: Final = 0.2
# LAVIS has nothing to save when it is told to end.
_ENDING_S: Final = 10.0
# Settings that LAVIS does not have, and the values that ask nothing of it.
_WITHOUT: Final[dict[str, tuple[object, ...]]] = {
    "start": (None,),
    "types": (None,),
    "reviewed": ("kept", "all"),
    "portion": (None,),
    "text_norm": ("raw",),
    "context": ("none",),
    "max_steps": (None,),
    "batch_tokens": (None,),
    "accumulate": (1,),
    "augment": (True,),
    "feature_cache": (None,),
    "loss_norm": ("token",),
    "frozen_dtype": ("auto", "float32"),
    "tf32": (False,),
    "gradient_checkpointing": (False,),
    "compile": (False,),
    "eval_every": (None,),
    "save_every": (None,),
    "tensorboard": (False,),
}


@dataclass(frozen=True)
class EngineReport:
    """What came of a run of LAVIS.

    Attributes:
        steps: Optimizer steps done.
        rows: Rows of the data.
        first_loss: Of the first batch, in nats per answer token.
        last_loss: Of the last batch.
    """

    steps: int
    rows: int
    first_loss: float
    last_loss: float


def train_with_lavis(
    data: Path, out: Path, settings: TrainSettings, *, images: Path | None = None, overwrite: bool = False
) -> EngineReport:
    """Let LAVIS' RunnerBase tune the model, and save its last weights as a checkpoint in `out`.

    Args:
        data: A list exported with `--format instructblip`; LAVIS reads the file itself.
        out: The checkpoint's folder; LAVIS' own files lie in its folder `lavis`.
        settings: LAVIS knows epochs, batch size, learning rates, warm-up, weight decay, seed and parts; its schedule
            is always `lavis_epoch`, and it never clips the gradient.
        images: Folder of the photographs; see `emovit_train.data.image_root`.
        overwrite: Replace a checkpoint that is in `out` already.

    Raises:
        InputError: data, model, settings or `out` cannot be used, or LAVIS has no environment; nothing was trained.
        EmovitError: LAVIS failed; its log's last lines are in the message, and no checkpoint was written.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; LAVIS was ended, and no checkpoint was written.
    """
    _refuse(settings)
    batch_size = settings.batch_size
    assert batch_size is not None  # without it there would be batch_tokens, which is refused
    python = environment_python()
    rows = _read(data, images)
    if len(rows) < batch_size:
        raise InputError(
            f"{len(rows)} rows make no batch of {batch_size}: LAVIS drops the last, unfilled one",
            where="--batch-size",
            remedy="Lower it.",
        )
    writable_folder(out)
    with locked(out, "folder"):
        if (out / CONFIG).exists() and not overwrite:
            raise InputError(
                "a model lies here already", where=out, remedy="Name another folder, or add --overwrite."
            )
        model = _assemble(settings)
        work = out / WORK
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            steps = (settings.epochs or 1) * (len(rows) // batch_size)
            file = data_file(data)
            _write_job(work, model, rows, settings, steps=steps, file=file, images=image_root(file, images))
            losses = _run(python, work, steps)
        finally:
            # As large as the whole model.
            (work / "start.pth").unlink(missing_ok=True)
        last = work / "result" / f"checkpoint_{(settings.epochs or 1) - 1}.pth"
        put_onto(model, read_pth(last), last)
        save_checkpoint(out, model, map(sha256_file, {row.image for row in rows}))
    return EngineReport(len(losses), len(rows), losses[0], losses[-1])


def _refuse(settings: TrainSettings) -> None:
    """Refuse what LAVIS has nothing for, rather than pass over it."""
    for name, usual in _WITHOUT.items():
        if getattr(settings, name) not in usual:
            raise InputError(
                "LAVIS has nothing of the kind",
                where=option_of(name),
                remedy="Leave it out, or train with torch.",
            )


def _read(data: Path, images: Path | None) -> list[Row]:
    file = data_file(data)
    rows = read_rows(file, images)
    entries: Any = json.loads(file.read_text("utf-8")) if file.suffix == ".json" else None
    if not isinstance(entries, list) or any("question_id" not in entry for entry in entries):
        raise InputError(
            "LAVIS reads its own VQA annotations only",
            where=file,
            remedy="Make them with: emogen export RUN --format instructblip --out data.json",
        )
    check_images(row.image for row in rows)
    return rows


def _assemble(settings: TrainSettings) -> EmoVIT:
    from emovit_train.model import EmoVIT

    kind, folder = resolve_model(settings.model, settings.arch)
    if folder is None:
        raise InputError(
            f"LAVIS does not know {kind}",
            where="--model",
            remedy="Name an InstructBLIP checkpoint folder of the FlanT5 kind.",
        )
    model = MODELS.get(kind).assemble(ModelSpec(kind, folder, settings.seed, "float32"))
    if not isinstance(model, EmoVIT) or kind_of(model) != "t5":
        raise InputError(
            "LAVIS 1.0.2 is older than Vicuna and LLaVA: it knows no Llama",
            where="--model",
            remedy="Name a checkpoint of the FlanT5 kind, or train with --engine torch.",
        )
    model.set_trained(settings.parts)
    return model


def _write_job(
    work: Path,
    model: EmoVIT,
    rows: Sequence[Row],
    settings: TrainSettings,
    *,
    steps: int,
    file: Path,
    images: Path,
) -> None:
    state = to_lavis_state(model, whole=True)
    write_pth(state, work / "start.pth")
    job = lavis_job(model, settings, state, steps=steps, file=file, images=images, work=work)
    (work / "job.json").write_text(json.dumps(job, indent=2), "utf-8")
    texts = [
        [row.question, row.answer, text.instruction, text.prompt, text.answer]
        for row in rows
        for text in [model.codec.encode(row.question, row.answer)]
    ]
    (work / "texts.json").write_text(json.dumps(texts), "utf-8")


def _run(python: Path, work: Path, steps: int) -> list[float]:
    """Run the script; return the loss of every step."""
    with (work / "log.txt").open("wb") as log:
        # -P: what lies beside the script must not be taken for LAVIS' packages.
        command = [str(python), "-P", str(_INSIDE), str(work)]
        variables = own_variables() | {"PYTHONWARNINGS": "ignore"}
        with interrupt_requested() as interrupted:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=variables)
            try:
                losses = _watch(process, work / "metrics.jsonl", steps, interrupted)
            finally:
                _end(process)
    if process.returncode:
        said = (work / "log.txt").read_text("utf-8", "replace").strip().splitlines()
        raise EmovitError(
            f"LAVIS ended with code {process.returncode} after {len(losses)} of {steps} steps: "
            f"{shorten(' '.join(said[-2:]), 300)}",
            where=work / "log.txt",
            remedy="Read the log.",
        )
    if any(loss != loss for loss in losses):
        raise EmovitError("the loss is no number any more", remedy="Lower the learning rate: --lr")
    return losses


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs; politely, and then not."""
    process.terminate()
    try:
        process.wait(_ENDING_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
    process.wait()


def _watch(
    process: subprocess.Popen[bytes], metrics: Path, steps: int, interrupted: Callable[[], bool]
) -> list[float]:
    """Return the losses that LAVIS wrote, when it has ended.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM came.
    """
    losses: list[float] = []
    with contextlib.ExitStack() as stack:
        advance = stack.enter_context(progress("LAVIS trains", steps))
        file: IO[str] | None = None
        while True:
            ended = process.poll() is not None
            if file is None and metrics.exists():
                file = stack.enter_context(metrics.open(encoding="utf-8"))
            for line in file or ():
                losses.append(json.loads(line)["loss"])
                advance(note=f"loss {losses[-1]:.3f}")
            if interrupted():
                raise KeyboardInterrupt(
                    f"stopped after {len(losses)} of {steps} steps; no checkpoint was written, and LAVIS' runs do not "
                    "go on: the same command begins anew"
                )
            if ended:
                return losses
            time.sleep(_POLL_S)
