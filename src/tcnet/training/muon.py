"""Muon: steps along the gradients' mean with all its directions made equally long, for convolution kernels.

Keller Jordan and others, 2024 (kellerjordan.github.io/posts/muon); the length of a step is that of Liu and
others, "Muon is Scalable for LLM Training", arXiv 2502.16982, so that learning rates are about those of Adam.
torch.optim.Muon takes matrices alone.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
LEAST_SIDE = 16
"""Kernels with fewer inputs or outputs are left to another method: they have too few directions."""
_QUINTIC = (3.4445, -4.7750, 2.0315)  # drives singular values to about 1 in five rounds
_ROUNDS = 5
_ADAM_LIKE = 0.2  # the root mean square of Adam's steps, as a share of the learning rate


def suits(parameter: nn.Parameter) -> bool:
    """Whether a parameter is a kernel (out, in, h, w) that Muon is meant for."""
    return parameter.dim() == 4 and min(parameter.shape[:2]) >= LEAST_SIDE


class Muon(torch.optim.Optimizer):
    """For kernels (out, in, h, w), seen as matrices of a row for each output; groups have an `lr` each."""

    def __init__(self, groups: Iterable[dict[str, Any]]) -> None:
        super().__init__(groups, {"lr": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is None:
                    continue
                state = self.state[kernel]
                if not state:
                    state["momentum"] = torch.zeros_like(kernel)
                mean = state["momentum"].lerp_(kernel.grad, 1 - MOMENTUM)
                ahead = kernel.grad.lerp(mean, MOMENTUM)  # Nesterov's
                direction = orthogonalised(ahead.flatten(1))
                length = _ADAM_LIKE * max(direction.shape) ** 0.5
                kernel.add_(direction.reshape(kernel.shape), alpha=-group["lr"] * length)


def orthogonalised(matrix: Tensor) -> Tensor:
    """(rows, columns) -> the same singular vectors, with singular values between about 0.7 and 1.2.

    Zero stays zero.
    """
    a, b, c = _QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / torch.linalg.matrix_norm(x).clamp_min(1e-12)
    for _ in range(_ROUNDS):
        products = x @ x.T
        x = a * x + (b * products + c * products @ products) @ x
    result: Tensor = x.T if tall else x
    return result
