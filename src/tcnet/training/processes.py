"""One training process or many: what they have to agree on."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from tcnet.errors import UsageError


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together; one alone needs no communication."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this one writes files."""
        return self.rank == 0

    def add(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            dist.barrier()

    def share(self, weights: Sequence[Tensor]) -> None:
        """All get the leader's values, in place."""
        if self.count == 1:
            return
        message = torch.cat([weight.flatten() for weight in weights])
        dist.broadcast(message, 0)
        parts = torch.split(message, [weight.numel() for weight in weights])
        for weight, values in zip(weights, parts, strict=True):
            weight.copy_(values.view_as(weight))

    def average_gradients(self, parameters: Sequence[nn.Parameter], figures: Tensor) -> Tensor:
        """Replace all gradients by their mean over the processes; returns the sum of `figures` over them.

        One message for everything: a few MB once a step, next to which overlapping with the computation
        would save nothing.
        """
        if self.count == 1:
            return figures
        gradients = [_gradient(parameter) for parameter in parameters]
        message = torch.cat([*(gradient.flatten() for gradient in gradients), figures.to(gradients[0])])
        dist.all_reduce(message)
        sizes = [gradient.numel() for gradient in gradients]
        *summed, figures = torch.split(message, [*sizes, figures.numel()])
        for gradient, total in zip(gradients, summed, strict=True):
            gradient.copy_(total.view_as(gradient) / self.count)
        return figures


def _gradient(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


@contextmanager
def join_processes(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """This process's place as torchrun set it in the environment, and its device (one GPU each).

    Raises UsageError if torchrun's variables are incomplete or there are more processes than GPUs.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(), device
        return
    try:
        rank, local_rank = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    except (KeyError, ValueError) as error:
        raise UsageError("WORLD_SIZE is set without RANK; start several processes with torchrun") from error
    if device.type == "cuda":
        if local_rank >= torch.cuda.device_count():
            raise UsageError(
                f"process {local_rank} has no GPU of its own: this machine has {torch.cuda.device_count()}"
            )
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=count)
    try:
        yield Processes(rank, count), device
    finally:
        dist.destroy_process_group()
