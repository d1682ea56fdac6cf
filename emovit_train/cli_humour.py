"""The commands under `emovit_train humour`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.errors import UnfinishedError
from emogen.terminal import AsJson, say, show_json
from emovit_train.cli_asking import ANSWERS, BACKENDS, BaseUrl, Decoding, Device, MaxCost, Split, who

__all__ = ["humour"]

humour = typer.Typer(
    name="humour",
    help="Humorous captions, a model's against people's, in a vote.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Data = Annotated[Path, typer.Argument(help="Folder of OxfordTVG-HIC.")]
Limit = Annotated[int, typer.Option(min=1, help="How many images are drawn; the paper's study has 50.")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn.")]


@humour.command()
def write(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the captions.")],
    checkpoint: Annotated[Path | None, typer.Option(help="Who writes: see `evaluate`.")] = None,
    model: Annotated[str | None, typer.Option(help="Who writes: see `evaluate`.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="Who writes: see `evaluate`.", autocompletion=BACKENDS)
    ] = None,
    limit: Limit = 50,
    seed: Seed = 0,
    split: Split = "test",
    ask: Annotated[
        str | None, typer.Option(help="What is asked. Default: for a short, humorous caption.")
    ] = None,
    decoding: Decoding = "greedy",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest caption, in tokens.")] = 64,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 8,
    device: Device = "auto",
    max_cost: MaxCost = None,
    base_url: BaseUrl = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Throw away the captions in OUT; what a BACKEND answered stays in its journal.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let a model write a humorous caption for each drawn image.

    The images are of OxfordTVG-HIC. Interrupted, the same command goes on.
    """
    from emovit_train.decoding import decoding_of
    from emovit_train.evaluation.predictors import PredictorOptions, open_predictor
    from emovit_train.humour.captions import captioned_images, write_captions

    kind, name = who("humour write", checkpoint=checkpoint, model=model, backend=backend)
    wire = {"base_url": base_url, "max_tokens": max_new_tokens}
    options = PredictorOptions(
        device=device,
        batch_size=batch_size,
        decoding=decoding_of(decoding, max_new_tokens),
        journal=out / ANSWERS,
        max_cost=max_cost,
        backend={name: value for name, value in wire.items() if value is not None},
    )
    drawn = captioned_images(data, split=split, count=limit, seed=seed)
    written = write_captions(open_predictor(kind, name, options), drawn, out, ask, overwrite=overwrite)
    say(
        f"captions   {len(written.rows)} of {len(drawn.images)} images, {written.earlier} of them from before"
    )
    say(f"saved      {out}")
    if as_json:
        counts = {"captions": len(written.rows), "earlier": written.earlier, "failed": len(written.failures)}
        show_json({"out": out, "images": len(drawn.images), **counts})
    if written.failures:
        raise UnfinishedError(
            f"{len(written.failures)} images have no caption yet",
            where=out,
            remedy="Run the same command again.",
        )


@humour.command()
def ballot(
    captions: Annotated[Path, typer.Argument(help="Folder that `humour write` wrote.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for ballot.html and key.json.")],
    limit: Limit = 50,
    voters: Annotated[int, typer.Option(min=1, help="How many vote; in the paper's study 30.")] = 30,
    seed: Seed = 0,
    split: Split = "test",
) -> None:
    """Make the page on which people choose the funnier caption.

    They see a model's and a person's, and are not told which is whose.
    """
    from emovit_train.evaluation.kept import PREDICTIONS
    from emovit_train.evaluation.predictions import read_predictions
    from emovit_train.humour.ballot import BALLOT, KEY, write_ballot
    from emovit_train.humour.captions import captioned_images

    rows = read_predictions(captions / PREDICTIONS)
    drawn = captioned_images(data, split=split, count=limit, seed=seed)
    key = write_ballot(rows, drawn, out, seed=seed, voters=voters)
    say(
        f"ballot     {out / BALLOT}, {len(key.model_side)} images; send it to {voters} voters, numbered from 1"
    )
    say(f"key        {out / KEY}; keep it to yourself until the votes are in")


@humour.command()
def tally(
    key: Annotated[Path, typer.Argument(help="The ballot's key.json.")],
    votes: Annotated[list[Path], typer.Argument(help="Files that voters saved, or folders of them.")],
    out: Annotated[Path | None, typer.Option(help="Write the result into this file, as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count the votes: the model's share, and how far voters agree.

    The share comes with two intervals, drawing images and drawing voters.
    """
    from emogen.atomic import write_text
    from emovit_train.humour.tally import read_key, read_votes
    from emovit_train.humour.tally import tally as count

    whose = read_key(key)
    result = count(whose, read_votes(votes, whose))
    if out is not None:
        write_text(out, result.model_dump_json(indent=2) + "\n")
    if as_json:
        show_json(result.model_dump())
        return
    say(
        f"votes      {result.votes} by {result.voters} of {result.expected_voters} voters on {result.images} images"
    )
    say(
        f"win rate   {result.win_rate:.3f} for {result.model}, 95% interval {result.low:.3f} to {result.high:.3f} "
        f"over images, {result.low_by_voter:.3f} to {result.high_by_voter:.3f} over voters; "
        f"the paper prints {result.published:.2f}"
    )
    say(f"images     {result.images_won} won, {result.images_tied} tied")
    agreed = "cannot be told" if result.alpha is None else f"{result.alpha:.3f}"
    say(
        f"agreement  Krippendorff's alpha {agreed}; {result.first_caption:.2f} of the votes for the first caption"
    )
