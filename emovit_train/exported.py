"""Reads exported lists: LLaVA's, EmoVIT's and LLaMA-Factory's conversations, the question-answer rows of LAVIS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emogen.errors import InputError, shorten
from emovit_train.data import Row

__all__ = ["exported_rows"]

_REMEDY = "Export the run again: emogen export"
_TYPES = ("categorical", "conversation", "reasoning")


def exported_rows(file: Path, text: str, root: Path) -> list[Row]:
    """Return the rows of an exported JSON list; entry numbers in errors start at 1.

    Raises:
        InputError: it is not such a list, or an entry lacks something.
    """
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"not valid JSON: {error.msg} at column {error.colno}",
            where=f"{file}:{error.lineno}",
            remedy=_REMEDY,
        ) from error
    if not entries:
        raise InputError("the list is empty", where=file, remedy=_REMEDY)
    return [
        row
        for number, entry in enumerate(entries, 1)
        for row in _entry_rows(entry, f"{file}, entry {number}", root)
    ]


def _entry_rows(entry: Any, where: str, root: Path) -> list[Row]:
    try:
        return _llava_rows(entry, root) if "conversations" in entry else [_vqa_row(entry, root)]
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InputError(
            f"neither a LLaVA nor an InstructBLIP row ({type(error).__name__}: {shorten(error)})",
            where=where,
            remedy=_REMEDY,
        ) from error


def _llava_rows(entry: dict[str, Any], root: Path) -> list[Row]:
    turns = entry["conversations"]
    speakers = [turn["from"] for turn in turns]
    if not turns or speakers != ["human", "gpt"] * (len(turns) // 2):
        raise ValueError(f"human and gpt must take turns, got {speakers}")
    image = entry["image"] if "image" in entry else entry["images"][0]
    return [
        Row(
            image=root / image,
            question=_text(asked["value"].replace("<image>", "")),
            answer=_text(answered["value"]),
            kind="exported",
            record_id=str(entry["id"]),
            # Ours are `<record>/<instruction type>`.
            instruction=_known_type(str(entry["id"]).rpartition("/")[2]),
        )
        for asked, answered in zip(turns[::2], turns[1::2], strict=True)
    ]


def _vqa_row(entry: dict[str, Any], root: Path) -> Row:
    answer = entry["answer"]
    return Row(
        image=root / entry["image"],
        question=_text(entry["question"]),
        answer=_text(answer if isinstance(answer, str) else answer[0]),
        kind="exported",
        record_id=str(entry["question_id"]),
        instruction=_known_type(str(entry.get("dataset", "")).removeprefix("emogen-")),
    )


def _known_type(name: str) -> str:
    return name if name in _TYPES else ""


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("an empty question or answer")
    return value.strip()
