"""What is installed and set up here, and what each missing thing would enable. No secret's value is looked at twice."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from packaging.requirements import InvalidRequirement, Requirement

from emogen.errors import EmovitError, shorten
from emogen.resources import bundled_dir, checkout, embedding_model_folder, local_model_file
from emogen.revision import git_revision

__all__ = ["EXTRAS", "Finding", "findings"]

DISTRIBUTION: Final = "emovit-toolkit"
# What a user installs by `pip install 'emovit-toolkit[NAME]'` → what that is for.
EXTRAS: Final = {
    "local": "--backend embedded, the demonstration model",
    "perception": "emogen describe: pixels, objects, captions, tags",
    "see": "emogen generate --see, for models that see",
    "tables": "Parquet, Arrow, the Hugging Face Hub",
    "dedup": "emogen dedup",
    "embeddings": "emogen dedup --method embeddings",
    "report": "emogen report, card, review",
    "syntax": "emogen report --parser",
    "ray": "--engine ray, the work on many machines",
    "train": "emovit_train: tuning, evaluation, prediction",
    "evaluate": "emovit_train score, compare, reproduce; emogen review --agreement",
    "tensorboard": "emovit_train train --tensorboard",
    "demo": "the photographs of make demo",
    "docs": "make docs, the documentation as a site",
}
KEYS: Final = {
    "OPENAI_API_KEY": "--backend openai:MODEL, and known models' names",
    "AZURE_OPENAI_API_KEY": "--backend azure:DEPLOYMENT",
    "AZURE_OPENAI_AD_TOKEN": "the same, in the key's place",
    "AZURE_OPENAI_ENDPOINT": "the same: the address",
    "OPENAI_API_VERSION": "the same: the version of Azure's interface",
    "HF_TOKEN": "gated models and data sets of the Hugging Face Hub",
}
GIGABYTE: Final = 1e9

State = Literal["ok", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        group: `program`, `extra`, `weights`, `device`, `key` or `place`.
        name: What it is called.
        state: Whether it is there; `broken` where it is and cannot be used.
        said: What was found, or what is missing.
        enables: What it is for.
        remedy: What brings it, where it is missing.
    """

    group: str
    name: str
    state: State
    said: str = ""
    enables: str = ""
    remedy: str = ""


def findings() -> Iterator[Finding]:
    """Look at everything; nothing is installed, downloaded or written."""
    yield from _program()
    yield from (_extra(name, enables) for name, enables in EXTRAS.items())
    yield _weights("local", "--backend embedded, --model nano", local_model_file)
    yield _weights("embeddings", "emogen dedup --method embeddings", embedding_model_folder)
    yield _device()
    yield from (_key(name, enables) for name, enables in KEYS.items())
    yield from _places()


def _program() -> Iterator[Finding]:
    revision = git_revision(checkout())
    at = f", revision {revision[:12]}" if revision else ""
    yield Finding("program", DISTRIBUTION, "ok", f"{version(DISTRIBUTION)}{at}")
    yield Finding(
        "program", "python", "ok", f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    )


def _extra(name: str, enables: str) -> Finding:
    install = f".[{name}]" if checkout() else f"{DISTRIBUTION}[{name}]"
    remedy = f"pip install '{install}'"
    if name not in (metadata(DISTRIBUTION).get_all("Provides-Extra") or ()):
        return Finding("extra", name, "missing", "newer than what is installed", enables, remedy)
    wrong = [said for wanted in _wanted(name) if (said := _wrong_with(wanted))]
    if not wrong:
        return Finding("extra", name, "ok", "", enables)
    return Finding("extra", name, "missing", ", ".join(wrong), enables, remedy)


def _wanted(extra: str) -> Sequence[Requirement]:
    """Return what an extra asks for, as the installed distribution says."""
    found = []
    for line in requires(DISTRIBUTION) or ():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if (
            wanted.marker
            and wanted.marker.evaluate({"extra": extra})
            and not wanted.marker.evaluate({"extra": ""})
        ):
            found.append(wanted)
    return found


def _wrong_with(wanted: Requirement) -> str:
    try:
        installed = version(wanted.name)
    except PackageNotFoundError:
        return wanted.name
    if wanted.specifier.contains(installed, prereleases=True):
        return ""
    return f"{wanted.name}{wanted.specifier} ({installed} is installed)"


def _weights(name: str, enables: str, find: Callable[[], Path]) -> Finding:
    try:
        return Finding("weights", name, "ok", find().name, enables)
    except EmovitError:
        return Finding("weights", name, "missing", "not installed", enables, f"emogen setup {name}")


def _device() -> Finding:
    enables = "tuning and large models in useful time"
    if find_spec("torch") is None:
        return Finding(
            "device", "GPU", "missing", "unknown without torch", enables, "install the extra train"
        )
    # A torch that was built for other drivers fails in all kinds of ways.
    try:
        import torch

        if torch.cuda.is_available():
            cards = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
            said = ", ".join(f"{card.name} ({card.total_memory / GIGABYTE:.0f} GB)" for card in cards)
            return Finding("device", "GPU", "ok", f"{said}, torch {torch.__version__}", enables)
        if torch.backends.mps.is_available():
            return Finding("device", "GPU", "ok", f"Apple's, torch {torch.__version__}", enables)
        return Finding("device", "GPU", "missing", f"none that torch {torch.__version__} can use", enables)
    except Exception as error:
        return Finding("device", "GPU", "broken", f"torch cannot be loaded: {shorten(error)}", enables)


def _key(name: str, enables: str) -> Finding:
    # Whether, and nothing more: not its length, nor how it begins.
    there = bool(os.environ.get(name, "").strip())
    return Finding("key", name, "ok" if there else "missing", "set" if there else "not set", enables)


def _places() -> Iterator[Finding]:
    for kind in ("templates", "seeds"):
        own = os.environ.get(f"EMOGEN_{kind.upper()}")
        folder = Path(own) if own else bundled_dir(kind)
        state: State = "ok" if folder.is_dir() else "broken"
        yield Finding(
            "place", kind, state, str(folder), "prompts" if kind == "templates" else "in-context examples"
        )
    caches: dict[str, tuple[Path | None, str]] = {
        "cache": (_own_cache(), "models made for here, once"),
        "Hub's cache": (_hub_cache(), "downloads"),
    }
    for name, (cache, enables) in caches.items():
        yield _writable(name, cache, enables)


def _own_cache() -> Path | None:
    if find_spec("platformdirs") is None:
        return None
    import platformdirs

    return Path(platformdirs.user_cache_dir(DISTRIBUTION, appauthor=False))


def _hub_cache() -> Path:
    home = os.environ.get("HF_HOME")
    return Path(home) if home else Path("~/.cache/huggingface").expanduser()


def _writable(name: str, folder: Path | None, enables: str) -> Finding:
    if folder is None:
        return Finding(
            "place", name, "missing", "unknown without platformdirs", enables, "install the extra train"
        )
    # It is made when it is first used: until then its first parent that is there decides.
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return Finding("place", name, "broken", f"{folder} cannot be written", enables)
    free = shutil.disk_usage(there).free / GIGABYTE
    return Finding("place", name, "ok", f"{folder}, {free:.0f} GB free", enables)
