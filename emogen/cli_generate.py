"""`emogen generate`: parse, call, print."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from emogen.cli_engine import Address, EngineName, ShardRecords, Workers, pool_of
from emogen.cli_options import takes_settings
from emogen.counting import counted
from emogen.errors import CheckFailedError, InputError
from emogen.run_file import RunFile
from emogen.settings import RunSettings
from emogen.terminal import AsJson, note, progress, say, show_counts, show_json, show_remarks

if TYPE_CHECKING:
    from emogen.asking import Asker
    from emogen.dataset import Dataset
    from emogen.journal import Journal
    from emogen.on_ray.pool import Pool
    from emogen.prompts import PromptRenderer
    from emogen.store import RunFolder

__all__ = ["generate"]

FILES: Final = ("samples.jsonl", "rejections.jsonl", "run.json")
Fill = Callable[["_Filling"], None]


@takes_settings
def generate(
    settings: RunSettings,
    file: RunFile | None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Render every prompt, print the first three, estimate tokens and money, and stop.",
        ),
    ] = False,
    show_prompt: Annotated[
        bool,
        typer.Option("--show-prompt", help="Print the first record's prompts and stop; nothing is asked."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Start the run folder anew; answers in its journal are used again."),
    ] = False,
    engine: EngineName = "local",
    address: Address = None,
    workers: Workers = None,
    shard_records: ShardRecords = None,
    as_json: AsJson = False,
) -> None:
    """Make instruction data from records with a language model.

    Backends: embedded (a demonstration model in this process, no key, no network), openai (OpenAI and every
    compatible server by --base-url), openai-sdk (the same by the official SDK), azure (a deployment there), scripted
    (replays a file of answers). A known model's name stands for its backend: --backend gpt-6.1-sol.
    """
    pool = pool_of(engine, address, workers, shard_records)
    if settings.model.vllm is not None and pool is None and not (dry_run or show_prompt):
        raise InputError("is of use only with --engine ray", where="--vllm", remedy="Add it.")
    if show_prompt or dry_run:
        from emogen import cli_trial

        if show_prompt:
            cli_trial.show_prompts(settings, as_json=as_json)
        else:
            cli_trial.dry_run(settings, overwrite=overwrite, as_json=as_json)
    else:
        on_ray = _fill_on_ray if settings.model.vllm is None else _fill_by_vllm
        fill = _fill if pool is None else partial(on_ray, pool, address)
        _run(settings, file, fill, overwrite=overwrite, as_json=as_json)


def _run(settings: RunSettings, file: RunFile | None, fill: Fill, *, overwrite: bool, as_json: bool) -> None:
    """Make the run folder, generate into it, and say what came of it, however it ends."""
    from emogen.asking import open_asker
    from emogen.journal import Journal
    from emogen.manifest import manifest_of
    from emogen.opening import backend_of, dataset_of, limits_of, out_of, renderer_of
    from emogen.prices import price_of
    from emogen.store import BATCHES, JOURNAL, RunFolder

    out, renderer, backend = out_of(settings), renderer_of(settings), backend_of(settings)
    price = price_of(backend.model, settings.prices) if backend else None
    if backend and (out / BATCHES).is_file():
        from emogen.batch.plans import refuse_double

        refuse_double(out)
    if backend and backend.notice:
        note(backend.notice)
    manifest = manifest_of(settings, backend, renderer)
    if file and file.is_record:
        _compare(file, settings, manifest)
    _show_other_servers(out, manifest)
    with RunFolder(out, manifest, overwrite=overwrite) as folder, ExitStack() as stack:
        asker = journal = None
        if backend:
            journal = stack.enter_context(Journal(out / JOURNAL))
            asker = open_asker(backend, limits_of(settings, backend), price, journal)
        try:
            # What was imported stays: there is no use in searching it for garbage, row after row.
            gc.freeze()
            dataset = dataset_of(settings)
            fill(_Filling(settings, folder, renderer, dataset, asker, journal))
        except KeyboardInterrupt:
            said = f"interrupted; {out} keeps what is done, and the same command goes on from there."
            raise KeyboardInterrupt(said) from None
        finally:
            if folder.kept or folder.rejected:
                show_counts(folder.kept, folder.rejected)
                _show_spending(asker)
                say(f"→ {', '.join(str(out / name) for name in FILES)}")
            if as_json:
                show_json({"out": out, "kept": folder.kept, "rejected": folder.rejected, **_spending(asker)})
    if not folder.kept.total() and not folder.rejected.total():
        raise CheckFailedError(
            "not a single record is selected, so there is nothing to write about",
            where=settings.records,
            remedy="Select more; `emogen records` counts what is there.",
        )
    if not folder.kept.total():
        raise CheckFailedError("nothing was kept", where=out, remedy="The reasons are in rejections.jsonl.")


@dataclass(frozen=True)
class _Filling:
    """A run folder that is to be filled, with what that takes."""

    settings: RunSettings
    folder: RunFolder
    renderer: PromptRenderer
    dataset: Dataset
    asker: Asker | None
    journal: Journal | None

    @contextmanager
    def shown(self) -> Iterator[Callable[[], None]]:
        """Show the progress while the block runs; what is yielded is called after each row."""
        folder, types = self.folder, self.settings.types
        count = self.dataset.count()
        total = None if count is None else count * len(types)
        done = sum(instruction in types for _, instruction in folder.done)
        spending = _Spending(total, self.asker, done)
        with progress("generating", total) as advance:
            if done:
                advance(done if total is None else min(done, total), note="resumed")
            try:
                yield lambda: advance(
                    note=f"kept {folder.kept.total()}, rejected {folder.rejected.total()}{spending.note()}"
                )
            finally:
                show_remarks(self.dataset.remarks())


def _fill(what: _Filling) -> None:
    """Do the work in this process."""
    from emogen.event_loop import run
    from emogen.opening import sight_of
    from emogen.pipeline import generate_into

    async def fill() -> None:
        settings = what.settings
        with what.shown() as row_is_there:
            try:
                await generate_into(
                    what.folder,
                    what.dataset.records(),
                    what.asker,
                    types=settings.types,
                    renderer=what.renderer,
                    corrections=settings.corrections,
                    tokens_per_row=settings.limits.tokens_per_row,
                    checks=settings.checks,
                    on_outcome=lambda outcome: row_is_there(),
                    sight=sight_of(settings),
                )
            finally:
                if what.asker:
                    await what.asker.backend.aclose()

    run(fill())


def _fill_on_ray(pool: Pool, address: str | None, what: _Filling) -> None:
    """Let Ray's workers do the work."""
    from emogen.event_loop import run
    from emogen.on_ray.cluster import connected
    from emogen.on_ray.generating import generate_on_ray

    async def fill(ray: Any) -> None:
        with what.shown() as row_is_there:
            await generate_on_ray(
                ray,
                pool,
                what.folder,
                what.dataset.records(),
                what.asker,
                what.journal,
                what.settings,
                row_is_there,
            )

    with connected(address) as ray:
        gc.freeze()
        run(fill(ray))


