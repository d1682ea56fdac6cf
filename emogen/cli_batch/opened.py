"""What the commands on batches open: what was submitted, who is asked, and a run's rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emogen.backends.openai import OpenAIBackend
from emogen.batch.planned import Batch, Terms
from emogen.batch.plans import Plans
from emogen.batch.remote import RemoteBatch, Remotes
from emogen.batch.rows import Rows
from emogen.dataset import Dataset
from emogen.errors import InputError
from emogen.journal import Journal
from emogen.judging import Judge, instruction
from emogen.opening import backend_of, renderer_of, sight_of
from emogen.prices import price_of
from emogen.settings import RunSettings
from emogen.store import BATCHES, RunFolder

__all__ = ["backend_for", "looks", "plans_of", "rows_of", "terms_of"]


@contextmanager
def plans_of(run: Path) -> Iterator[Plans]:
    """Open what was submitted from a run folder.

    Raises:
        InputError: nothing was.
    """
    if not (run / BATCHES).is_file():
        raise InputError(
            "nothing was submitted from this folder",
            where=run,
            remedy="Name one that `emogen batch submit` made.",
        )
    with Plans(run / BATCHES) as plans:
        yield plans


def looks(plans: Plans, remotes: Remotes) -> Iterator[tuple[Batch, RemoteBatch]]:
    """Look at all batches that were created and not collected yet."""
    for batch in plans.open_batches():
        if batch.batch_id is not None:
            yield batch, remotes.of(batch.terms).retrieve(batch.batch_id)


def backend_for(settings: RunSettings, *, is_trial: bool = False) -> OpenAIBackend:
    """Open the backend of a run; a trial needs no key.

    Raises:
        InputError: it takes no batches.
    """
    backend = backend_of(settings, is_trial=is_trial)
    if isinstance(backend, OpenAIBackend) and len(backend.servers) > 1:
        raise InputError(
            "a batch goes to one provider, not to several servers", where="--base-url", remedy="Name one."
        )
    if settings.model.vllm is not None:
        raise InputError(
            "a batch goes to a provider", where="--vllm", remedy="Leave it out, or use `emogen generate`."
        )
    # Azure's batches are made otherwise.
    if isinstance(backend, OpenAIBackend) and backend.name != "azure":
        return backend
    raise InputError(
        f"{settings.backend or 'no backend'} takes no batches",
        where="--backend",
        remedy="Name a model of OpenAI, or use `emogen generate`.",
    )


def terms_of(settings: RunSettings, backend: OpenAIBackend) -> Terms:
    """Return who is asked, and for how much."""
    price = price_of(backend.model, settings.prices)
    return Terms(
        model=backend.model,
        base_url=backend.server.base_url if settings.model.base_url else None,
        api_key_env=settings.model.api_key_env,
        price=price.in_batch() if price else None,
    )


def rows_of(
    settings: RunSettings,
    dataset: Dataset,
    backend: OpenAIBackend,
    folder: RunFolder | None,
    journal: Journal | None,
    plans: Plans | None,
) -> Rows:
    """Return the rows of a run; what there is not yet (in a trial) is None."""
    records, renderer = dataset.records(), renderer_of(settings)
    return Rows(
        folder.unchanged(records) if folder else records,
        [instruction(name) for name in settings.types],
        skip=folder.done if folder else (),
        backend=backend,
        renderer=renderer,
        judge=Judge(settings.checks, renderer.seeds),
        corrections=settings.corrections,
        tokens_per_row=settings.limits.tokens_per_row,
        sight=sight_of(settings),
        journal=journal,
        plans=plans,
    )
