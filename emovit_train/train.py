"""The training run, top to bottom: read, look, measure, step, measure, save."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emogen.atomic import writable_folder, write_text
from emogen.errors import CheckFailedError, EmovitError, InputError, shorten
from emogen.lock import locked
from emogen.registry import require
from emogen.terminal import progress
from emovit_train.checkpoint import CONFIG, save_checkpoint
from emovit_train.compiling import require_compiler
from emovit_train.curve import CURVE, draw_curve
from emovit_train.features import PoolFeatures
from emovit_train.fingerprint import sha256_tensors
from emovit_train.interruption import interrupt_requested
from emovit_train.metrics import METRICS, Metrics, open_metrics
from emovit_train.objective import cut_parts, measured_of
from emovit_train.optimizer import Schedule, adamw, gradient_scaler, set_lr
from emovit_train.plan import PlannedStep, RunPlan
from emovit_train.ranks import Ranks, open_ranks
from emovit_train.recompute import recompute_layers
from emovit_train.report import REPORT, SampleAnswer, TrainReport
from emovit_train.resume import STATE, TrainingState, read_state, refuse_other_run
from emovit_train.run import Run, assemble, read_data
from emovit_train.saving import Saver
from emovit_train.settings import TrainSettings
from emovit_train.stepping import NoNumberError, Stepper
from emovit_train.views import fit_normalisation
from emovit_train.watching import look

__all__ = ["Stopped", "train"]


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came, and the state after the last whole step is saved."""


