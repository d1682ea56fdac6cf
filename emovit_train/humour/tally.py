"""Counts the votes: how often the model won, with intervals, and whether voters agree at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from emogen.errors import InputError, shorten
from emovit_train.evaluation.statistics import interval
from emovit_train.humour.ballot import KEY, Key, Side

__all__ = ["Tally", "Votes", "krippendorff_alpha", "read_key", "read_votes", "tally"]

Model = TypeVar("Model", bound=BaseModel)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Votes(_Frozen):
    """One voter's file, as the page writes it.

    Attributes:
        ballot: Which ballot it is of.
        voter: The voter's number.
        votes: Image id → the caption that was found funnier; skipped images are not there.
    """

    ballot: str
    voter: int
    votes: dict[str, Side]


class Tally(_Frozen):
    """What the votes came to; shares are 0 to 1.

    Attributes:
        model: Whose captions were compared with people's.
        images: Images with a vote.
        voters: Voters with a vote.
        expected_voters: As many were to vote.
        votes: All votes.
        skipped: Pairs of voter and image without one.
        win_rate: Share of the votes for the model's caption.
        low: Lower end of its 95% bootstrap interval, drawing images.
        high: Upper end.
        low_by_voter: The same, drawing voters.
        high_by_voter: Upper end.
        images_won: Images on which most votes are the model's.
        images_tied: Images with as many for the one as for the other.
        first_caption: Share of the votes for caption A: far from a half of it, sides were not drawn well.
        alpha: Krippendorff's alpha: 1 where all voters agree, 0 where they do so as by chance; None where every vote is
            for the same writer, or no image has two votes.
        published: What the paper prints.
    """

    model: str
    images: int
    voters: int
    expected_voters: int
    votes: int
    skipped: int
    win_rate: float
    low: float
    high: float
    low_by_voter: float
    high_by_voter: float
    images_won: int
    images_tied: int
    first_caption: float
    alpha: float | None
    published: float = 0.60


def read_key(path: Path) -> Key:
    """Read the key of a ballot.

    Raises:
        InputError: it is missing or none.
    """
    return _read(Key, path, "Name the key.json that was written beside ballot.html.")


def read_votes(paths: Sequence[Path], key: Key) -> list[Votes]:
    """Read files of votes, or folders of them.

    Raises:
        InputError: a file is no file of votes, is of another ballot, or of a voter who has voted already.
    """
    named = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    found: dict[int, tuple[Path, Votes]] = {}
    # The key may well lie in the same folder.
    for path in (file for file in named if file.name != KEY):
        votes = _read(Votes, path, "Name the files that the page saved.")
        _check(votes, key, path)
        if votes.voter in found:
            raise InputError(
                f"voter {votes.voter} has voted already, in {found[votes.voter][0]}",
                where=path,
                remedy="Keep one file for each voter.",
            )
        found[votes.voter] = (path, votes)
    if not any(votes.votes for _, votes in found.values()):
        raise InputError("there are no votes", where=paths[0], remedy="Name the files that the page saved.")
    return [votes for _, votes in found.values()]


def _check(votes: Votes, key: Key, path: Path) -> None:
    strangers = sorted(votes.votes.keys() - key.model_side.keys())
    if votes.ballot != key.ballot or strangers:
        raise InputError(
            f"these votes are of another ballot{f': no image {shorten(strangers[0])}' if strangers else ''}",
            where=path,
            remedy="Count them with the key of their own ballot.",
        )
    if not 1 <= votes.voter <= key.voters:
        raise InputError(
            f"there is no voter {votes.voter}: numbers go from 1 to {key.voters}",
            where=path,
            remedy="Ask whose file this is.",
        )


def tally(key: Key, ballots: Sequence[Votes]) -> Tally:
    """Count the votes.

    Args:
        key: Says which captions are the model's.
        ballots: At least one vote in all.
    """
    cast = [(each.voter, name, side) for each in ballots for name, side in each.votes.items()]
    wins = [side == key.model_side[name] for _, name, side in cast]
    by_image: dict[str, list[bool]] = {}
    for (_, name, _), won in zip(cast, wins, strict=True):
        by_image.setdefault(name, []).append(won)
    low, high = interval(wins, units=[name for _, name, _ in cast])
    low_by_voter, high_by_voter = interval(wins, units=[str(voter) for voter, _, _ in cast])
    shares = [sum(each) / len(each) for each in by_image.values()]
    alpha = krippendorff_alpha(list(by_image.values()))
    return Tally(
        model=key.model,
        images=len(by_image),
        voters=sum(bool(each.votes) for each in ballots),
        expected_voters=key.voters,
        votes=len(cast),
        skipped=len(key.model_side) * len(ballots) - len(cast),
        win_rate=sum(wins) / len(wins),
        low=low,
        high=high,
        low_by_voter=low_by_voter,
        high_by_voter=high_by_voter,
        images_won=sum(share > 0.5 for share in shares),
        images_tied=sum(share == 0.5 for share in shares),
        first_caption=sum(side == "A" for _, _, side in cast) / len(cast),
        alpha=None if alpha != alpha else alpha,
    )


def krippendorff_alpha(units: Sequence[Sequence[object]]) -> float:
    """Return Krippendorff's alpha of nominal values, of which any may be missing (Krippendorff 2011, by coincidences).

    Args:
        units: For each unit the values that it was given; units with fewer than two say nothing.

    Returns:
        NaN where all values are the same, or no unit has two.
    """
    pairable = [Counter(values) for values in units if len(values) > 1]
    totals = sum(pairable, Counter[object]())
    count = totals.total()
    expected = count**2 - sum(number**2 for number in totals.values())
    if not expected:
        return nan
    observed = sum(
        (unit.total() ** 2 - sum(number**2 for number in unit.values())) / (unit.total() - 1)
        for unit in pairable
    )
    return 1 - (count - 1) * observed / expected


def _read(schema: type[Model], path: Path, remedy: str) -> Model:
    try:
        return schema.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        said: object = error
        if isinstance(error, ValidationError):
            said = error.errors()[0]["msg"]
        elif isinstance(error, OSError):
            said = error.strerror
        raise InputError(f"cannot be read: {shorten(said)}", where=path, remedy=remedy) from error
