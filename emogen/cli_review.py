"""`emogen review`: parse, call, print."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from emogen.counting import counted
from emogen.errors import InputError
from emogen.terminal import AsJson, progress, say, show_json

if TYPE_CHECKING:
    from emogen.review.agreement import Agreement, Pair
    from emogen.review.desk import Desk
    from emogen.review.queue import Wanted
    from emogen.reviews import Reviews

__all__ = ["review"]

LONGEST_NAME: Final = 80


def review(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    reviewer: Annotated[
        str | None, typer.Option("--reviewer", help="Who decides. Default: your name on this machine.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", min=1, help="So many samples, drawn by --seed: the same for every reviewer."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws others.")] = 0,
    only_flagged: Annotated[
        bool, typer.Option("--only-flagged", help="Only samples that a check has flagged.")
    ] = False,
    only_disagreements: Annotated[
        bool,
        typer.Option(
            "--only-disagreements", help="Only where reviewers disagree; what the others decided is shown."
        ),
    ] = False,
    types: Annotated[
        str | None, typer.Option("--types", help="Instruction types, comma-separated. Default: all.")
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Of the page; 0: any that is free.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and open no browser.")
    ] = False,
    agreement: Annotated[
        bool,
        typer.Option("--agreement", help="Print how far reviewers agree, and open no page; so does --json."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Accept, reject or edit a run's samples, each by a key.

    They are shown one by one, in a page on this machine. Decisions are kept in the run folder, in reviews.jsonl, as
    they are made; exports and tuning leave rejected samples out and take edited ones as they were edited. Ctrl-C
    ends it, and the same command goes on.
    """
    from emogen.review.queue import Wanted
    from emogen.reviews import read_reviews

    if not run.is_dir():
        raise InputError("no such run folder", where=run, remedy="Name one that `emogen generate` made.")
    reviews = read_reviews(run)
    if agreement or as_json:
        _show_agreement(run, reviews, as_json=as_json)
        return
    wanted = Wanted(
        types=frozenset(name.strip() for name in types.split(",")) if types else None,
        only_flagged=only_flagged,
        only=reviews.disputed() if only_disagreements else None,
        size=sample,
        seed=seed,
    )
    if only_disagreements and not wanted.only:
        raise InputError("no two reviewers disagree", where=run, remedy="Leave --only-disagreements out.")
    _review(run, reviews, _name(reviewer), wanted, port, browser=not no_browser)


def _name(reviewer: str | None) -> str:
    if reviewer is None:
        try:
            return getpass.getuser()
        except (KeyError, OSError) as error:
            raise InputError("nobody knows your name", remedy="Say it: --reviewer NAME") from error
    name = reviewer.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"a name has 1 to {LONGEST_NAME} printable characters",
            where="--reviewer",
            remedy="Name yourself.",
        )
    return name


def _review(run: Path, reviews: Reviews, reviewer: str, wanted: Wanted, port: int, *, browser: bool) -> None:
    from emogen.rebuilding import judge_of
    from emogen.registry import require
    from emogen.review.desk import Desk
    from emogen.review.queue import queue_of

    require("PIL.Image", extra="report", purpose="Showing images")
    judge = judge_of(run)
    mine = frozenset(review.key for review in reviews if review.reviewer == reviewer)
    with progress("reading", None) as advance:
        queue = queue_of(run, wanted, mine, advance)
    with queue:
        desk = Desk(run, queue, reviews, judge, reviewer, blind=wanted.only is None)
        _serve(desk, port, browser=browser)


def _serve(desk: Desk, port: int, *, browser: bool) -> None:
    """Serve the page until Ctrl-C, which is the way to end it."""
    import webbrowser

    from emogen.event_loop import run as run_loop
    from emogen.review.guard import Address, listening
    from emogen.review.server import application, serve
    from emogen.store import read_manifest

    root = (read_manifest(desk.run) or {}).get("image_root")
    opened = listening(port)
    address = Address(opened.getsockname()[1])

    def ready() -> None:
        state = desk.progress()
        say(
            f"{desk.reviewer} reviews {counted(state['total'], 'sample')}; decided so far: {state['decided']}"
        )
        say(f"  {address.url}")
        say(
            "Whoever has this address can decide in your name. Ctrl-C ends it; decisions are kept as they are made."
        )
        if browser:
            webbrowser.open(address.opening)

    images = desk.run / root if isinstance(root, str) else desk.run
    try:
        run_loop(serve(application(desk, address, images), opened, ready))
    except KeyboardInterrupt:
        state = desk.progress()
        counts = ", ".join(f"{name} {count}" for name, count in state["counts"].items())
        say(f"decided {state['decided']} of {state['total']} ({counts}); the same command goes on")


def _show_agreement(run: Path, reviews: Reviews, *, as_json: bool) -> None:
    from emogen.review.agreement import agreement_of

    pairs = agreement_of(reviews)
    decided = reviews.counts()
    if as_json:
        show_json({"reviewers": decided, "pairs": [pair.as_json() for pair in pairs]})
        return
    if not decided:
        raise InputError("nobody has reviewed any sample", where=run, remedy="Begin with `emogen review`.")
    for name, counts in decided.items():
        words = ", ".join(f"{decision} {count}" for decision, count in counts.items())
        say(f"{name}: {sum(counts.values())} decided ({words})")
    for pair in pairs:
        _show_pair(pair)
    if not pairs:
        say("no two reviewers decided about the same sample")


def _show_pair(pair: Pair) -> None:
    first, second = pair.reviewers
    say(f"\n{first} and {second}")
    widest = max(len(row.instruction) for row in pair.by_type)
    say(f"  {'':{widest}}  samples   same   kappa   kept alike   kappa")
    for row in pair.by_type:
        say(f"  {row.instruction:{widest}}  {_figures(row)}")
    if pair.disagreements:
        say(f"  they disagree on {len(pair.disagreements)}:")
    for found in pair.disagreements:
        said = (
            f"{name} {decision}" + (f" ({why})" if why else "")
            for name, decision, why in zip(pair.reviewers, found.decisions, found.why, strict=True)
        )
        say(f"    {found.record_id}/{found.instruction}: {'; '.join(said)}")


def _figures(row: Agreement) -> str:
    kappas = ["     –" if kappa is None else f"{kappa:6.2f}" for kappa in (row.kappa, row.kept_kappa)]
    return f"{row.samples:7,}  {row.agreed:5.0%}  {kappas[0]}  {row.kept_agreed:11.0%}  {kappas[1]}"
