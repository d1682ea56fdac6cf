"""LLaVA's training list, for LLaVA-1.5 (conversation form `v1`) and the trainers that read the same.

Source of the rules: haotian-liu/LLaVA, `llava/train/train.py`: `LazySupervisedDataset`,
`preprocess_multimodal` and `preprocess_v1`. A row that breaks one either stops the training or, worse, is
masked or trained without its picture, with at most a line in the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emogen.errors import shorten
from emogen.exporters import Problem, Row
from emogen.exporters.images import check_image, image_path
from emogen.exporters.text import IMAGE_TOKEN, check_text, check_unicode
from emogen.schemas import Sample

__all__ = ["Llava"]

_ROLES = ("human", "gpt")


@dataclass(frozen=True)
class Llava:
    """LLaVA: one conversation a sample, the picture in its first turn."""

    # LLaVA does not read `id`, and its own published sets repeat some.
    unique: str | None = None

    def rows(self, sample: Sample) -> Iterator[Row]:
        """Yield one row: `{id, image, conversations: [{from, value}]}`."""
        texts = [text for turn in sample.turns for text in (turn.question, turn.answer)]
        texts[0] = f"{IMAGE_TOKEN}\n{texts[0]}"
        turns = [{"from": _ROLES[index % 2], "value": text} for index, text in enumerate(texts)]
        yield {"id": sample.id, "image": image_path(sample.record), "conversations": turns}

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of LLaVA's loader that a row breaks."""
        if not isinstance(row, dict):
            return [
                Problem(
                    "row", f"must be an object, not {shorten(repr(row), 40)}", "Write {...} for each row."
                )
            ]
        problems = [*check_unicode("id", row.get("id"))]
        if "image" in row:
            problems += check_image(row["image"])
        problems += _check_turns(row.get("conversations"), has_image="image" in row)
        return problems


def _check_turns(turns: object, *, has_image: bool) -> Iterator[Problem]:
    if not isinstance(turns, list) or not turns:
        seen = "missing" if turns is None else shorten(repr(turns), 40)
        yield Problem(
            "conversations", f"must be a list of turns, not {seen}", "Write a question and its answer."
        )
        return
    for index, turn in enumerate(turns):
        field = f"conversations[{index}]"
        if isinstance(turn, dict):
            yield from _check_turn(field, turn, index, pictures=int(has_image and index == 0))
        else:
            yield Problem(field, f"must be an object, not {shorten(repr(turn), 40)}", "Write {from, value}.")
    if len(turns) % 2:
        yield Problem(
            "conversations",
            f"must have an even number of turns, not {len(turns)}: LLaVA masks a question without an answer",
            "Add the missing turn, or take the odd one out.",
        )


def _check_turn(field: str, turn: dict[str, Any], index: int, *, pictures: int) -> Iterator[Problem]:
    wanted = _ROLES[index % 2]
    if turn.get("from") != wanted:
        yield Problem(
            f"{field}.from",
            f"must be {wanted!r}, not {shorten(repr(turn.get('from')), 40)}",
            "Let human and gpt take turns, human first.",
        )
    value = turn.get("value")
    if not isinstance(value, str):
        yield from check_text(f"{field}.value", value)
        return
    yield from _check_pictures(f"{field}.value", value.count(IMAGE_TOKEN), pictures)
    # LLaVA cuts the token out and puts it in front, so the text is what remains.
    yield from check_text(f"{field}.value", value.replace(IMAGE_TOKEN, ""))


def _check_pictures(field: str, found: int, wanted: int) -> Iterator[Problem]:
    if found < wanted:
        rule = f"must hold {IMAGE_TOKEN!r} once: without it LLaVA trains the row without its picture"
        remedy = f"Begin the first human turn with '{IMAGE_TOKEN}\\n', or take the key image out."
        yield Problem(field, rule, remedy)
    if found > wanted:
        rule = (
            f"must hold {IMAGE_TOKEN!r} once, not {found} times"
            if wanted
            else f"must not hold {IMAGE_TOKEN!r}"
        )
        where = "it stands once in the first human turn of a row with the key image, and nowhere else"
        yield Problem(field, f"{rule}: {where}", "Reword the text, or leave the turn out.")
