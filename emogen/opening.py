"""Opens what the settings of a run name: its records, its prompts, its backend and its limits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from emogen.admission import Limits
from emogen.backends import Backend, BackendOptions, choices, open_backend
from emogen.errors import InputError
from emogen.judging import instruction
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageRecord
from emogen.settings import RunSettings
from emogen.sources import Source, SourceOptions, open_source, raise_problem

__all__ = [
    "backend_of",
    "backend_options",
    "count_of",
    "limits_of",
    "out_of",
    "records_of",
    "records_path",
    "renderer_of",
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
    """Open where the records are."""
    options = SourceOptions(labels=settings.labels)
    return open_source(records_path(settings), options, name=settings.source)


def records_of(settings: RunSettings) -> Iterator[ImageRecord]:
    """Read the records of a run one by one."""
    return islice(source_of(settings).records(raise_problem), settings.limit)


def count_of(settings: RunSettings) -> int | None:
    """Return how many records there will be at most; None where only reading them would tell."""
    counts = (settings.limit, source_of(settings).count())
    return min((count for count in counts if count is not None), default=None)


def out_of(settings: RunSettings) -> Path:
    """Return the run folder.

    Raises:
        InputError: nobody named one.
    """
    if settings.out is None:
        raise InputError("no run folder given", remedy="Name one, as --out runs/mine.")
    return settings.out


def renderer_of(settings: RunSettings) -> PromptRenderer:
    """Return what renders the prompts."""
    prompts = settings.prompts
    return PromptRenderer(prompts.templates, prompts.seeds, prompts.examples, settings.seed)


def backend_options(settings: RunSettings) -> BackendOptions:
    """Return what the backend is opened with; its model is part of `settings.backend`."""
    return BackendOptions(
        **settings.model.model_dump(), seed=settings.seed, in_flight=settings.limits.in_flight
    )


def backend_of(settings: RunSettings) -> Backend | None:
    """Open the backend; None where no type asks a model and none was named.

    Raises:
        InputError: a type asks a model, and none was named; lists the choices.
        EmovitError: it cannot be opened.
    """
    if settings.backend is not None:
        return open_backend(settings.backend, backend_options(settings))
    if any(instruction(name).asks_model for name in settings.types):
        raise InputError("no backend given", remedy=choices())
    return None


def limits_of(settings: RunSettings, backend: Backend | None) -> Limits:
    """Return the limits of a run; how much is in flight is the backend's word."""
    limits = settings.limits
    return Limits(
        limits.requests_per_minute,
        limits.tokens_per_minute,
        backend.in_flight if backend else 1,
        limits.max_cost,
    )
