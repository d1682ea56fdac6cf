"""Humour: a model's captions against people's, in a blind vote; the votes are people's to give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emovit_train.humour.ballot import BALLOT, KEY, write_ballot
from emovit_train.humour.captions import IMAGES, captioned_images, write_captions
from emovit_train.humour.tally import read_votes, tally
from emovit_train.reproduction.given import Missing
from emovit_train.reproduction.identity import slug
from emovit_train.reproduction.measures import Asking, Measure, Value

__all__ = ["HUMOUR"]


def _humour(asking: Asking) -> Mapping[str, Value] | Missing:
    """Let the model write, make the ballot, and count the votes where there are any."""
    recipe = asking.recipe
    count = recipe.images or IMAGES
    part = asking.part
    drawn = captioned_images(asking.data, dataset=part.kind, split=part.split, count=count)
    written = write_captions(asking.subject, drawn, asking.answers, recipe.instructions[0].words())
    if written.failures:
        return Missing(f"{len(written.failures)} captions of {asking.arm}", "run it again")
    place = asking.tables / slug(asking.arm)
    key = write_ballot(written.rows, drawn, place)
    if asking.votes is None:
        return Missing(
            f"the votes of {key.voters} people on {place / BALLOT}; its key is {place / KEY}",
            f"--data {recipe.votes}=FOLDER",
        )
    # Of several arms each has a folder of votes of its own.
    own = asking.votes / slug(asking.arm)
    result = tally(key, read_votes([own if own.is_dir() else asking.votes], key))
    agreement = [] if result.alpha is None else [("Krippendorff's alpha of the voters", result.alpha)]
    return {
        "": Value(result.win_rate, result.votes, result.low, result.high),
        **{name: Value(value, result.votes) for name, value in agreement},
    }


HUMOUR: Final = Measure(
    "votes for the model (%)",
    asks=_humour,
    about=(
        "The share of votes that the model's captions won against people's, with its interval over images; and how far "
        "voters agree, 100 being always and 0 as by chance."
    ),
)
