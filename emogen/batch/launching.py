"""Brings planned batches to the provider, each exactly once, and tidies up after a process that could not."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from emogen.backends import RequestError, ThrottledError, TransientError
from emogen.batch.drafting import input_file
from emogen.batch.planned import Batch, State
from emogen.batch.plans import Plans
from emogen.batch.remote import GoneError, Remote
from emogen.errors import BackendError

__all__ = ["adopt", "discard", "launch"]

ATTEMPTS: Final = 5
# Long enough for the provider to list what it has just created.
PAUSE_S: Final = 5.0


def launch(batch: Batch, plans: Plans, remote: Remote) -> Batch:
    """Bring a batch to the provider, and return it as it is then.

    Nothing is repeated blindly: where an attempt may have succeeded unheard, the provider is asked first.

    Raises:
        BackendError: the provider cannot be reached, or does not take it; a batch that it does not take is forgotten.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _created(_uploaded(plans.batch(batch.number), plans, remote), plans, remote)
        except (ThrottledError, TransientError) as error:
            if attempt == ATTEMPTS:
                raise BackendError(
                    f"batch {batch.number} was not created: {error.what}",
                    remedy="Run the same command again: it looks first whether it was created after all.",
                ) from error
            time.sleep(max(error.retry_after_s or 0.0, PAUSE_S))
        except (RequestError, GoneError) as refusal:
            discard(plans.batch(batch.number), plans, remote)
            raise BackendError(
                f"the provider does not take the batch: {refusal.what}",
                remedy="Its requests were not asked; `emogen generate` asks them one by one.",
            ) from refusal
    raise AssertionError


def adopt(batch: Batch, plans: Plans, remote: Remote) -> Batch:
    """Return a batch as created where the provider has it after all, and unchanged otherwise; nothing is created."""
    found = remote.find_batch(batch.plan) if batch.state == State.CREATING else None
    return plans.move(batch, State.CREATED, batch_id=found.id) if found else batch


def discard(batch: Batch, plans: Plans, remote: Remote) -> None:
    """Forget a batch that was not created, and delete its file, here and at the provider."""
    file_id = batch.file_id
    # A file that cannot be deleted costs nothing, and the provider drops it after some weeks.
    with suppress(BackendError):
        if file_id is None and batch.state == State.UPLOADING:
            file_id = remote.find_file(_name(batch))
        if file_id is not None:
            remote.delete_file(file_id)
    plans.drop(batch)
    input_file(plans, batch.number).unlink(missing_ok=True)


def _name(batch: Batch) -> str:
    return f"emogen-{batch.plan}.jsonl"


def _uploaded(batch: Batch, plans: Plans, remote: Remote) -> Batch:
    if batch.state not in (State.PLANNED, State.UPLOADING):
        return batch
    file_id = remote.find_file(_name(batch)) if batch.state == State.UPLOADING else None
    if file_id is None:
        plans.move(batch, State.UPLOADING)
        file_id = remote.upload(input_file(plans, batch.number), _name(batch))
    return plans.move(batch, State.UPLOADED, file_id=file_id)


def _created(batch: Batch, plans: Plans, remote: Remote) -> Batch:
    batch = adopt(batch, plans, remote)
    if batch.state == State.CREATED:
        return batch
    assert batch.file_id is not None
    plans.move(batch, State.CREATING)
    return plans.move(batch, State.CREATED, batch_id=remote.create(batch.file_id, batch.plan).id)
