"""One step of the optimizer: gradients over all parts of it and all processes, in the proportion that rows count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from emovit_train.batches import Batch, own_lanes
from emovit_train.objective import Example, answer_losses

if TYPE_CHECKING:
    from emovit_train.features import PoolFeatures
    from emovit_train.model import Assembly
    from emovit_train.ranks import Ranks

__all__ = ["NoNumberError", "Stepped", "Stepper"]


@dataclass(frozen=True)
class Stepped:
    """What a step came to, over all processes.

    Attributes:
        loss: In nats; see `TrainSettings.loss_norm`.
        gradient_norm: Before clipping.
        rows: Rows of the step.
        answer_tokens: Their answers' tokens, EOS included.
        skipped: Whether float16 overflowed, so that nothing was changed but the scale of the loss.
    """

    loss: float
    gradient_norm: float
    rows: int
    answer_tokens: int
    skipped: bool

    def entry(self) -> dict[str, Any]:
        """Return it as a part of a line of metrics."""
        entry = {name: value for name, value in vars(self).items() if name != "skipped"}
        return {**entry, "skipped": True} if self.skipped else entry


class NoNumberError(Exception):
    """Loss or gradient are no numbers; no weight was changed.

    Attributes:
        what: Which of the two, with its value.
        rows: The rows that it comes from, or all of the step where that cannot be told.
    """

    def __init__(self, what: str, rows: Sequence[Example]) -> None:
        super().__init__(what)
        self.what = what
        self.rows = tuple(f"{each.row.record_id} ({each.row.image.name})" for each in rows)


@dataclass(frozen=True)
class Stepper:
    """What makes a step.

    Attributes:
        model: In training mode; may be a compiled one.
        examples: All rows that are trained on.
        optimizer: Of the trained tensors.
        scaler: See `emovit_train.optimizer.gradient_scaler`.
        ranks: The processes.
        loss_norm: `token` or `sample`.
        clip: Largest norm of the gradient, or 0.
    """

    model: Assembly
    examples: Sequence[Example]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    ranks: Ranks
    loss_norm: str
    clip: float

    def step(self, lanes: Sequence[Batch], features: PoolFeatures) -> Stepped:
        """Train on a batch of rows, given by their numbers, in each lane, on all processes together.

        Args:
            lanes: The batches of all processes; each computes its own, one after the other. Some may be empty.
            features: Of the images in this process's batches.

        Raises:
            NoNumberError: on every process.
        """
        self.optimizer.zero_grad(set_to_none=True)
        rows = [row for batch in lanes for row in batch]
        share, broken = self._backward(own_lanes(lanes, self.ranks.rank, self.ranks.world), features, rows)
        loss, is_broken = self.ranks.sum([share, len(broken)])
        if is_broken:
            raise NoNumberError(
                f"loss is {loss}", [each for some in self.ranks.gather(broken) for each in some]
            )
        trained = [each for group in self.optimizer.param_groups for each in group["params"]]
        self.ranks.sum_gradients(trained)
        self.scaler.unscale_(self.optimizer)
        norm = self._clip([each for each in trained if each.grad is not None])
        skipped = not norm.isfinite().item()
        if skipped and (not self.scaler.is_enabled() or self.scaler.get_scale() < 1):
            raise NoNumberError(f"gradient's norm is {norm.item()}", [self.examples[row] for row in rows])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return Stepped(loss, norm.item(), len(rows), self._tokens(rows), skipped)

    def _backward(
        self, batches: Sequence[Batch], features: PoolFeatures, rows: Sequence[int]
    ) -> tuple[float, list[Example]]:
        """Add up this process's share of the gradient; return its share of the loss, and rows without a loss.

        Args:
            batches: Of this process.
            features: Of their images.
            rows: Of the whole step.
        """
        total, broken = torch.zeros((), device=self.model.device), []
        for batch in filter(None, batches):
            examples = [self.examples[row] for row in batch]
            losses = answer_losses(self.model, features, examples)
            loss = self._normalised(losses, examples, rows)
            total += loss.detach()
            if not torch.isfinite(loss):
                broken += _without_number(examples, losses.detach())
                break
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return total.item(), broken

    def _normalised(self, losses: Tensor, examples: Sequence[Example], rows: Sequence[int]) -> Tensor:
        """Return the share of these tokens (tokens,) in the loss of the whole step.

        The number of tokens is that of the step, not of the batch: batches of few tokens would count too much, as
        where transformers' Trainer accumulates gradients of a T5.
        """
        if self.loss_norm == "token":
            return losses.sum() / self._tokens(rows)
        lengths = torch.tensor([len(each.text.answer) for each in examples])
        weights = (1.0 / (lengths * len(rows))).repeat_interleave(lengths)
        return (losses * weights.to(losses.device)).sum()

    def _tokens(self, rows: Sequence[int]) -> int:
        return sum(len(self.examples[row].text.answer) for row in rows)

    def _clip(self, trained: Sequence[Tensor]) -> Tensor:
        norm = torch.nn.utils.get_total_norm([each.grad for each in trained if each.grad is not None])
        if self.clip:
            torch.nn.utils.clip_grads_with_norm_(trained, self.clip, norm)
        return norm


def _without_number(examples: Sequence[Example], losses: Tensor) -> list[Example]:
    per_row = torch.split(losses, [len(each.text.answer) for each in examples])
    return [each for each, row in zip(examples, per_row, strict=True) if not row.isfinite().all()]
