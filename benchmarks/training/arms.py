"""The ways to go through all rows once: each learns from the same tokens, and says what that came to.

`plain`     transformers' forward, random batches padded to the longest, the image encoder run for each row
`single`    the same, one row at a time, as the reference does
`ours`      what `emovit_train train` does: batches of like lengths, each image encoded once, logits at answer positions
            alone
`packed`    as `ours`, several rows in one without padding; each attends to itself alone
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import torch
import torch.nn.functional as F

from emovit_train.batches import BatchSize, plan_epoch
from emovit_train.text import TextBatch, collate

if TYPE_CHECKING:
    from benchmarks.training.rows import Data
    from emovit_train.model import EmoVIT

__all__ = ["ARMS", "Arm", "Pass"]

_IGNORED: Final = -100


@dataclass
class Pass:
    """What one pass over all rows came to.

    Attributes:
        loss: Sum of -log p over all answer tokens, in nats.
        tokens: Answer tokens.
        useful: Positions of the language model that hold a token or a query.
        positions: All positions that it computed, padding included.
        steps: Steps of the optimizer.
    """

    loss: float = 0.0
    tokens: int = 0
    useful: int = 0
    positions: int = 0
    steps: int = 0


class Arm(Protocol):
    """One way; called once for each pass."""

    def __call__(
        self, model: Any, ours: EmoVIT, data: Data, optimizer: Any, batch_rows: int, seed: int
    ) -> Pass:
        """Go through all rows once, stepping after each batch.

        Args:
            model: transformers' InstructBLIP.
            ours: Our assembly of the same weights.
            data: The rows.
            optimizer: Steps over the trained parameters.
            batch_rows: Rows of a batch.
            seed: Of the order.
        """


def plain(model: Any, ours: EmoVIT, data: Data, optimizer: Any, batch_rows: int, seed: int) -> Pass:
    """See the head of this file."""
    order = list(range(len(data.rows)))
    random.Random(seed).shuffle(order)
    batches = [order[start : start + batch_rows] for start in range(0, len(order), batch_rows)]
    return _plain_pass(model, ours, data, optimizer, batches)


def single(model: Any, ours: EmoVIT, data: Data, optimizer: Any, batch_rows: int, seed: int) -> Pass:
    """See the head of this file."""
    return plain(model, ours, data, optimizer, 1, seed)


def ours_arm(model: Any, ours: EmoVIT, data: Data, optimizer: Any, batch_rows: int, seed: int) -> Pass:
    """See the head of this file."""
    done = Pass()
    for features, numbers in _planned(ours, data, batch_rows, seed):
        batch = _collated(ours, data, numbers)
        losses = ours(features, batch)
        _step(losses.mean(), optimizer)
        _count(done, losses, batch, ours.query_tokens.shape[1], ours.language_model.config.is_encoder_decoder)
    return done


def packed(model: Any, ours: EmoVIT, data: Data, optimizer: Any, batch_rows: int, seed: int) -> Pass:
    """See the head of this file; decoder-only language models alone."""
    from benchmarks.training.packing import packed_losses

    done = Pass()
    queries = ours.query_tokens.shape[1]
    for features, numbers in _planned(ours, data, batch_rows, seed):
        batch = _collated(ours, data, numbers)
        losses = packed_losses(ours, ours.look(features, batch), batch)
        _step(losses.mean(), optimizer)
        held = int(batch.row_mask.sum()) + queries * len(numbers)
        done.loss, done.tokens = done.loss + float(losses.detach().sum()), done.tokens + losses.numel()
        done.useful, done.positions, done.steps = done.useful + held, done.positions + held, done.steps + 1
    return done


ARMS: Final[dict[str, Arm]] = {"plain": plain, "single": single, "ours": ours_arm, "packed": packed}


def _plain_pass(
    model: Any, ours: EmoVIT, data: Data, optimizer: Any, batches: Sequence[Sequence[int]]
) -> Pass:
    done = Pass()
    device, queries = ours.device, model.config.num_query_tokens
    coded = model.config.text_config.is_encoder_decoder
    for numbers in batches:
        batch = _collated(ours, data, numbers)
        images = torch.full((len(numbers), queries), model.config.image_token_id, device=device)
        pixels = data.pixels[[data.images[number] for number in numbers]].to(device, ours.encoder_dtype)
        ids, mask = (batch.prompt_ids, batch.prompt_mask) if coded else (batch.row_ids, batch.row_mask)
        labels = (
            batch.answer_ids.where(batch.answer_mask.bool(), _IGNORED)
            if coded
            else torch.cat(
                [torch.full_like(images, _IGNORED), batch.row_ids.where(batch.is_answer, _IGNORED)], 1
            )
        )
        with torch.autocast(device.type, ours.language_model.dtype, enabled=device.type == "cuda"):
            logits = model(
                pixel_values=pixels,
                qformer_input_ids=batch.instruction_ids,
                qformer_attention_mask=batch.instruction_mask,
                input_ids=torch.cat([images, ids], 1),
                attention_mask=torch.cat([torch.ones_like(images), mask], 1),
                # T5's decoder reads the answer shifted to the right, which it makes of the labels.
                **({"labels": labels} if coded else {}),
            ).logits
        said = logits if coded else logits[:, :-1]
        wanted = labels if coded else labels[:, 1:]
        losses = F.cross_entropy(
            said.float().flatten(0, 1), wanted.flatten(), ignore_index=_IGNORED, reduction="none"
        )[wanted.flatten() != _IGNORED]
        _step(losses.mean(), optimizer)
        _count(done, losses, batch, queries, coded)
    return done


def _planned(
    ours: EmoVIT, data: Data, batch_rows: int, seed: int
) -> Iterator[tuple[torch.Tensor, list[int]]]:
    """Yield the features and row numbers of each batch; each image is encoded once, with its pool."""
    size = BatchSize(rows=batch_rows)
    for pool in plan_epoch(data.lengths, data.images, size, seed=seed, epoch=1).pools:
        wanted = sorted({data.images[row] for row in pool.rows})
        place = {image: number for number, image in enumerate(wanted)}
        features = torch.cat(
            [
                ours.encode_images(
                    data.pixels[wanted[start : start + batch_rows]].to(ours.device, ours.encoder_dtype)
                )
                for start in range(0, len(wanted), batch_rows)
            ]
        )
        for step in pool.steps:
            for numbers in step:
                yield features[[place[data.images[number]] for number in numbers]], list(numbers)


def _collated(ours: EmoVIT, data: Data, numbers: Sequence[int]) -> TextBatch:
    return collate([data.rows[number] for number in numbers], ours.codec).to(ours.device)


def _step(loss: torch.Tensor, optimizer: Any) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    optimizer.step()


def _count(done: Pass, losses: torch.Tensor, batch: TextBatch, queries: int, coded: bool) -> None:
    done.loss += float(losses.detach().sum())
    done.tokens += losses.numel()
    rows = len(batch.row_mask)
    masks = (batch.prompt_mask, batch.answer_mask) if coded else (batch.row_mask,)
    done.useful += sum(int(mask.sum()) for mask in masks) + rows * queries
    done.positions += sum(mask.numel() for mask in masks) + rows * queries
    done.steps += 1
