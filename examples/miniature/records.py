"""Folders of drawings with a `metadata.jsonl` each, as `emogen describe` reads them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from emogen.errors import InputError
from examples.miniature.drawings import STYLES, Emoji, drawing
from examples.miniature.scores import Scored

__all__ = ["lay_out", "style_and_code"]


def lay_out(out: Path, packages: dict[str, Path], emoji: Iterable[Emoji], scored: Iterable[Scored]) -> None:
    """Put `out/labelled` and `out/unlabelled` there: the drawings of all styles, named `<style>/<code>.png`.

    The labelled ones are those that people scored. The caption is the emoji's Unicode name.

    Args:
        out: Folder to fill.
        packages: Style → folder of its package.
        emoji: All emoji.
        scored: Those with scores.

    Raises:
        InputError: an emoji with scores is not drawn.
    """
    labels = {each.code: each.label for each in scored}
    known = list(emoji)
    if missing := sorted(labels.keys() - {each.code for each in known}):
        raise InputError(
            f"{len(missing)} scored emoji are not drawn in all styles, the first is {missing[0]}",
            where="--labels",
            remedy="Name the scores of EmoTag1200.",
        )
    for folder, chosen in (
        (out / "labelled", [each for each in known if each.code in labels]),
        (out / "unlabelled", [each for each in known if each.code not in labels]),
    ):
        lines = []
        for style in STYLES:
            (folder / style).mkdir(parents=True, exist_ok=True)
            for each in chosen:
                shutil.copyfile(drawing(packages[style], each), folder / style / f"{each.code}.png")
                row = {"file_name": f"{style}/{each.code}.png", "caption": f"A drawing of {each.name}"}
                lines.append(row | ({"emotion": labels[each.code]} if each.code in labels else {}))
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "metadata.jsonl").write_text(text, encoding="utf-8")


def style_and_code(image: str) -> tuple[str, str]:
    """Return style and code of a drawing from its path."""
    path = Path(image)
    return path.parent.name, path.stem
