"""The command line: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from emogen.errors import CheckFailedError, InputError
from emogen.terminal import progress, run_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emogen.backends import Backend, BackendOptions
    from emogen.prompts import PromptRenderer
    from emogen.schemas import ImageRecord, Rejection, Sample
    from emogen.store import RunFolder

__all__ = ["app", "main"]

SHOWN_PROBLEMS = 10

app = typer.Typer(
    name="emogen",
    help="Make emotion visual instruction data from images, captions and attributes, with any language model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
setup_app = typer.Typer(
    help="Install what cannot come as an ordinary dependency.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(setup_app, name="setup")


@app.command()
def describe(
    photographs: Annotated[
        Path, typer.Argument(help="Folder of images, with sub-folders by emotion or metadata.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The records file to write (JSON Lines).")],
    metadata: Annotated[
        Path | None,
        typer.Option(
            "--metadata", help="What you know of the images, a line each; default: metadata.jsonl inside."
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="Label set: a known name (mikels-8) or joy,anger,fear.")
    ] = None,
    objects: Annotated[
        bool,
        typer.Option("--objects/--no-objects", help="Name objects with EfficientNet-Lite0 (needs torch)."),
    ] = True,
) -> None:
    """Describe a folder of images: measure them, name their objects, join what you know, write records."""
    from emogen.labels import label_set
    from emogen.perception.describe import write_records
    from emogen.sources.folder import read_folder

    chosen = label_set(labels) if labels else None
    records = list(read_folder(photographs, metadata, labels=chosen))
    with progress("describing", len(records)) as advance:
        report = write_records(_advancing(records, advance), photographs, out, objects=objects)
    typer.echo(f"described {report.written} of {len(records)} images → {out}")
    for problem in report.problems:
        typer.echo(f"  left out {problem.image}: {problem.message}", err=True)
    if report.problems:
        raise CheckFailedError(
            f"{len(report.problems)} images are not in {out}", remedy="They are listed above."
        )


def _advancing(records: list[ImageRecord], advance: Any) -> Iterator[ImageRecord]:
    for record in records:
        yield record
        advance(note=record.id)


@app.command()
def generate(
    records: Annotated[
        Path, typer.Argument(help="Records file (JSON Lines): image, caption, emotion, attributes.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder; an interrupted run in it is resumed.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", help="A backend, backend:model, or a model's name; required. See below."),
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
        str, typer.Option("--api-key-env", help="Environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    answer_format: Annotated[
        str | None,
        typer.Option("--answer-format", help="json_schema, json_object or text; default: the model's best."),
    ] = None,
    in_flight: Annotated[
        int | None, typer.Option("--in-flight", min=1, help="Requests under way at once.")
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1.0, help="Seconds that one attempt may take.")
    ] = 120.0,
    show_prompt: Annotated[
        bool,
        typer.Option("--show-prompt", help="Print the first record's prompts and stop; nothing is asked."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start the run folder anew.")] = False,
) -> None:
    """Make instruction data from records with a language model.

    Backends: embedded (a demonstration model in this process, no key, no network), openai (OpenAI and every
    compatible server by --base-url), scripted (replays a file of answers). A known model's name stands for its
    backend: --backend gpt-4.1.
    """
    from emogen.backends import BackendOptions, wants_json
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
        _print_prompts(next(found), wanted, renderer, structured=wants_json(backend, options))
        return
    if out is None:
        raise InputError("no run folder given", remedy="Name one, as --out runs/mine.")
    asked = _open(backend, options, wanted)
    _generate(found, records, out, asked, wanted, labels, limit, renderer, overwrite)


def _generate(
    found: Iterator[ImageRecord],
    records: Path,
    out: Path,
    backend: Backend | None,
    types: list[str],
    labels: str | None,
    limit: int | None,
    renderer: PromptRenderer,
    overwrite: bool,
) -> None:
    import asyncio

    from emogen.pipeline import generate_into, manifest_of
    from emogen.store import RunFolder

    if backend and backend.notice:
        typer.echo(f"note: {backend.notice}", err=True)
    count = _count(records, limit)
    total = None if count is None else count * len(types)
    manifest = manifest_of(
        records=records, out=out, types=types, labels=labels, backend=backend, renderer=renderer
    )

    async def run(folder: RunFolder) -> None:
        with progress("generating", total) as advance:
            done = sum(instruction in types for _, instruction in folder.done)
            if done:
                advance(done if total is None else min(done, total), note="resumed")

            def show(outcome: Sample | Rejection) -> None:
                advance(note=f"kept {folder.kept.total()}, rejected {folder.rejected.total()}")

            try:
                await generate_into(folder, found, backend, types=types, renderer=renderer, on_outcome=show)
            finally:
                if backend:
                    await backend.aclose()

    with RunFolder(out, manifest, overwrite=overwrite) as folder:
        try:
            asyncio.run(run(folder))
        except KeyboardInterrupt:
            _stop_interrupted(out)
        finally:
            _print_counts(folder)
    if not folder.kept.total():
        raise CheckFailedError("nothing was kept", where=out, remedy="The reasons are in rejections.jsonl.")


def _stop_interrupted(out: Path) -> NoReturn:
    typer.echo(f"interrupted; {out} keeps what is done, and the same command goes on from there.", err=True)
    raise typer.Exit(130)


def _print_counts(folder: RunFolder) -> None:
    kept = ", ".join(f"{name} {count}" for name, count in sorted(folder.kept.items()))
    typer.echo(f"kept {folder.kept.total()}" + (f": {kept}" if kept else ""))
    reasons = ", ".join(f"{reason} {count}" for reason, count in folder.rejected.most_common())
    typer.echo(f"rejected {folder.rejected.total()}" + (f": {reasons}" if reasons else ""))
    typer.echo(
        f"→ {folder.path / 'samples.jsonl'}, {folder.path / 'rejections.jsonl'}, {folder.path / 'run.json'}"
    )


def _open(backend: str | None, options: BackendOptions, types: list[str]) -> Backend | None:
    from emogen.backends import choices, open_backend
    from emogen.pipeline import instruction

    if backend is None:
        if not any(instruction(name).asks_model for name in types):
            return None
        raise InputError("no backend given", remedy=choices())
    return open_backend(backend, options)


def _types(text: str) -> list[str]:
    from emogen.pipeline import instruction

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


def _print_prompts(
    record: ImageRecord, types: list[str], renderer: PromptRenderer, *, structured: bool
) -> None:
    from typing import cast

    from emogen.instructions import AskedInstruction
    from emogen.pipeline import instruction

    for name in types:
        kind = instruction(name)
        if not kind.asks_model:
            continue
        prompt = cast("AskedInstruction", kind).prompt(record, renderer, structured=structured)
        typer.echo(
            f"===== {name}, record {record.id} (seed examples: {', '.join(prompt.seed_ids) or 'none'})"
        )
        for message in prompt.messages:
            typer.echo(f"--- {message.role}\n{message.content}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    format: Annotated[str, typer.Option("--format", help="llava or instructblip.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
) -> None:
    """Write a run's samples for another trainer; the same samples always give the same bytes."""
    from emogen.exporters.export import export as write
    from emogen.store import read_samples

    report = write(read_samples(run), format, out)
    typer.echo(f"wrote {report.rows} rows of {report.written} samples to {report.path} ({format})")
    if report.left_out:
        typer.echo(f"left out {report.left_out} samples that {format} could not read:", err=True)
        for problem in report.skipped[:SHOWN_PROBLEMS]:
            typer.echo(f"  {problem}", err=True)
        if len(report.skipped) > SHOWN_PROBLEMS:
            typer.echo(f"  … and {len(report.skipped) - SHOWN_PROBLEMS} more", err=True)


@setup_app.command("local")
def setup_local() -> None:
    """Install and check the embedded demonstration model's weights (94 MB)."""
    from emogen.setup_local import install_weights

    weights = install_weights(typer.echo)
    typer.echo(f"the embedded model is ready: {weights.name}")


def main() -> NoReturn:
    """Run the command line."""
    run_app(app)