def _fill_by_vllm(pool: Pool, address: str | None, what: _Filling) -> None:
    """Let engines on a cluster's GPUs answer."""
    from emogen.event_loop import run
    from emogen.on_ray.cluster import connected
    from emogen.on_ray.vllm_generating import generate_by_vllm, refuse_others, vllm_processor
    from emogen.on_ray.vllm_settings import read_vllm_settings

    path = what.settings.model.vllm
    if path is None or what.asker is None or what.journal is None:
        raise InputError("no model is asked", where="--vllm", remedy="Name it: --backend openai:MODEL.")
    refuse_others(what.asker.backend, what.settings)
    told = read_vllm_settings(path)
    with connected(address) as ray:
        processor = vllm_processor(what.asker.backend.model, told, pool)
        with what.shown() as row_is_there:
            run(
                generate_by_vllm(
                    ray,
                    processor,
                    what.folder,
                    what.dataset.records,
                    what.asker,
                    what.journal,
                    what.settings,
                    row_is_there,
                )
            )


class _Spending:
    """What the run has cost, with the rows that were there before, and what it will have cost at this rate."""

    def __init__(self, total: int | None, asker: Asker | None, done: int) -> None:
        self._total = total
        self._asker = asker
        self._rows = done

    def note(self) -> str:
        self._rows += 1
        if self._asker is None or self._asker.price is None:
            return ""
        spent = self._asker.admission.spent
        if not self._total:
            return f", cost {spent:.2f}"
        return (
            f", cost {spent:.2f} of about {spent * self._total / self._rows:.2f} {self._asker.price.currency}"
        )


def _spending(asker: Asker | None) -> dict[str, object]:
    """Return what `--json` says of money; None where no price is known."""
    price = asker.price if asker else None
    return {
        "from_journal": asker.replayed if asker else 0,
        "cost": asker.admission.spent if asker and price else None,
        "perhaps_more": asker.admission.perhaps_spent if asker and price else None,
        "currency": price.currency if price else None,
    }


def _show_spending(asker: Asker | None) -> None:
    if asker is None:
        return
    if asker.replayed:
        say(f"{counted(asker.replayed, 'answer')} came from the journal, at no cost")
    if asker.admission.spent and asker.price is not None:
        say(
            f"cost so far {asker.admission.spent:.4f} {asker.price.currency} (prices as of {asker.price.as_of})"
        )
    if asker.estimated and asker.price is not None:
        say(
            f"of {counted(asker.estimated, 'answer')} the server did not count the tokens: their cost is an estimate"
        )
    if asker.admission.perhaps_spent and asker.price is not None:
        perhaps = f"{asker.admission.perhaps_spent:.4f} {asker.price.currency}"
        say(f"perhaps {perhaps} more, for attempts that the server may have answered unheard")


def _show_other_servers(out: Path, manifest: dict[str, Any]) -> None:
    """Say that a run goes on elsewhere: an answer is the model's, whichever server gives it."""
    from emogen.backends.options import ModelOptions
    from emogen.settings.nesting import value_at
    from emogen.store import MANIFEST, read_manifest

    if not (out / MANIFEST).is_file():
        return
    key = ("settings", "model", "base_url")
    before, now = (
        ModelOptions(base_url=value_at(told, key)).base_url for told in (read_manifest(out), manifest)
    )
    if before and now and set(before) != set(now):
        note(f"was asked at {', '.join(before)}; now at {', '.join(now)}, which must serve the same model")


def _compare(file: RunFile, settings: RunSettings, manifest: dict[str, Any]) -> None:
    """Say what is not as it was in the run that is repeated; a run that merely goes on is the folder's business."""
    from emogen.manifest import differences
    from emogen.opening import out_of
    from emogen.settings.nesting import value_at
    from emogen.store import read_manifest

    run = file.path.parent
    before = read_manifest(run)
    if before is None or out_of(settings).resolve() == run.resolve():
        return
    said = {"records": ("records",), "captions": ("data", "captions"), "metadata": ("data", "metadata")}
    named = {name for name, key in said.items() if value_at(file.given, key) is None}
    for difference in differences(before, manifest, named):
        note(f"not as in {file.path}: {difference}")
