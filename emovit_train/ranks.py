"""The processes that train together: started by torchrun, each holds the whole model and computes a part of each step.

Gradients are summed once per step, after the last part of it. Plain sums instead of torch's DistributedDataParallel:
that would divide by the number of processes, which is wrong where they hold different numbers of tokens, and want
every process to have something to do. What is trained has 0.75 GB of gradients at most, so that little is lost by
not overlapping the sum with the computing.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor

from emogen.errors import InputError

__all__ = ["Ranks", "open_ranks"]

# One process measures the held-out loss while the others wait for it.
TIMEOUT: Final = dt.timedelta(hours=2)
# Numbers that are summed at once.
BUCKET: Final = 32 * 1024 * 1024


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        rank: Its number, from 0.
        world: How many there are.
        device: Where it computes.
        local_rank: Its number among those of its machine, from 0.
    """

    rank: int
    world: int
    device: torch.device
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the one process that writes."""
        return self.rank == 0

    @property
    def is_first_here(self) -> bool:
        """Whether this is the one process that writes what each machine may have of its own."""
        return self.local_rank == 0

    def sum(self, numbers: Sequence[float]) -> list[float]:
        """Return the numbers, each summed over the processes."""
        if self.world == 1:
            return list(numbers)
        summed = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(summed)
        return [float(number) for number in summed]

    def gather(self, value: Any) -> list[Any]:
        """Return the value of every process, in their order, on each of them."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def share(self, value: Any) -> Any:
        """Return the value of the first process on each of them; the others' own does not matter."""
        if self.world == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def wait(self) -> None:
        """Go on only when all processes have come here."""
        if self.world > 1:
            dist.barrier()

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Sum the gradient of each parameter over the processes; one that no process has stays None."""
        if self.world == 1:
            return
        trained = list(parameters)
        has = self.sum([float(each.grad is not None) for each in trained])
        for each, count in zip(trained, has, strict=True):
            if count and each.grad is None:
                each.grad = torch.zeros_like(each)
        for bucket in _buckets([each.grad for each in trained if each.grad is not None]):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            dist.all_reduce(flat)
            parts = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view_as(gradient))


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for gradient in gradients:
        if bucket and sum(each.numel() for each in bucket) + gradient.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket


@contextmanager
def open_ranks(device: str) -> Iterator[Ranks]:
    """Join the processes that torchrun started, or be the only one.

    Args:
        device: `auto`, `cpu`, or `cuda`; of several GPUs each process takes its own.

    Raises:
        InputError: there is no GPU for this process.
    """
    world = int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1
    local_rank = int(os.environ.get("LOCAL_RANK", "0")) if world > 1 else 0
    chosen = _device(device, local_rank)
    if world == 1:
        yield Ranks(0, 1, chosen)
        return
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo",
        timeout=TIMEOUT,
    )
    ranks = Ranks(dist.get_rank(), world, chosen, local_rank)
    try:
        yield ranks
        # Where one process leaves while another still speaks to it, the other one is aborted.
        ranks.wait()
    finally:
        dist.destroy_process_group()


def _device(name: str, local_rank: int) -> torch.device:
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise InputError(
            f"process {local_rank} has no GPU: there are {count}",
            where="--device",
            remedy="Start as many processes as there are GPUs (torchrun --nproc-per-node), or add --device cpu.",
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
