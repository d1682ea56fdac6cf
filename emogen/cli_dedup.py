"""`emogen dedup`: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast, get_args

import typer

from emogen.cli_engine import Address, EngineName, pool_of
from emogen.completion import choices, names_in
from emogen.counting import counted
from emogen.errors import InputError, UnknownNameError
from emogen.terminal import AsJson, progress, say, show_json

if TYPE_CHECKING:
    from emogen.dedup import Method
    from emogen.dedup.run import Compare, Report
    from emogen.on_ray.pool import Pool

__all__ = ["dedup"]

LEAST_THRESHOLD: Final = 0.3


def dedup(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="minhash (the same words) or embeddings (the same meaning).",
            autocompletion=names_in("emogen.dedup:METHODS"),
        ),
    ] = "minhash",
    compare: Annotated[
        str,
        typer.Option(
            "--compare",
            help="What of a sample is compared: answers, questions or both.",
            autocompletion=choices("answers", "questions", "both"),
        ),
    ] = "answers",
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            min=LEAST_THRESHOLD,
            max=1.0,
            help="Least score of near-duplicates. Default: 0.7 for minhash, 0.95 for embeddings.",
        ),
    ] = None,
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Move them to rejections.jsonl; `emogen rebuild` brings them back."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List them and change nothing.")] = False,
    engine: EngineName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Find samples that say nearly the same, and flag or remove them.

    Samples of one instruction type are compared, whatever image they are about. Of those alike the one with the first
    record id stays. minhash: the share of neighbouring word pairs that two texts have in common; with 0.7, about one
    word in twelve may differ. embeddings: the cosine of sentence embeddings.
    """
    from emogen.dedup.run import Compare, find
    from emogen.dedup.run import dedup as mark

    if compare not in get_args(Compare):
        raise UnknownNameError("scope", compare, get_args(Compare), where="--compare")
    scope = cast("Compare", compare)
    pool = pool_of(engine, address, None, None)
    with _on(pool, address, method) as opened, progress("comparing", None) as advance:
        if dry_run:
            report = find(run, method, opened=opened, compare=scope, threshold=threshold, advance=advance)
        else:
            report = mark(
                run,
                method,
                opened=opened,
                compare=scope,
                threshold=threshold,
                remove=remove,
                advance=advance,
            )
    if as_json:
        show_json({"method": method, "compare": compare, "dry_run": dry_run, **_figures(report)})
        return
    if dry_run:
        _list(report)
    alike = sum(map(len, report.clusters.values()))
    said = "questions and answers" if scope == "both" else scope
    say(
        f"compared {counted(report.compared, 'sample')} by their {said} "
        f"({method}, threshold {report.threshold:g}): {alike} near-duplicates, of {len(report.clusters)} that stay"
    )
    if not dry_run:
        _say_what_was_done(report, remove=remove)


@contextmanager
def _on(pool: Pool | None, address: str | None, method: str) -> Iterator[Method | None]:
    """Yield what does the work on a cluster; None where this process does it."""
    if pool is None:
        yield None
        return
    if method != "minhash":
        raise InputError(
            f"{method} is not found on Ray", where="--engine", remedy="Leave it out, or use --method minhash."
        )
    from emogen.dedup.minhash_on_ray import MinHashOnRay
    from emogen.on_ray.cluster import connected

    with connected(address) as ray:
        yield MinHashOnRay(ray)


def _figures(report: Report) -> dict[str, object]:
    clusters = [
        {"stays": kept, "alike": [{"id": other, "score": score} for other, score in others]}
        for kept, others in report.clusters.items()
    ]
    done = {"flagged": report.flagged, "removed": report.removed}
    return {"threshold": report.threshold, "compared": report.compared, "clusters": clusters, **done}


def _list(report: Report) -> None:
    for kept, others in report.clusters.items():
        say(f"{kept} stays")
        for other, score in others:
            say(f"  {score:.3f} {other}")


def _say_what_was_done(report: Report, *, remove: bool) -> None:
    if report.removed:
        say(f"removed {report.removed} to rejections.jsonl; `emogen rebuild` brings them back")
    if report.flagged:
        why = ", since the journal does not know them and could not bring them back" if remove else ""
        say(f"flagged {report.flagged}{why}")
