"""`emogen export`: parse, call, print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import typer

from emogen.cli_engine import Address, EngineName, pool_of
from emogen.cli_split import SplitBy, SplitSeed
from emogen.completion import choices, names_in, several
from emogen.errors import InputError, UnknownNameError
from emogen.reviews import HEEDED, WHICH_SAMPLES, reviews_to_heed
from emogen.terminal import AsJson, note, progress, say, show_json

if TYPE_CHECKING:
    from emogen.exporters.export import ExportReport
    from emogen.exporters.options import ExportOptions
    from emogen.stored import StoredSample

__all__ = ["export"]

SHOWN_PROBLEMS: Final = 10
MEGABYTE: Final = 1_000_000
SHARD_MB: Final = 500
COUNTED_AT_ONCE: Final = 100


def export(
    run: Annotated[Path, typer.Argument(help="A run folder, or a file of samples.")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="emovit, imagefolder, instructblip, lavis-llava, llava, messages, parquet, sharegpt, webdataset.",
            autocompletion=names_in("emogen.exporters:EXPORTERS"),
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The file or folder to write, or its address (s3://bucket/x).")
    ],
    turns: Annotated[
        str | None,
        typer.Option(
            "--turns",
            help="single (a row per question) or conversation. Default: the format's.",
            autocompletion=choices("single", "conversation"),
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            help="reference, copy, link or embed: where the images are. Default: the format's.",
            autocompletion=choices("reference", "copy", "link", "embed"),
        ),
    ] = None,
    image_root: Annotated[
        Path | None, typer.Option("--image-root", help="Folder of the images. Default: the run's.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="train (what is not held out), val, test or all. Default: train, or all with --split-by.",
            autocompletion=choices("train", "val", "test", "all"),
        ),
    ] = None,
    split_by: SplitBy = None,
    split_seed: SplitSeed = 0,
    types: Annotated[
        str | None,
        typer.Option(
            "--types",
            help="Instruction types, comma-separated. Default: all.",
            autocompletion=several(names_in("emogen.instructions:INSTRUCTIONS")),
        ),
    ] = None,
    flags: Annotated[
        str,
        typer.Option("--flags", help="keep or drop flagged samples; by reason: drop:length,refusal"),
    ] = "keep",
    reviewed: Annotated[
        str,
        typer.Option(
            "--reviewed",
            help=WHICH_SAMPLES,
            autocompletion=choices(*HEEDED),
        ),
    ] = "kept",
    shard_mb: Annotated[
        int | None,
        typer.Option(
            "--shard-size",
            min=1,
            help="Megabytes of a shard, where the format has shards by itself. Default: 500.",
        ),
    ] = None,
    shard_rows: Annotated[
        int | None,
        typer.Option("--shard-rows", min=1, help="Cut the rows into shards of so many, whatever the format."),
    ] = None,
    check_images: Annotated[
        bool,
        typer.Option("--check-images", help="Decode every image: samples of damaged ones are left out."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder that an earlier export made.")
    ] = False,
    engine: EngineName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's samples as another trainer reads them.

    The same samples always give the same bytes. An image is in one split only, with all its records and with every
    copy of its file. --split-by, and --images copy or link, make a folder with a part for each split.
    """
    from emogen.exporters.export import export as write
    from emogen.exporters.options import SPLITS, ExportOptions, flag_rule, fractions
    from emogen.store import SAMPLES
    from emogen.stored import stored_samples

    samples = _samples_file(run)
    _refuse_place(run, out)
    pool = pool_of(engine, address, None, None)
    if shard_mb is not None and (shard_rows is not None or pool is not None):
        raise InputError(
            "shards are cut by their rows here", where="--shard-size", remedy="Say it by --shard-rows alone."
        )
    shares = fractions(split_by) if split_by else None
    options = ExportOptions(
        turns=_one_of("turns", turns),
        images=_one_of("images", images),
        image_root=image_root or _image_root(samples),
        split=_split(split or ("all" if shares else "train"), SPLITS),
        split_by=shares,
        split_seed=split_seed,
        types=frozenset(name.strip() for name in types.split(",")) if types else None,
        flags=flag_rule(flags),
        reviews=reviews_to_heed(samples.parent if samples.name == SAMPLES else None, reviewed),
        only_accepted=reviewed == "accepted",
        shard_bytes=(shard_mb or SHARD_MB) * MEGABYTE,
        shard_rows=shard_rows,
        check_images=check_images,
        overwrite=overwrite,
    )
    with progress("reading", None) as advance:
        if pool is None:
            report = write(_counted(stored_samples(samples), advance), format, out, options)
        else:
            report = _by_ray(address, samples, format, out, options, advance)
    if as_json:
        show_json({"format": format, **vars(report), "odd": report.odd.counts()})
    else:
        _show(report, format)


