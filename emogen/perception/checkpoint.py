"""Loads checkpoints of transformers, and says what is wrong with one in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from emogen.errors import EmovitError, InputError, shorten
from emogen.hub_model import HubModel, is_hub_name
from emogen.registry import require

if TYPE_CHECKING:
    import torch

__all__ = ["DTYPES", "Checkpoint", "Machine", "choose_machine", "download", "explained_memory", "model_name"]

T = TypeVar("T")

DTYPES: Final = ("float32", "float16", "bfloat16")
EXTRA: Final = "perception"
WHAT: Final = "folder that `save_pretrained` wrote, or owner/name of the Hugging Face Hub"


@dataclass(frozen=True)
class Machine:
    """Where a model runs, and in which numbers.

    Attributes:
        device: `cpu`, `cuda`, `cuda:1`, `mps`.
        dtype: One of `DTYPES`.
    """

    device: str
    dtype: str

    @property
    def torch_dtype(self) -> torch.dtype:
        """The number format as torch has it."""
        import torch

        found: torch.dtype = getattr(torch, self.dtype)
        return found


def choose_machine(device: str | None = None, dtype: str | None = None) -> Machine:
    """Return the machine that the user named, or the best one there is: a GPU, in 16 bits, before the CPU in 32.

    Raises:
        InputError: there is no such device or number format.
        MissingExtraError: torch is not installed.
    """
    torch: Any = require("torch", extra=EXTRA, purpose="A model that describes images")
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    # An unknown name is a RuntimeError, a GPU that this torch was not built for an AssertionError.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            f"cannot be used here: {shorten(error)}", where=f"--device {device}", remedy="Leave it out."
        ) from error
    if dtype is not None and dtype not in DTYPES:
        raise InputError(
            f"unknown number format {shorten(dtype)!r}",
            where="--dtype",
            remedy=f"Known: {', '.join(DTYPES)}.",
        )
    if dtype is None:
        on_gpu = torch.device(device).type == "cuda"
        dtype = "float32" if not on_gpu else "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return Machine(device, dtype)


def model_name(spec: str) -> str:
    """Return what a model is called in records: its name on the Hub, or that of its folder."""
    return Path(spec).resolve().name if Path(spec).is_dir() else spec


def download(spec: str, kind: str, machine: Machine, *, yes: bool) -> None:
    """Download a model of the Hub that its cache lacks, after saying what disk, memory and time it takes.

    Args:
        spec: See `Checkpoint`; nothing is done about a folder.
        kind: See `Checkpoint.model`.
        machine: Where it would run.
        yes: Do not ask.

    Raises:
        InputError: it is not there, does not fit on the disk, or nobody said yes.
    """
    from emogen.perception.needs import needs_of

    if is_hub_name(spec):
        HubModel(spec, EXTRA).obtain(lambda folder: needs_of(folder, kind, machine), yes=yes)


class Checkpoint:
    """A checkpoint of transformers, in a folder or on the Hugging Face Hub, loaded in parts.

    Args:
        spec: A folder, or `owner/name`. Code that comes with a checkpoint is never run.
        option: The option that named it, for messages.

    Raises:
        InputError: it is a path, and no folder is there.
        MissingExtraError: transformers or torch is not installed.
    """

    def __init__(self, spec: str, option: str) -> None:
        self._spec = spec
        self._where = f"{option} {spec}"
        require("torch", extra=EXTRA, purpose="A model that describes images")
        self._transformers: Any = require(
            "transformers", extra=EXTRA, purpose="A model that describes images"
        )
        if not Path(spec).is_dir() and not is_hub_name(spec):
            raise InputError("no such folder", where=self._where, remedy=f"Name a {WHAT}, or api:BACKEND.")
        self._transformers.logging.set_verbosity_error()
        self._transformers.logging.disable_progress_bar()
        self.config: Any = self._loaded(lambda: self._from("AutoConfig"))

    @property
    def identity(self) -> dict[str, Any]:
        """What tells one version of the checkpoint from another."""
        name = model_name(self._spec)
        if not Path(self._spec).is_dir():
            return {"model": name, "revision": getattr(self.config, "_commit_hash", None)}
        files = sorted(path for path in Path(self._spec).iterdir() if path.is_file())
        return {
            "model": name,
            "files": [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files],
        }

    def model(self, kind: str, machine: Machine) -> Any:
        """Return the model by an `Auto` class of transformers, ready to be asked.

        Raises:
            InputError: the checkpoint is of another kind, damaged, or not there.
            EmovitError: the device's memory does not hold it.
        """
        with explained_memory("a smaller model, or --dtype bfloat16"):
            loaded = self._loaded(lambda: self._from(kind, dtype=machine.torch_dtype))
            return loaded.eval().to(machine.device)

    def image_processor(self) -> Any:
        """Return what makes tensors of images, by Pillow and not torchvision: one result everywhere."""
        return self._loaded(lambda: self._from("AutoImageProcessor", backend="pil"))

    def tokenizer(self) -> Any:
        """Return the tokenizer."""
        return self._loaded(lambda: self._from("AutoTokenizer"))

    def processor(self) -> Any:
        """Return what makes tensors of images and texts together."""
        return self._loaded(lambda: self._from("AutoProcessor", backend="pil"))

    def _from(self, kind: str, **options: Any) -> Any:
        return getattr(self._transformers, kind).from_pretrained(self._spec, **options)

    def _loaded(self, load: Callable[[], T]) -> T:
        try:
            return load()
        except EmovitError:
            raise
        except ImportError as error:
            raise EmovitError(
                f"this checkpoint needs a package that is not installed: {shorten(error, 200)}",
                where=self._where,
                remedy="Install it, or name another checkpoint.",
            ) from error
        # Broken files and other kinds of checkpoints end in many exceptions, of safetensors and tokenizers, too.
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise InputError(
                f"cannot be loaded: {shorten(error, 200)}", where=self._where, remedy=f"Name a {WHAT}."
            ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU had no room."""
    import torch

    return isinstance(error, torch.OutOfMemoryError)


@contextmanager
def explained_memory(remedy: str) -> Iterator[None]:
    """Say what helps where a GPU has no room.

    Raises:
        EmovitError: it has none.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise EmovitError("the GPU has not enough memory", remedy=f"Try {remedy}.") from error
