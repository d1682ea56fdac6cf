"""LLaMA-Factory's sharegpt form, with the `dataset_info.json` by which it finds the files.

Source of the rules: hiyouga/LLaMA-Factory 0.9.5, `llamafactory/data/converter.py` (`SharegptDatasetConverter`),
`parser.py` (`get_dataset_list`) and `mm_plugin.py` (`_validate_messages`). A row whose speakers do not take turns is
dropped with a warning; one whose tokens and files are not equal in number stops the training. Give it the export
by `dataset_dir`; where the images stay elsewhere, their folder by `media_dir`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from emogen.errors import shorten
from emogen.exporters import Example, Layout, Problem, Row, Turns
from emogen.exporters.conversations import conversation, not_an_object
from emogen.exporters.images import check_images
from emogen.exporters.json_list import JsonList
from emogen.exporters.text import IMAGE_TOKEN, check_text, check_unicode

__all__ = ["INFO", "ShareGpt"]

INFO: Final = "dataset_info.json"
_COLUMNS: Final = {"messages": "conversations", "images": "images"}
_TAGS: Final = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
# Who may speak first, third, ... and second, fourth, ...
_SPEAKERS: Final = (("human", "observation"), ("gpt", "function_call"))
_MARKS: Final = {
    "<video>": "which stands for a video, and there is none",
    "<audio>": "which stands for a recording, and there is none",
}


@dataclass(frozen=True)
class _Folder(JsonList):
    """Lists with the file that names them; of shards, the folder of a split is named."""

    shard_folders: bool = True

    def finish(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write what LLaMA-Factory has to know of each list: `emogen_train` for `train.json`."""
        self._inform(folder, {split: f"{split}.json" for split in rows})

    def finish_shards(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write the same of each folder of lists: `emogen_train` for `train`."""
        self._inform(folder, {split: split for split in rows})

    def _inform(self, folder: Path, names: Mapping[str, str]) -> None:
        info = {
            f"emogen_{split}": {
                "file_name": name,
                "formatting": "sharegpt",
                "columns": _COLUMNS,
                "tags": _TAGS,
            }
            for split, name in sorted(names.items())
        }
        (folder / INFO).write_bytes(orjson.dumps(info, option=orjson.OPT_INDENT_2) + b"\n")


class ShareGpt:
    """LLaMA-Factory: sharegpt lists and their dataset_info.json."""

    layout: Layout = _Folder(always_folder=True)
    turns: tuple[Turns, ...] = ("conversation", "single")
    bare_names: bool = False
    takes_plain: bool = True
    unique: str | None = None

    def row(self, example: Example) -> Row:
        """Return `{id, conversations: [{from, value}], images: [path]}`; the id is not read."""
        return {
            "id": example.id,
            "conversations": conversation(example.turns, image=True),
            "images": [example.image],
        }

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of LLaMA-Factory's loader that a row breaks."""
        if not isinstance(row, dict):
            return not_an_object(row)
        problems = [*check_unicode("id", row.get("id")), *check_images(row.get("images", []))]
        turns = row.get("conversations")
        if not isinstance(turns, list) or not turns:
            seen = "missing" if turns is None else shorten(repr(turns), 40)
            rule = f"must be a list of turns, not {seen}"
            return [*problems, Problem("conversations", rule, "Write a question and its answer.")]
        return [*problems, *_check_turns(turns), *_check_tokens(turns, row.get("images"))]


def _check_turns(turns: list[Any]) -> Iterator[Problem]:
    begin = int(isinstance(turns[0], dict) and turns[0].get("from") == "system")
    for index, turn in enumerate(turns):
        field = f"conversations[{index}]"
        if not isinstance(turn, dict):
            yield Problem(field, f"must be an object, not {shorten(repr(turn), 40)}", "Write {from, value}.")
            continue
        wanted = _SPEAKERS[(index - begin) % 2]
        if index >= begin and turn.get("from") not in wanted:
            yield Problem(
                f"{field}.from",
                f"must be {wanted[0]!r}, not {shorten(repr(turn.get('from')), 40)}: LLaMA-Factory drops the row",
                "Let human and gpt take turns, human first.",
            )
        value = turn.get("value")
        text = value.replace(IMAGE_TOKEN, "") if isinstance(value, str) else value
        yield from check_text(f"{field}.value", text, _MARKS)
    if (len(turns) - begin) % 2:
        yield Problem(
            "conversations",
            f"must have an even number of turns, not {len(turns) - begin}: LLaMA-Factory drops the row",
            "Add the missing turn, or take the odd one out.",
        )


def _check_tokens(turns: list[Any], images: object) -> Iterator[Problem]:
    values = [turn.get("value") for turn in turns if isinstance(turn, dict)]
    tokens = sum(value.count(IMAGE_TOKEN) for value in values if isinstance(value, str))
    files = len(images) if isinstance(images, list) else 0
    if tokens != files:
        yield Problem(
            "images",
            f"must be as many as there are {IMAGE_TOKEN!r} in the conversation, {tokens}, not {files}: "
            "LLaMA-Factory stops at the row",
            f"Write {IMAGE_TOKEN!r} once for each image, and nowhere else.",
        )