def _by_ray(
    address: str | None,
    samples: Path,
    format: str,
    out: Path,
    options: ExportOptions,
    advance: Callable[[int], object],
) -> ExportReport:
    """Let the workers of a cluster write the export, in shards."""
    from emogen.exporters import EXPORTERS, ShardLayout
    from emogen.exporters.export import export_by
    from emogen.on_ray.exporting import SHARD_ROWS, OnRay

    if not isinstance(EXPORTERS.get(format)().layout, ShardLayout):
        raise InputError(
            f"workers write shards, and {format} has one file for each split, which cannot be cut",
            where="--engine",
            remedy="Leave it out, or choose another format.",
        )
    cut = replace(options, shard_rows=options.shard_rows or SHARD_ROWS)
    with OnRay(address, samples, format, cut, advance) as hands:
        return export_by(hands, format, out, cut)


def _counted(samples: Iterator[StoredSample], advance: Callable[[int], object]) -> Iterator[StoredSample]:
    """Yield the samples, telling now and then how many there were: half a million take their time."""
    for number, sample in enumerate(samples, 1):
        yield sample
        if not number % COUNTED_AT_ONCE:
            advance(COUNTED_AT_ONCE)


def _samples_file(run: Path) -> Path:
    from emogen.storage import refuse_address
    from emogen.store import RUN, SAMPLES

    refuse_address(run, RUN)
    path = run / SAMPLES if run.is_dir() or not run.suffix else run
    if not path.is_file():
        raise InputError("no samples there", where=path, remedy="Make them with `emogen generate`.")
    return path


def _refuse_place(run: Path, out: Path) -> None:
    """Refuse to replace what is exported, or the folder that it lies in."""
    from emogen.reviews import REVIEWS
    from emogen.store import JOURNAL, MANIFEST, REJECTIONS, SAMPLES

    files = (SAMPLES, REJECTIONS, MANIFEST, JOURNAL, REVIEWS)
    own = {run.resolve()} | {run.resolve() / name for name in files}
    if out.resolve() in own:
        raise InputError("is a file of the run itself", where=out, remedy="Name another --out.")


def _image_root(samples: Path) -> Path:
    """Return the folder that the run's image paths start from."""
    from emogen.store import read_manifest

    root = (read_manifest(samples.parent) or {}).get("image_root")
    return samples.parent / root if isinstance(root, str) else samples.parent


def _one_of(option: str, value: str | None) -> Any:
    from emogen import exporters

    known = get_args(exporters.Turns if option == "turns" else exporters.Images)
    if value is not None and value not in known:
        raise UnknownNameError(f"value of --{option}", value, known, where=f"--{option}")
    return value


def _split(value: str, known: tuple[str, ...]) -> Any:
    if value not in (*known, "all"):
        raise UnknownNameError("split", value, (*known, "all"), where="--split")
    return value


def _show(report: ExportReport, format: str) -> None:
    rows = sum(report.rows.values())
    parts = ", ".join(f"{split} {count}" for split, count in sorted(report.rows.items()) if split != "all")
    say(f"wrote {rows} rows of {report.written} samples to {report.path} ({format})")
    if parts:
        say(f"  {parts}")
    if report.not_asked:
        say(f"not in it: {report.not_asked} samples of other types, or with flags that are dropped")
    if report.reviewed is not None:
        say(f"reviewed: {report.reviewed.told()} (--reviewed all takes every sample as it was made)")
    if report.other_splits:
        say(f"not in it: {report.other_splits} samples of other splits (--split all takes every one)")
    if report.moved:
        say(f"held out with another record of the same image: {report.moved} samples that say otherwise")
    if report.left_out:
        say(f"left out {report.left_out} samples that {format} could not read:", err=True)
        for problem in report.skipped[:SHOWN_PROBLEMS]:
            say(f"  {problem}", err=True)
        if len(report.skipped) > SHOWN_PROBLEMS:
            say(f"  … and {len(report.skipped) - SHOWN_PROBLEMS} more", err=True)
    for oddity, count in report.odd.counts().items():
        note(
            f"{count:,} images are {oddity}, which most trainers do not heed; the first: {report.odd.first[oddity]}"
        )
