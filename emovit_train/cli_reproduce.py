"""`emovit_train reproduce`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from emogen.completion import choices, names_in
from emogen.errors import InputError, UnfinishedError
from emogen.terminal import AsJson, say, show_json
from emovit_train.cli_asking import ANSWERS, Device, Dtype

__all__ = ["reproduce"]

RECIPES: Final = names_in("emovit_train.reproduction.recipe_file:recipes")


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(help="A recipe that comes with the program: see --list.", autocompletion=RECIPES),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe of your own, in YAML.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the recipes.")] = False,
    show: Annotated[
        str | None,
        typer.Option(
            help="Print a recipe, to be read, or changed and given as --recipe.", autocompletion=RECIPES
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Where data are: emoset=FOLDER, or instructions=RUN. May be given several times."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Where a model is: instructblip=FOLDER; KIND:WHERE is asked another way than the recipe says. "
            "May be given several times."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of all experiments; what one has tuned and asked, others use.")
    ] = Path("reproduction"),
    train: Annotated[
        list[str] | None,
        typer.Option(help="A setting of every tuning, as max_steps=100: it wins over the recipe's."),
    ] = None,
    instruction: Annotated[
        list[str] | None,
        typer.Option(help="Ask in other words, too: NAME=TEXT, with {labels} where the options go."),
    ] = None,
    order: Annotated[
        list[int] | None,
        typer.Option(help="Seed: ask with the options in another order, too. May be given several times."),
    ] = None,
    reading: Annotated[
        str | None,
        typer.Option(
            help="How answers are read: strict, lenient, sum, mean. Default: the recipe's.",
            autocompletion=choices("strict", "lenient", "sum", "mean"),
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Of every data set: train, val, test or all. Default: the recipe's, test."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many images of each data set, for a trial.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Run this arm only. May be given several times.")
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Questions at once.")] = 8,
    api: Annotated[
        list[str] | None,
        typer.Option(help="How models behind an API are opened, as base_url=URL: see `emogen generate`."),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(min=0, help="The most that each API model may cost, in the currency of the prices."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one of the paper's experiments, or your own.

    Its results are laid beside the printed numbers. What is missing is named, and the rest is done; exit code 5
    says that something is missing. The same command goes on from there.
    """
    from emovit_train.evaluation.predictors import PredictorOptions
    from emovit_train.reproduction.given import Given, read_pairs
    from emovit_train.reproduction.recipe_file import changed, read_recipe, recipe_text, recipes
    from emovit_train.reproduction.reproduce import reproduce as run

    if list_:
        listed = {each: read_recipe(each) for each in recipes()}
        if as_json:
            show_json({each: {"title": found.title, "paper": found.paper} for each, found in listed.items()})
            return
        for each, found in listed.items():
            say(f"{each:10} {found.title}{f' ({found.paper})' if found.paper else ''}")
        return
    if show is not None:
        say(recipe_text(show).rstrip())
        return
    if (name is None) == (recipe is None):
        raise InputError(
            "no recipe, or two", where="reproduce", remedy="Name one, or give a file: --recipe. See --list."
        )
    told: dict[str, Any] = {"images": limit, "reading": reading, "split": split}
    chosen = changed(
        read_recipe(recipe or str(name)), told, read_pairs(instruction or [], "--instruction"), order or []
    )
    given = Given(
        {key: Path(value) for key, value in read_pairs(data or [], "--data").items()},
        read_pairs(model or [], "--model"),
        read_pairs(train or [], "--train"),
    )
    options = PredictorOptions(
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        max_cost=max_cost,
        journal=out / ANSWERS,
        backend=read_pairs(api or [], "--api"),
    )
    place = name or Path(str(recipe)).stem
    results = run(chosen, place, given, out, options=options, only=only or ())
    if as_json:
        show_json({"out": out / place, **results.figures()})
    else:
        say(results.markdown())
    if results.is_something:
        say(f"saved {out / place}", err=True)
    if not results.is_whole:
        raise UnfinishedError(
            f"{len(results.missing)} {'thing is' if len(results.missing) == 1 else 'things are'} missing",
            where=out / place,
            remedy="Give them, and run the same command again: it does only what is left.",
        )
