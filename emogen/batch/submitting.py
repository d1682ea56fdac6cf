"""From a run's missing requests to batches at the provider: first on disk, then there, and not beyond the money."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from emogen.admission import CostLimitError
from emogen.batch.drafting import Estimate, Limits, Line, draft
from emogen.batch.launching import adopt, discard, launch
from emogen.batch.planned import Batch, State, Terms
from emogen.batch.plans import Plans
from emogen.batch.remote import Remotes
from emogen.prices import require_price

__all__ = ["recover", "submit"]


def recover(plans: Plans, remotes: Remotes) -> None:
    """Find out what became of batches that an earlier process was about to create.

    What the provider has is kept, as it is paid for; what it does not have is forgotten, and planned anew.

    Raises:
        BackendError: the provider cannot be asked.
    """
    for batch in plans.open_batches():
        if batch.state != State.CREATED:
            remote = remotes.of(batch.terms)
            batch = adopt(batch, plans, remote)
            if batch.state != State.CREATED:
                discard(batch, plans, remote)


def submit(
    lines: Iterable[Line],
    limits: Limits,
    plans: Plans,
    remotes: Remotes,
    terms: Terms,
    *,
    spent: float = 0.0,
    max_cost: float | None = None,
    on_planned: Callable[[Estimate], None] = lambda total: None,
    on_launched: Callable[[Batch], None] = lambda batch: None,
) -> Estimate:
    """Make batches of requests, and return what all of them take.

    Args:
        lines: The requests.
        limits: How large a file may become.
        plans: What was submitted before.
        remotes: The way to the provider.
        terms: Who is asked.
        spent: What the run has cost so far.
        max_cost: Most money that it may cost.
        on_planned: Called with what they take, before anything is sent.
        on_launched: Called with each batch that the provider has.

    Raises:
        CostLimitError: all of them might cost more than is left; nothing was sent.
        BackendError: the provider does not take them.
        InputError: a limit on money, and a model without a known price; or the disk is full.
    """
    recover(plans, remotes)

    def check(total: Estimate) -> None:
        if max_cost is not None:
            _refuse_dear(total, spent, plans, terms, max_cost)

    with plans.transaction():
        # What is drafted stands among the open batches already.
        total = draft(lines, limits, plans, terms, check)
    on_planned(total)
    for batch in plans.open_batches():
        if batch.state != State.CREATED:
            on_launched(launch(batch, plans, remotes.of(batch.terms)))
    return total


def _refuse_dear(total: Estimate, spent: float, plans: Plans, terms: Terms, max_cost: float) -> None:
    price = require_price(terms.model, terms.price)
    under_way = sum(price.of(batch.most) for batch in plans.open_batches())
    if spent + under_way > max_cost:
        new = price.of(total.most)
        raise CostLimitError(
            f"these {total.requests} requests may cost {new:.4f}; of {max_cost:g} are spent {spent:.4f}, and batches "
            f"that were not collected yet may cost {under_way - new:.4f}",
            where="--max-cost",
            remedy="Raise it, submit fewer records (--limit), or collect first.",
        )