def train(
    data: Path,
    out: Path,
    settings: TrainSettings,
    *,
    images: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> TrainReport:
    """Tune an assembly, and write checkpoint, metrics, loss curve and report into `out`; or go on doing so.

    Where `out` holds an interrupted run with the same settings and data, it goes on after the last saved step, and ends
    with the weights that it would have had without the interruption, bit for bit on a CPU.

    Args:
        data: A run folder, `samples.jsonl`, or an exported list.
        out: The checkpoint's folder; of several processes, only the first one looks at it.
        settings: See `TrainSettings`.
        images: Folder of the photographs; see `emovit_train.data.image_root`.
        overwrite: Begin anew, and replace a checkpoint that is in `out` already.
        resume: Begin no new run.

    Raises:
        InputError: data, photographs, model or `out` cannot be used, or the disk is full; what was saved stays.
        EmovitError: loss or gradient are no numbers any more; what was saved before stays.
        CheckFailedError: a frozen tensor changed; no checkpoint was saved.
        Stopped: Ctrl-C or SIGTERM; checkpoint and state were saved, the report was not.
    """
    require("matplotlib", extra="train", purpose="The loss curve")
    with open_ranks(settings.device) as ranks, _alone(out, ranks):
        if settings.compile and ranks.device.type == "cpu":
            require_compiler()
        state = _shared_state(ranks, out, overwrite=overwrite, resume=resume)
        return _train(data, out, settings, images, ranks, state)


def _alone(out: Path, ranks: Ranks) -> contextlib.AbstractContextManager[None]:
    if not ranks.is_first:
        return contextlib.nullcontext()
    writable_folder(out)
    return locked(out, "folder")


def _shared_state(ranks: Ranks, out: Path, *, overwrite: bool, resume: bool) -> TrainingState | None:
    """Return what the first process finds to go on from, or raise its error, on each of them."""
    found: TrainingState | InputError | None = None
    if ranks.is_first:
        try:
            found = _interrupted(out, overwrite=overwrite, resume=resume)
        except InputError as error:
            found = error
    found = ranks.share(found)
    if isinstance(found, InputError):
        raise found
    return found


def _interrupted(out: Path, *, overwrite: bool, resume: bool) -> TrainingState | None:
    """Return the state of the run that is to go on, or None for a new one; refuse what would be lost."""
    state = None if overwrite else read_state(out)
    if state is None and resume:
        raise InputError("no interrupted run lies here", where=out, remedy="Begin one without --resume.")
    if state is None and (out / CONFIG).exists() and not overwrite:
        raise InputError(
            "a model lies here already", where=out, remedy="Name another folder, or add --overwrite."
        )
    return state


def _train(
    source: Path,
    out: Path,
    settings: TrainSettings,
    images: Path | None,
    ranks: Ranks,
    state: TrainingState | None,
) -> TrainReport:
    begin_s = time.perf_counter()
    torch.set_float32_matmul_precision("high" if settings.tf32 else "highest")
    data = read_data(source, images, settings)
    if state:
        refuse_other_run(state, settings, data.rows_sha256, ranks.world, out)
    run = assemble(settings, ranks, out, data)
    if state is None and run.start is None:
        fit_normalisation(run.model, run.views, ranks, (row.image for row in data.training))
    start = state.start if state else ranks.share(run.measured() if ranks.is_first else None)
    _refuse_other_inputs(run)
    ready_s = time.perf_counter()

    end = _fit(run, state, start)
    fitted_s = time.perf_counter()

    _check_weights(run, start)
    if ranks.is_first:
        # The report of an earlier run must not stand beside the weights of an interrupted later one.
        (out / REPORT).unlink(missing_ok=True)
        save_checkpoint(out, run.model, run.trained_images(), run.provenance(end.step))
        draw_curve(out / METRICS, out / CURVE)
    if not end.finished:
        # Once any process has ended, torchrun ends the others, and the first one has to save.
        ranks.wait()
        raise Stopped(
            f"stopped after step {end.step}; that state is saved in {out}, and the same command goes on from it"
        )
    if not ranks.is_first:
        return TrainReport.model_validate(ranks.share(None))
    spent = {"preparation": ready_s - begin_s, "training": end.seconds}
    report = _report(run, start, end, spent)
    total_s = sum(spent.values()) + (time.perf_counter() - fitted_s)
    report = report.model_copy(
        update={"seconds": {name: round(each, 2) for name, each in {**spent, "total": total_s}.items()}}
    )
    write_text(out / REPORT, report.model_dump_json(indent=2) + "\n")
    (out / STATE).unlink(missing_ok=True)
    ranks.share(report.model_dump())
    return report


def _refuse_other_inputs(run: Run) -> None:
    """Make sure that all processes work with the same: their machines may have files of their own.

    Raises:
        InputError: they do not; on each of them.
    """
    if run.ranks.world == 1:
        return
    found = {
        "rows": run.data.rows_sha256,
        "settings": run.settings.model_dump(mode="json"),
        "weights to begin with": sha256_tensors(run.model.trained_tensors()),
        "frozen weights": sha256_tensors(run.model.frozen_tensors()),
    }
    for name, (first, *others) in _by_name(run.ranks.gather(found)).items():
        differing = [str(rank) for rank, other in enumerate(others, 1) if other != first]
        if differing:
            raise InputError(
                f"process {', '.join(differing)} has other {name} than the first one",
                remedy="Give the same command on all machines, and have the same files on each.",
            )


def _by_name(found: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [one[name] for one in found] for name in found[0]}


@dataclass(frozen=True)
class _End:
    """How the steps of a run ended.

    Attributes:
        step: Steps done.
        finished: Whether that is all of them.
        best: Lowest held-out loss that was measured.
        seconds: What they took.
    """

    step: int
    finished: bool
    best: float | None
    seconds: float


def _fit(run: Run, state: TrainingState | None, start: dict[str, Any]) -> _End:
    """Train, from the first step or from an interrupted run's last saved one."""
    settings, ranks, plan = run.settings, run.ranks, run.plan
    total = plan.total
    schedule = Schedule.of(settings, total)
    stepper = _stepper(run)
    saver = Saver(run, stepper, start)
    # Each process drops out other neurons.
    random.seed(settings.seed + ranks.rank)
    torch.manual_seed(settings.seed + ranks.rank)
    step = saver.restore(state) if state else saver.begin()
    best = state.best if state else None
    _training_mode(run)
    with (
        interrupt_requested() as interrupted,
        _metrics(run, step) as metrics,
        progress("training", total) as advance,
    ):
        advance(step)
        for planned, features in _steps(run, plan, step):
            begin_s = time.perf_counter()
            lr = schedule.lr(planned.number, planned.epoch, planned.within)
            set_lr(stepper.optimizer, lr)
            try:
                stepped = stepper.step(planned.lanes, features)
            except NoNumberError as broken:
                raise _no_number(broken, step + 1, saver.saved_step, run.out) from None
            step += 1
            entry = {"step": step, "epoch": planned.epoch + 1, "lr": lr, **stepped.entry()}
            entry["seconds"] = round(time.perf_counter() - begin_s, 4)
            if metrics and settings.eval_every and step % settings.eval_every == 0:
                held_out, best = look(run, step, best, metrics)
                entry |= {} if held_out is None else {"held_out_loss": held_out}
                _training_mode(run)
            if metrics:
                metrics.step(entry)
            advance(note=f"loss {stepped.loss:.3f}")
            # All processes must stop and save at the same step, whichever of them was told to.
            stop, save = map(bool, ranks.sum([interrupted(), ranks.is_first and saver.due(step)]))
            if step < total and (stop or save):
                saver.save(step, best)
            if stop:
                break
    run.model.eval()
    return _End(step, step == total, best, saver.seconds)


def _steps(run: Run, plan: RunPlan, after: int) -> Iterator[tuple[PlannedStep, PoolFeatures]]:
    """Yield the steps that are left, each with the features of this process's rows."""
    for pool in plan.pools(after):
        rows = pool.rows_of(run.ranks.rank, run.ranks.world)
        features = run.views.pool((run.training[row].row.image for row in rows), pool.epoch + 1)
        for step in pool.steps:
            yield step, features


def _stepper(run: Run) -> Stepper:
    settings, model = run.settings, run.model
    # Compiled, it is still a module with the attributes of the model; torch types it as a function.
    compiled: Any = torch.compile(model, dynamic=True) if settings.compile else model
    return Stepper(
        model=compiled,
        examples=run.training,
        optimizer=adamw(model.trained_tensors().values(), settings.lr, settings.weight_decay),
        scaler=gradient_scaler(run.ranks.device, model.language_model.dtype),
        ranks=run.ranks,
        loss_norm=settings.loss_norm,
        clip=settings.clip,
    )


def _training_mode(run: Run) -> None:
    run.model.train()
    if run.settings.gradient_checkpointing:
        recompute_layers(run.model)


def _metrics(run: Run, after: int) -> contextlib.AbstractContextManager[Metrics | None]:
    if not run.ranks.is_first:
        return contextlib.nullcontext()
    return open_metrics(run.out, after, tensorboard=run.settings.tensorboard)


def _no_number(broken: NoNumberError, step: int, saved: int | None, out: Path) -> EmovitError:
    kept = f"the state after step {saved} is kept" if saved else "nothing was saved"
    return EmovitError(
        f"the {broken.what} at step {step}, on rows of {shorten(', '.join(sorted(set(broken.rows))), 160)}; {kept}",
        where=out,
        remedy="The same command would meet it again. Look at these rows and leave them out, or begin anew, by "
        "--overwrite, with a lower --lr, with --clip 1, or with another --frozen-dtype than float16.",
    )


def _check_weights(run: Run, start: dict[str, Any]) -> None:
    """Make sure that frozen weights are as before, and trained ones the same in all processes.

    Raises:
        CheckFailedError: they are not.
    """
    if sha256_tensors(run.model.frozen_tensors()) != start["frozen_sha256"]:
        raise CheckFailedError("training changed a tensor that is frozen", remedy="Report this: it is a bug.")
    if run.ranks.world > 1 and len(set(run.ranks.gather(sha256_tensors(run.model.trained_tensors())))) > 1:
        raise CheckFailedError(
            "the processes ended with different weights",
            remedy="Use the same versions and kind of GPU in each.",
        )


def _report(run: Run, start: dict[str, Any], end: _End, seconds: dict[str, float]) -> TrainReport:
    measured, examples = run.measured(), (*run.training, *run.held_out)
    held_out_rows = set(run.data.held_out)
    answers = zip(run.asked, start["answers"], measured["answers"], strict=True)
    return TrainReport(
        settings=run.settings,
        steps=end.step,
        rows=len(run.training),
        images=len({row.image for row in run.data.training}),
        held_out_rows=len(run.held_out),
        measured_rows=len(measured_of(run.training)),
        measured_held_out_rows=len(measured_of(run.held_out)),
        loss_start=start["loss"],
        loss_end=measured["loss"],
        held_out_loss_start=start["held_out_loss"],
        held_out_loss_end=measured["held_out_loss"],
        best_held_out_loss=end.best,
        trained_parameters=sum(tensor.numel() for tensor in run.model.trained_tensors().values()),
        frozen_sha256_before=start["frozen_sha256"],
        frozen_sha256_after=measured["frozen_sha256"],
        truncated_rows=sum(example.text.truncated for example in examples),
        cut=cut_parts(examples),
        data_sha256=run.data.sha256,
        reviewed=run.data.reviewed,
        reviews_sha256=run.data.reviews_sha256,
        answers=tuple(
            SampleAnswer(
                image=row.image.name,
                question=row.question,
                emotion=row.emotion,
                held_out=row in held_out_rows,
                before=before,
                after=after,
            )
            for row, before, after in answers
        ),
        seconds=seconds,
        versions=run.provenance(end.step).versions,
        processes=run.ranks.world,
        device=str(run.ranks.device),
    )
