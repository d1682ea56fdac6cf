"""Models of the Hugging Face Hub by their names: downloaded once, after it was said what that takes."""

from __future__ import annotations

import errno
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError, shorten
from emogen.registry import require
from emogen.terminal import say

__all__ = ["HubModel", "is_hub_name"]

_NAME: Final = re.compile(r"\w[\w.-]*/\w[\w.-]*(@[\w./-]+)?")
# Everything but weights; of those, one of the two forms.
_TEXTS: Final = ("*.json", "*.model", "*.txt", "*.jinja", "LICENSE*", "*.md")
_SAFE: Final = "*.safetensors"
# Read by torch with `weights_only`, so that what is in them cannot run.
_PICKLED: Final = "pytorch_model*.bin"


def is_hub_name(name: str) -> bool:
    """Return whether `name` is a name on the Hub, and not a path: nothing of that name, or its first part, is here."""
    return bool(_NAME.fullmatch(name)) and not Path(name).exists() and not Path(name.split("/")[0]).exists()


@dataclass(frozen=True)
class HubModel:
    """One model of the Hub.

    Attributes:
        name: `owner/name`, or with `@revision`.
        extra: The extra that installs the Hub's package, for messages.
    """

    name: str
    extra: str

    def obtain(self, needs: Callable[[Path], Iterable[str]], *, yes: bool = False) -> Path:
        """Return the cache's folder of the model, downloading what it lacks, after saying what that takes.

        Args:
            needs: Gives lines on memory and time, for a person to decide by, from a folder with `config.json`.
            yes: Do not ask.

        Raises:
            InputError: it is not there, does not fit on the disk, or nobody said yes.
            MissingExtraError: the Hub's package is not installed.
        """
        found = self.cached()
        if found is not None:
            return found
        plan = self._plan()
        self._say_needs(plan, needs)
        self._confirm(yes=yes)
        return Path(self._ask("snapshot_download", allow_patterns=[file.filename for file in plan]))

    def cached(self) -> Path | None:
        """Return the cache's folder of a model where all of it is there; asks no network."""
        missing = self._hub("huggingface_hub.errors").LocalEntryNotFoundError
        for weights in (_SAFE, _PICKLED):
            try:
                folder = self._ask(
                    "snapshot_download", allow_patterns=[*_TEXTS, weights], local_files_only=True
                )
            except InputError as error:
                if isinstance(error.__cause__, missing):
                    continue
                raise
            if any(Path(folder).glob(weights)):
                return Path(folder)
        return None

    def _plan(self) -> Sequence[Any]:
        """Return the files that are to be downloaded, as the Hub's package describes them.

        Raises:
            InputError: the Hub does not have the model or its weights, or cannot be asked.
        """
        every = self._ask("snapshot_download", dry_run=True, allow_patterns=[*_TEXTS, _SAFE, _PICKLED])
        safe = any(fnmatch(file.filename, _SAFE) for file in every)
        weights = _SAFE if safe else _PICKLED
        if not any(fnmatch(file.filename, weights) for file in every):
            raise InputError(
                "holds no weights of transformers",
                where=self.name,
                remedy="Name a model such as those in the help.",
            )
        return [file for file in every if not safe or not fnmatch(file.filename, _PICKLED)]

    def _say_needs(self, plan: Sequence[Any], needs: Callable[[Path], Iterable[str]]) -> None:
        """Say what the model takes.

        Raises:
            InputError: it does not fit on the disk.
        """
        # A few kilobytes, which say how large the model is in memory.
        config = Path(self._ask("hf_hub_download", filename="config.json"))
        wanted = sum(file.file_size or 0 for file in plan if file.will_download)
        cache = Path(self._hub("huggingface_hub.constants").HF_HUB_CACHE).expanduser()
        free = shutil.disk_usage(next(folder for folder in (cache, *cache.parents) if folder.exists())).free
        say(f"{self.name} is not in the cache of the Hugging Face Hub. It takes", err=True)
        say(
            f"  disk    {_gb(wanted)} in {len(plan)} files, of {_gb(free)} that are free in {cache}", err=True
        )
        for line in needs(config.parent):
            say(f"  {line}", err=True)
        if wanted > free:
            raise InputError(
                f"{_gb(wanted)} do not fit into {_gb(free)}",
                where=cache,
                remedy="Make room, or name another place for the cache: HF_HOME=DIR",
            )

    def _confirm(self, *, yes: bool) -> None:
        if yes:
            return
        if not sys.stdin.isatty():
            raise InputError(
                "nothing was downloaded: nobody is there to say yes",
                where=self.name,
                remedy="Add --yes to download it.",
            )
        import typer

        if not typer.confirm("Download it?", err=True):
            raise InputError(
                "nothing was downloaded", where=self.name, remedy="Or name a folder that is here already."
            )

    def _hub(self, module: str = "huggingface_hub") -> Any:
        return require(module, extra=self.extra, purpose="Models of the Hugging Face Hub")

    def _ask(self, function: str, **told: Any) -> Any:
        """Call a function of the Hub's package on a model; its errors become ours.

        Raises:
            InputError: the Hub does not give it.
        """
        repository, _, revision = self.name.partition("@")
        # What the Hub's package raises, and the packages below it, has no base in common.
        try:
            return getattr(self._hub(), function)(repository, revision=revision or None, **told)
        except Exception as error:
            # A dry run says only that it cannot be done, and holds the reason.
            dry = isinstance(error, self._hub("huggingface_hub.errors").DryRunError)
            what, remedy = self._explained((error.__cause__ or error) if dry else error)
            raise InputError(what, where=self.name, remedy=remedy) from error

    def _explained(self, error: BaseException) -> tuple[str, str]:
        """Return what was wrong and what to do, in words that do not presume to know the Hub's package."""
        errors = self._hub("huggingface_hub.errors")
        if isinstance(error, errors.GatedRepoError):
            return (
                "its owners ask for consent before they give it",
                "Agree on the model's page, then log in here: hf auth login",
            )
        if isinstance(error, errors.RevisionNotFoundError):
            return "the Hub has no such revision of it", "Leave out what follows the @, or mend it."
        if isinstance(error, errors.RepositoryNotFoundError):
            return (
                "no such folder, and no such model on the Hub",
                "Check the name; a private model needs a token: hf auth login",
            )
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "the disk is full", "Make room, then repeat the command: it goes on with what is missing."
        return (
            f"no such folder, and the Hub does not give it: {shorten(error.__cause__ or error, 200)}",
            "Check the name and the network. Offline, only what is in the Hub's cache is there.",
        )


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
