"""Opens what the settings of a run name: its records, its prompts, its backend and its limits."""

from __future__ import annotations

from pathlib import Path

from emogen.admission import Limits
from emogen.backends import Backend, BackendOptions, choices, open_backend, refuse_blind
from emogen.dataset import Dataset
from emogen.errors import InputError
from emogen.instructions import INSTRUCTIONS
from emogen.judging import instruction
from emogen.own_files import refuse_unknown_files
from emogen.prompts import PromptRenderer
from emogen.settings import RunSettings
from emogen.sight import Sight
from emogen.sources import Source, SourceOptions, open_source
from emogen.sources.captions import Captions
from emogen.storage import refuse_address
from emogen.store import RUN

__all__ = [
    "backend_of",
    "backend_options",
    "dataset_of",
    "limits_of",
    "out_of",
    "records_path",
    "renderer_of",
    "sight_of",
    "source_of",
]


def records_path(settings: RunSettings) -> Path:
    """Return where the records are.

    Raises:
        InputError: nobody said it.
    """
    if settings.records is None:
        raise InputError("no records given", remedy="Name a records file, as emogen generate records.jsonl.")
    return settings.records


def source_of(settings: RunSettings) -> Source:
    """Open what the records come from."""
    data = settings.data
    options = SourceOptions(labels=settings.labels, metadata=data.metadata, image_root=data.image_root)
    return open_source(records_path(settings), options, name=settings.source)


def dataset_of(settings: RunSettings) -> Dataset:
    """Return the records of a run, selected and joined with captions.

    Raises:
        InputError: the records, or the captions, are not there or cannot be read.
    """
    refuse_address(settings.data.captions, "A file of captions")
    refuse_address(settings.data.metadata, "What is known of images")
    captions = Captions(settings.data.captions) if settings.data.captions else None
    return Dataset(source_of(settings), settings.data.selection(settings.limit), captions)


def out_of(settings: RunSettings) -> Path:
    """Return the run folder.

    Raises:
        InputError: nobody named one, or it is an address.
    """
    if settings.out is None:
        raise InputError("no run folder given", remedy="Name one, as --out runs/mine.")
    refuse_address(settings.out, RUN)
    return settings.out


def renderer_of(settings: RunSettings) -> PromptRenderer:
    """Return what renders the prompts.

    Raises:
        InputError: a folder of the user's is missing, or holds a file that nothing would read.
    """
    prompts = settings.prompts
    for kind, folder in (("templates", prompts.templates), ("seeds", prompts.seeds)):
        refuse_unknown_files(kind, folder, INSTRUCTIONS.names())
    return PromptRenderer(prompts.templates, prompts.seeds, prompts.examples, settings.seed, prompts.context)


def backend_options(settings: RunSettings) -> BackendOptions:
    """Return what the backend is opened with; its model is part of `settings.backend`."""
    return BackendOptions(
        **settings.model.model_dump(), seed=settings.seed, in_flight=settings.limits.in_flight
    )


def backend_of(settings: RunSettings, *, is_trial: bool = False) -> Backend | None:
    """Open the backend, without a key for a trial; None where no type asks a model and none was named.

    Raises:
        InputError: a type asks a model, and none was named; lists the choices.
        EmovitError: it cannot be opened.
    """
    if settings.backend is not None:
        options = backend_options(settings).model_copy(update={"is_trial": is_trial})
        return open_backend(settings.backend, options)
    if any(instruction(name).asks_model for name in settings.types):
        raise InputError("no backend given", remedy=choices())
    return None


def sight_of(settings: RunSettings, image_root: Path | None = None) -> Sight | None:
    """Return what shows the images to the model; None where it is told of them in words alone.

    Args:
        settings: Of the run.
        image_root: Where the images are, on a machine that need not have the records; None asks their source.

    Raises:
        InputError: the model is known to take no images.
        MissingExtraError: Pillow is not installed.
    """
    images = settings.images
    if not images.see:
        return None
    if settings.backend is not None:
        refuse_blind(settings.backend)
    return Sight(
        image_root or source_of(settings).image_root,
        longest_side=images.image_side,
        jpeg_quality=images.image_quality,
    )


def limits_of(settings: RunSettings, backend: Backend | None) -> Limits:
    """Return the limits of a run; how much is in flight is the backend's word."""
    limits = settings.limits
    return Limits(
        limits.requests_per_minute,
        limits.tokens_per_minute,
        backend.in_flight if backend else 1,
        limits.max_cost,
    )
