"""Checkpoints by their names on the Hugging Face Hub.

A name such as `Salesforce/instructblip-vicuna-7b`, or with `@revision`, stands for the folder that the Hub's own cache
keeps of it. Nothing is downloaded but by `obtain`, which the commands `fetch` and `train` call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emogen.errors import InputError
from emogen.hub_model import HubModel, is_hub_name

__all__ = ["hub_kind", "is_hub_name", "local_folder", "obtain"]

_KINDS: Final = ("instructblip", "llava")
_EXTRA: Final = "train"


def hub_kind(name: str, arch: str = "auto") -> str:
    """Return the kind of a model on the Hub, which its name tells where `arch` is `auto`.

    Raises:
        InputError: the name does not tell.
    """
    found = [kind for kind in _KINDS if kind in name.lower()] if arch == "auto" else [arch]
    if not found:
        raise InputError(
            f"no such folder: {name}; and no model of the Hub whose kind its name tells",
            where="--model",
            remedy="Name a checkpoint folder, a model such as Salesforce/instructblip-vicuna-7b, or: nano. "
            "For another name on the Hub, add --arch.",
        )
    return found[0]


def local_folder(name: str | None) -> Path:
    """Return the folder of a checkpoint: `name` itself, or what the cache holds of a model on the Hub.

    Raises:
        InputError: a model on the Hub is not in the cache, or not all of it.
    """
    if not name or not is_hub_name(name):
        return Path(name or "")
    found = HubModel(name, _EXTRA).cached()
    if found is None:
        raise InputError(
            f"{name} is not in the cache of the Hugging Face Hub",
            where="--model",
            remedy=f"Download it first: emovit_train fetch {name}",
        )
    return found


def obtain(name: str, arch: str = "auto", *, yes: bool = False) -> Path:
    """Return the folder of a model, downloading it where the cache lacks it, after saying what it takes.

    Args:
        name: On the Hub; whatever else is returned as it is.
        arch: Its kind, see `hub_kind`.
        yes: Do not ask.

    Raises:
        InputError: it is not there, does not fit on the disk, or nobody said yes.
        MissingExtraError: the Hub's package is not installed.
    """
    if not is_hub_name(name):
        return Path(name)
    kind = hub_kind(name, arch)

    def needs(folder: Path) -> list[str]:
        from emovit_train.needs import needs_of

        return needs_of(folder, kind) if kind in _KINDS else [f"memory and hours: {kind} does not tell"]

    return HubModel(name, _EXTRA).obtain(needs, yes=yes)
