"""`emogen generate`: parse, call, print."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from emogen.errors import CheckFailedError, InputError
from emogen.terminal import progress

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from emogen.admission import Limits
    from emogen.asking import Asker
    from emogen.backends import Backend, BackendOptions
    from emogen.instructions import AskedInstruction
    from emogen.prices import Price
    from emogen.prompts import PromptRenderer
    from emogen.schemas import ImageRecord, Prompt, Rejection, Sample
    from emogen.store import RunFolder

__all__ = ["generate", "show_counts"]

FILES: Final = ("samples.jsonl", "rejections.jsonl", "run.json")
SHOWN_PROMPTS: Final = 3
GC_AFTER_ALLOCATIONS: Final = 20_000


def generate(
    records: Annotated[
        Path, typer.Argument(help="Records file (JSON Lines): image, caption, emotion, attributes.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder; an interrupted run in it is resumed.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            help="A backend, backend:model, or a model's name; see above. Needed where a model is asked.",
        ),
    ] = None,
    types: Annotated[
        str, typer.Option("--types", help="Instruction types, comma-separated.")
    ] = "categorical,conversation,reasoning",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N records.")] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="Label set of the categorical question, instead of the records'."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0.0, max=2.0, help="Sampling temperature.")
    ] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Longest answer, in tokens.")] = 1024,
    seed: Annotated[int, typer.Option("--seed", help="Varies examples, guided questions and sampling.")] = 0,
    examples: Annotated[
        int, typer.Option("--examples", min=0, help="Seed examples shown in each prompt.")
    ] = 2,
    templates: Annotated[
        Path | None, typer.Option("--templates", help="Folder of your own templates.")
    ] = None,
    seeds: Annotated[Path | None, typer.Option("--seeds", help="Folder of your own seed examples.")] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="OpenAI-compatible server, up to and including /v1.")
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            "--api-key-env",
            help="Environment variable that holds the key; default: OPENAI_API_KEY, for Azure its own.",
        ),
    ] = None,
    answer_format: Annotated[
        str | None,
        typer.Option("--answer-format", help="json_schema, json_object or text; default: the model's best."),
    ] = None,
    in_flight: Annotated[
        int | None,
        typer.Option("--in-flight", min=1, help="Most requests under way at once; adapts below that."),
    ] = None,
    requests_per_minute: Annotated[
        float | None,
        typer.Option("--requests-per-minute", min=0.1, help="Default: what the server's headers say."),
    ] = None,
    tokens_per_minute: Annotated[
        float | None,
        typer.Option("--tokens-per-minute", min=1.0, help="Default: what the server's headers say."),
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", min=0.0, help="Most money; what is in flight is counted in.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option("--prices", help="A price table of yours (TOML), before the bundled one.")
    ] = None,
    corrections: Annotated[
        int,
        typer.Option(
            "--corrections", min=0, help="How often a model is shown why its answer was unreadable."
        ),
    ] = 1,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1.0, help="Seconds that one attempt may take.")
    ] = 120.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Render every prompt, estimate tokens and money, and stop.")
    ] = False,
    show_prompt: Annotated[
        bool,
        typer.Option("--show-prompt", help="Print the first record's prompts and stop; nothing is asked."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Start the run folder anew; answers in its journal are used again."),
    ] = False,
) -> None:
    """Make instruction data from records with a language model.

    Backends: embedded (a demonstration model in this process, no key, no network), openai (OpenAI and every
    compatible server by --base-url), openai-sdk (the same by the official SDK), azure (a deployment there), scripted
    (replays a file of answers). A known model's name stands for its backend: --backend gpt-6.1-sol.
    """
    from emogen.admission import Limits
    from emogen.backends import BackendOptions, wants_json
    from emogen.prices import price_of
    from emogen.prompts import PromptRenderer

    options = BackendOptions(
        base_url=base_url,
        api_key_env=api_key_env,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
        answer_format=_answer_format(answer_format),
        in_flight=in_flight,
        timeout_s=timeout_s,
    )
    renderer = PromptRenderer(templates, seeds, examples, seed)
    wanted = _types(types)
    found = _records(records, labels, limit)
    if show_prompt:
        for prompt in _prompts(next(found), wanted, renderer, structured=wants_json(backend, options)):
            _print_prompt(prompt)
        return
    if dry_run:
        _dry_run(found, wanted, renderer, backend, options, prices)
        return
    if out is None:
        raise InputError("no run folder given", remedy="Name one, as --out runs/mine.")
    asked = _open(backend, options, wanted)
    _run(
        _Job(
            records=records,
            out=out,
            backend=asked,
            limits=Limits(requests_per_minute, tokens_per_minute, asked.in_flight if asked else 1, max_cost),
            price=price_of(asked.model, prices) if asked else None,
            types=wanted,
            labels=labels,
            limit=limit,
            renderer=renderer,
            corrections=corrections,
            overwrite=overwrite,
        )
    )


@dataclass(frozen=True)
class _Job:
    """What `generate` was told, as the libraries take it."""

    records: Path
    out: Path
    backend: Backend | None
    limits: Limits
    price: Price | None
    types: list[str]
    labels: str | None
    limit: int | None
    renderer: PromptRenderer
    corrections: int
    overwrite: bool


def _run(job: _Job) -> None:
    """Make the run folder, generate into it, and say what came of it, however it ends."""
    import asyncio

    from emogen.asking import open_asker
    from emogen.journal import Journal
    from emogen.manifest import manifest_of
    from emogen.store import JOURNAL, RunFolder

    if job.backend and job.backend.notice:
        typer.echo(f"note: {job.backend.notice}", err=True)
    manifest = manifest_of(
        records=job.records,
        out=job.out,
        types=job.types,
        labels=job.labels,
        backend=job.backend,
        renderer=job.renderer,
    )
    with RunFolder(job.out, manifest, overwrite=job.overwrite) as folder, ExitStack() as stack:
        asker = None
        if job.backend:
            journal = stack.enter_context(Journal(job.out / JOURNAL))
            asker = open_asker(job.backend, job.limits, job.price, journal)
        try:
            # What was imported stays: there is no use in searching it for garbage, row after row.
            gc.freeze()
            gc.set_threshold(GC_AFTER_ALLOCATIONS)
            asyncio.run(_fill(job, folder, asker))
        except KeyboardInterrupt:
            typer.echo(
                f"interrupted; {job.out} keeps what is done, and the same command goes on from there.",
                err=True,
            )
            raise typer.Exit(130) from None
        finally:
            show_counts(folder.kept, folder.rejected)
            _show_spending(asker)
            typer.echo(f"→ {', '.join(str(job.out / name) for name in FILES)}")
    if not folder.kept.total():
        raise CheckFailedError(
            "nothing was kept", where=job.out, remedy="The reasons are in rejections.jsonl."
        )


async def _fill(job: _Job, folder: RunFolder, asker: Asker | None) -> None:
    from emogen.pipeline import generate_into

    count = _count(job.records, job.limit)
    total = None if count is None else count * len(job.types)
    done = sum(instruction in job.types for _, instruction in folder.done)
    spending = _Spending(total, asker, done)
    with progress("generating", total) as advance:
        if done:
            advance(done if total is None else min(done, total), note="resumed")

        def show(outcome: Sample | Rejection) -> None:
            advance(note=f"kept {folder.kept.total()}, rejected {folder.rejected.total()}{spending.note()}")

        try:
            await generate_into(
                folder,
                _records(job.records, job.labels, job.limit),
                asker,
                types=job.types,
                renderer=job.renderer,
                corrections=job.corrections,
                on_outcome=show,
            )
        finally:
            if job.backend:
                await job.backend.aclose()


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


def show_counts(kept: Counter[str], rejected: Counter[str]) -> None:
    """Print how many samples were kept and rejected, by type and by reason."""
    for word, counts in (("kept", sorted(kept.items())), ("rejected", rejected.most_common())):
        parts = ", ".join(f"{name} {count}" for name, count in counts)
        typer.echo(f"{word} {sum(count for _, count in counts)}" + (f": {parts}" if parts else ""))


def _show_spending(asker: Asker | None) -> None:
    if asker is None:
        return
    if asker.replayed:
        typer.echo(f"{asker.replayed} answers came from the journal, at no cost")
    if asker.admission.spent and asker.price is not None:
        typer.echo(
            f"cost so far {asker.admission.spent:.4f} {asker.price.currency} (prices as of {asker.price.as_of})"
        )


def _dry_run(
    found: Iterator[ImageRecord],
    types: list[str],
    renderer: PromptRenderer,
    backend: str | None,
    options: BackendOptions,
    prices: Path | None,
) -> None:
    """Render every prompt and say what asking them would take; nothing is asked."""
    from emogen.backends import wants_json
    from emogen.estimates import estimated_usage
    from emogen.prices import price_of
    from emogen.schemas import Usage

    structured = wants_json(backend, options)
    records, requests, prompt_tokens, answer_tokens = 0, 0, 0, 0
    for record in found:
        for prompt in _prompts(record, types, renderer, structured=structured):
            if requests < SHOWN_PROMPTS:
                _print_prompt(prompt)
            usage = estimated_usage(prompt)
            requests += 1
            prompt_tokens += usage.prompt_tokens
            answer_tokens += usage.completion_tokens
        records += 1
    typer.echo(f"{records} records, {requests} requests; nothing was asked")
    typer.echo(f"about {prompt_tokens:,} prompt tokens and {answer_tokens:,} answer tokens")
    model = (backend or "").partition(":")[2] or backend or ""
    price = price_of(model, prices)
    if price is None:
        typer.echo(f"cost unknown: no price for {model or 'no model'}; give one with --prices FILE")
        return
    cost = price.of(Usage(prompt_tokens=prompt_tokens, completion_tokens=answer_tokens))
    typer.echo(f"about {cost:.2f} {price.currency} (prices as of {price.as_of})")


def _prompts(
    record: ImageRecord, types: list[str], renderer: PromptRenderer, *, structured: bool
) -> Iterator[Prompt]:
    from emogen.judging import instruction

    for kind in map(instruction, types):
        if kind.asks_model:
            yield cast("AskedInstruction", kind).prompt(record, renderer, structured=structured)


def _print_prompt(prompt: Prompt) -> None:
    seeds = ", ".join(prompt.seed_ids) or "none"
    typer.echo(f"===== {prompt.instruction}, record {prompt.record_id} (seed examples: {seeds})")
    for message in prompt.messages:
        typer.echo(f"--- {message.role}\n{message.content}")


def _open(backend: str | None, options: BackendOptions, types: list[str]) -> Backend | None:
    from emogen.backends import choices, open_backend
    from emogen.judging import instruction

    if backend is None:
        if not any(instruction(name).asks_model for name in types):
            return None
        raise InputError("no backend given", remedy=choices())
    return open_backend(backend, options)


def _types(text: str) -> list[str]:
    from emogen.judging import instruction

    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise InputError("no instruction type given", where="--types")
    for name in names:
        instruction(name)
    return names


def _answer_format(text: str | None) -> Any:
    from emogen.errors import UnknownNameError

    known = ("json_schema", "json_object", "text")
    if text is not None and text not in known:
        raise UnknownNameError("answer format", text, known, where="--answer-format")
    return text


def _records(path: Path, labels: str | None, limit: int | None) -> Iterator[ImageRecord]:
    from itertools import islice

    from emogen.labels import label_set
    from emogen.sources import read_records

    return islice(read_records(path, label_set(labels) if labels else None), limit)


def _count(path: Path, limit: int | None) -> int | None:
    """Return how many records there will be; None where only reading them would tell."""
    if not path.is_file():
        return limit
    with path.open("rb") as file:
        lines = sum(1 for line in file if line.strip())
    return min(lines, limit) if limit else lines
