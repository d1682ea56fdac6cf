"""The drawings: emoji in three companies' styles, from the npm packages `emoji-datasource-*` (64 pixels, MIT licence).

They are fetched when they are needed, by `npm pack`, and never become part of the project.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emogen.atomic import replacing_folder
from emogen.errors import InputError, MissingExtraError

__all__ = ["HELD_OUT_STYLE", "STYLES", "TRAINED_STYLES", "Emoji", "drawing", "emoji_list", "fetch"]

VERSION: Final = "16.0.0"
TRAINED_STYLES: Final = ("google", "twitter")
HELD_OUT_STYLE: Final = "facebook"
STYLES: Final = (*TRAINED_STYLES, HELD_OUT_STYLE)


@dataclass(frozen=True)
class Emoji:
    """One emoji, without its skin tones.

    Attributes:
        code: Its code points in lower-case hexadecimal, joined by dashes, without variation selectors.
        file: How its drawings' files are named.
        name: Its Unicode name in lower case.
        category: Its group in Unicode's order, such as "Food & Drink".
    """

    code: str
    file: str
    name: str
    category: str


def fetch(style: str, packages: Path) -> Path:
    """Return the folder of one style's package, fetched if it is not in `packages` yet.

    Args:
        style: One of `STYLES`.
        packages: Folder that keeps the packages between runs.

    Raises:
        InputError: it can neither be found nor fetched.
        MissingExtraError: npm is not installed.
    """
    package = f"emoji-datasource-{style}@{VERSION}"
    folder = packages / f"{style}-{VERSION}"
    if folder.is_dir():
        return folder
    packages.mkdir(parents=True, exist_ok=True)
    archive = packages / f"emoji-datasource-{style}-{VERSION}.tgz"
    if not archive.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise MissingExtraError("npm", "npm", f"Fetching {package}")
        done = subprocess.run(
            [npm, "pack", package, "--silent"], cwd=packages, capture_output=True, text=True, check=False
        )
        if done.returncode or not archive.is_file():
            raise InputError(
                f"cannot be fetched: {done.stderr.strip() or 'npm pack wrote no archive'}",
                where=package,
                remedy=f"Put {archive.name} into {packages} and run the same command again.",
            )
    _unpack(archive, style, folder)
    return folder


def _unpack(archive: Path, style: str, folder: Path) -> None:
    """Unpack the list of emoji, the licence and the small drawings; the sheets of all sizes stay packed."""
    small = f"package/img/{style}/64/"
    with replacing_folder(folder) as work, tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix(small) if member.name.startswith(small) else None
            if name is None and member.name in ("package/emoji.json", "package/LICENSE"):
                name = member.name.removeprefix("package/")
            content = tar.extractfile(member) if name and member.isfile() else None
            if content is not None:
                (work / Path(str(name)).name).write_bytes(content.read())


def emoji_list(package: Path) -> list[Emoji]:
    """Return the emoji that all three styles draw, in Unicode's order, skin tones left out."""
    entries = json.loads((package / "emoji.json").read_text("utf-8"))
    drawn = [entry for entry in entries if all(entry[f"has_img_{style}"] for style in STYLES)]
    drawn.sort(key=lambda entry: entry["sort_order"])
    return [
        Emoji(
            entry["image"].removesuffix(".png").replace("-fe0f", ""),
            entry["image"],
            entry["name"].lower(),
            entry["category"],
        )
        for entry in drawn
    ]


def drawing(package: Path, emoji: Emoji) -> Path:
    """Return the file of a drawing."""
    return package / emoji.file
