"""`emogen describe`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emogen.cli_data import (
    CaptionsFile,
    ImageRoot,
    Labels,
    Layout,
    Location,
    Metadata,
    Out,
    figures,
    option,
    settings_of,
    show_captions,
    show_labelling,
    show_problems,
)
from emogen.cli_engine import Address, EngineName, Gpus, ShardRecords, Workers, pool_of
from emogen.errors import CheckFailedError
from emogen.terminal import AsJson, progress, say, show_json

if TYPE_CHECKING:
    from emogen.describing.run import Outcome

__all__ = ["describe"]

MODEL = "a folder that save_pretrained wrote, owner/name of the Hugging Face Hub, or api:BACKEND"


def describe(
    data: Location,
    out: Out,
    source: Layout = None,
    metadata: Metadata = None,
    image_root: ImageRoot = None,
    captions: CaptionsFile = None,
    labels: Labels = None,
    limit: Annotated[int | None, option("limit")] = None,
    captioner: Annotated[
        str | None, typer.Option("--captioner", help=f"Writes captions (BLIP-2 and the like): {MODEL}.")
    ] = None,
    caption_prompt: Annotated[
        str | None,
        typer.Option(
            "--caption-prompt",
            help="What a caption goes on from or answers; over a backend, what it is to be.",
        ),
    ] = None,
    tagger: Annotated[
        str | None,
        typer.Option(
            "--tagger", help=f"Names attributes by EmoSet's values (CLIP, SigLIP, zero-shot): {MODEL}."
        ),
    ] = None,
    attributes: Annotated[
        str, typer.Option("--attributes", help="What the tagger names, comma-separated; none for none.")
    ] = "scene,object,facial_expression,human_action",
    emotion: Annotated[
        bool,
        typer.Option("--emotion", help="The tagger names the emotion, too, where there is no label."),
    ] = False,
    thresholds: Annotated[
        str, typer.Option("--thresholds", help="Least share of a zero-shot value: scene=0.3,object=0.1.")
    ] = "",
    objects: Annotated[
        bool,
        typer.Option(
            "--objects/--no-objects",
            help="Name objects with EfficientNet-Lite0 (needs torch), where the tagger does not.",
        ),
    ] = True,
    calibrate: Annotated[
        str | None,
        typer.Option(
            "--calibrate",
            help="Data with annotated brightness and colorfulness, or a map fitted to such before (.json).",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="How many images a local model is given at once.")
    ] = 16,
    device: Annotated[
        str,
        typer.Option(
            "--device", help="Where to compute: auto (a GPU where there is one), cpu, cuda, cuda:1."
        ),
    ] = "auto",
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype",
            help="Number format of local models' weights: float32, float16, bfloat16, or auto (float32 on a CPU).",
        ),
    ] = "auto",
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Download models of the Hub that are not in its cache without asking."),
    ] = False,
    base_url: Annotated[list[str] | None, option("base_url")] = None,
    api_key_env: Annotated[str | None, option("api_key_env")] = None,
    timeout_s: Annotated[float | None, option("timeout_s")] = None,
    in_flight: Annotated[int | None, option("in_flight")] = None,
    requests_per_minute: Annotated[float | None, option("requests_per_minute")] = None,
    max_cost: Annotated[float | None, option("max_cost")] = None,
    prices: Annotated[Path | None, option("prices")] = None,
    image_side: Annotated[int | None, option("image_side")] = None,
    engine: EngineName = "local",
    address: Address = None,
    workers: Workers = None,
    shard_records: ShardRecords = None,
    gpus: Gpus = None,
    as_json: AsJson = False,
) -> None:
    """Describe images: measure, caption and tag them, join your notes.

    Writes a records file. What the data say already stays, and each value's origin is noted. Interrupted, the same
    command goes on.
    """
    from emogen.describing.looking_away import Away
    from emogen.describing.plan import Plan, read_attributes, read_thresholds
    from emogen.describing.run import describe as describe_dataset
    from emogen.opening import dataset_of
    from emogen.recording import refuse_place

    pool = pool_of(engine, address, workers, shard_records, gpus)
    settings = settings_of(
        {"records": data, "source": source, "labels": labels, "limit": limit, "prices": prices},
        data={"metadata": metadata, "image_root": image_root, "captions": captions},
        model={"base_url": base_url, "api_key_env": api_key_env, "timeout_s": timeout_s},
        limits={
            "in_flight": in_flight,
            "requests_per_minute": requests_per_minute,
            "max_cost": max_cost,
        },
        images={"image_side": image_side},
    )
    plan = Plan(
        settings,
        objects=objects,
        captioner=captioner,
        caption_prompt=caption_prompt,
        tagger=tagger,
        attributes=read_attributes(attributes),
        emotion=emotion,
        thresholds=read_thresholds(thresholds),
        calibrate=calibrate,
        device=None if device == "auto" else device,
        dtype=None if dtype == "auto" else dtype,
        batch_size=batch_size,
        yes=yes,
    )
    dataset = dataset_of(settings)
    refuse_place(dataset, out)
    away = Away(pool, address) if pool else None
    outcome = describe_dataset(dataset, out, plan, progress, away)
    show_captions(dataset)
    rows = outcome.report.written + outcome.report.problems.left_out
    written = f" → {out}" if outcome.report.written else ""
    say(f"described {outcome.report.written:,} of {rows:,} images{written}")
    show_labelling(outcome.report)
    _show_calibration(outcome)
    if outcome.failures:
        say(f"{outcome.failures:,} requests failed; {outcome.work} keeps all the others", err=True)
    if as_json:
        failed = {"failed_requests": outcome.failures, "calibration": outcome.maps}
        show_json({**figures(outcome.report, out), **failed})
    show_problems(outcome.report, out)
    if outcome.failures:
        raise CheckFailedError(
            f"{outcome.failures:,} images lack what a model was asked for",
            where=out,
            remedy="The same command asks for it again, and for nothing else.",
        )


def _show_calibration(outcome: Outcome) -> None:
    maps = outcome.maps
    if maps is None:
        return
    errors = [
        f"{name} {found.error_before:.3f} → {found.error_after:.3f}"
        for name, found in (("brightness", maps.brightness), ("colorfulness", maps.colorfulness))
    ]
    say(
        f"calibrated on {maps.images:,} images of {maps.data}; mean error on those left out: {', '.join(errors)}"
    )
