"""The vote: one page that needs nothing but a browser, and a key that says which caption is whose.

ballot.html  images and pairs of captions; voters give it back as a file of votes
key.json     who wrote which; it stays with whoever counts
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import random
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from emogen.atomic import writable_folder, write_text
from emogen.errors import InputError
from emogen.image_file import read_rgb
from emogen.terminal import note, progress
from emovit_train.evaluation.predictions import Prediction
from emovit_train.humour.captions import Captioned

__all__ = ["BALLOT", "KEY", "VOTERS", "Key", "Side", "write_ballot"]

BALLOT: Final = "ballot.html"
KEY: Final = "key.json"
# Of the paper's study.
VOTERS: Final = 30
LONGEST_SIDE: Final = 640
JPEG_QUALITY: Final = 80

Side = Literal["A", "B"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Key(_Frozen):
    """Who wrote what.

    Attributes:
        ballot: Hash of all that voters are shown; votes name it, so that none is counted for another ballot.
        model: The model.
        voters: How many are to vote.
        seed: Of the sides.
        model_side: Image id → which of its two captions, A or B, is the model's.
        model_captions: Image id → the model's caption.
        people_captions: Image id → the caption of people.
    """

    ballot: str
    model: str
    voters: int
    seed: int
    model_side: dict[str, Side]
    model_captions: dict[str, str]
    people_captions: dict[str, str]


def write_ballot(
    rows: Sequence[Prediction], drawn: Captioned, out: Path, *, seed: int = 0, voters: int = VOTERS
) -> Key:
    """Write the page and its key.

    Which caption is A is drawn for each image; the page then draws for each voter anew in which order images come, and
    which caption stands on the left.

    Args:
        rows: The model's captions.
        drawn: The same images with people's captions, of which the funniest is shown.
        out: Folder for both files.
        seed: Of the draws.
        voters: How many are to vote.

    Raises:
        InputError: captions of some images are missing, or an image cannot be read.
    """
    model = _captions(rows, drawn)
    ids = [name for name, _ in drawn.images if model[name]]
    if len(ids) < len(model):
        note(f"{len(model) - len(ids)} captions of the model are empty: these images are not put to the vote")
    if not ids:
        raise InputError("every caption is empty", remedy="Let the model write longer, or ask it otherwise.")
    people = {name: _line(drawn.people[name][0]) for name in ids}
    sides: dict[str, Side] = {
        name: "A" if random.Random(f"side {seed} {name}").random() < 0.5 else "B" for name in ids
    }
    pairs = [_pair(name, model[name], people[name], sides[name]) for name in ids]
    told = json.dumps([pairs, voters, seed], sort_keys=True)
    ballot = hashlib.sha256(told.encode()).hexdigest()[:16]
    key = Key(
        ballot=ballot,
        model=rows[0].model,
        voters=voters,
        seed=seed,
        model_side=sides,
        model_captions={name: model[name] for name in ids},
        people_captions=people,
    )
    writable_folder(out)
    page = _page(ballot, pairs, dict(drawn.images), seed, voters)
    write_text(out / BALLOT, page)
    write_text(out / KEY, key.model_dump_json(indent=2) + "\n")
    return key


def _captions(rows: Sequence[Prediction], drawn: Captioned) -> dict[str, str]:
    said = {row.item_id: _line(row.answer or "") for row in rows}
    missing = [name for name, _ in drawn.images if name not in said]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(drawn.images)} images have no caption of the model, {missing[0]} among them",
            remedy="Draw the same images (--limit, --seed, --split), and let the model caption all of them.",
        )
    if len({row.model for row in rows}) > 1:
        raise InputError("the captions are of several models", remedy="Make a ballot for each.")
    return {name: said[name] for name, _ in drawn.images}


def _line(text: str) -> str:
    """Return a caption on one line, without quotes around it: they would give away who wrote it."""
    line = " ".join(text.split())
    for left, right in ('""', "''", "“”", "‘’"):
        if len(line) > 1 and line[0] == left and line[-1] == right:
            return line[1:-1].strip()
    return line


def _pair(name: str, model: str, people: str, side: Side) -> dict[str, str]:
    first, second = (model, people) if side == "A" else (people, model)
    return {"id": name, "A": first, "B": second}


def _page(
    ballot: str, pairs: Sequence[Mapping[str, str]], images: Mapping[str, Path], seed: int, voters: int
) -> str:
    shown = []
    with progress("images of the ballot", len(pairs)) as advance:
        for pair in pairs:
            shown.append({**pair, "image": _data_url(images[pair["id"]])})
            advance()
    data = {"ballot": ballot, "seed": seed, "voters": voters, "pairs": shown}
    template = (files("emovit_train.humour") / "page.html").read_text("utf-8")
    # Within a script element only these could end it.
    safe = json.dumps(data).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return template.replace("{{title}}", html.escape("Which caption is funnier?")).replace("{{data}}", safe)


def _data_url(path: Path) -> str:
    """Return the picture alone, without what the file says besides."""
    image = read_rgb(path)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    image.info.clear()
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
