"""Convolutions fitted to what a larger network computes, by least squares."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POSITIONS = 20_000  # of all maps together, for at most some hundreds of unknowns of an output
RIDGE = 1e-4  # beside the mean square of the inputs


class LeastSquares:
    """Collects what a convolution sees and should give, then solves for its weights and bias.

    conv: of stride 1 and odd kernels, padded to keep the size.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        self._conv = conv
        unknowns = conv.weight[0].numel() + 1
        self._products = torch.zeros((unknowns, unknowns), dtype=torch.float64)
        self._matches = self._products.new_zeros(unknowns, conv.out_channels)

    @torch.no_grad()
    def add(self, inputs: Tensor, wanted: Tensor, positions: int) -> None:
        """inputs (N, in, H, W), wanted (N, out, H, W): so many positions, the same in each of N, count."""
        height, width = wanted.shape[-2:]
        places = torch.randperm(height * width)[:positions]
        columns = _patches(inputs, self._conv.kernel_size[0], places)
        results = wanted.flatten(2)[..., places].transpose(1, 2).flatten(0, 1)
        self._products += columns.T @ columns
        self._matches += columns.T @ results

    @torch.no_grad()
    def solve(self) -> None:
        """Set the convolution's weights and bias."""
        conv, products = self._conv, self._products.clone()
        products.diagonal().add_(RIDGE * products.diagonal().mean())
        solution = torch.linalg.solve(products, self._matches).T.to(conv.weight)
        conv.weight.copy_(solution[:, :-1].view_as(conv.weight))
        assert conv.bias is not None
        conv.bias.copy_(solution[:, -1])


def refit(conv: nn.Conv2d, inputs: Tensor, wanted: Tensor) -> None:
    """Set `conv` so that of `inputs` (N, in, H, W) it makes `wanted` (N, out, H, W) as nearly as it can."""
    fit = LeastSquares(conv)
    fit.add(inputs, wanted, max(1, POSITIONS // len(inputs)))
    fit.solve()


def most_useful(maps: Sequence[Tensor], following: Tensor, count: int) -> Tensor:
    """The `count` channels of which most is made: their numbers, in order.

    maps: each (N, C, H, W), after their activation; following: (out, C, kh, kw), the weights that read them.
    """
    squares = torch.stack([each.square().mean((0, 2, 3)) for each in maps]).mean(0)
    contributions = squares * following.square().sum((0, 2, 3))
    return contributions.argsort(descending=True)[:count].sort().values


def relative_error(found: Tensor | Sequence[Tensor], wanted: Tensor | Sequence[Tensor]) -> float:
    """Root of the mean square of the difference, as a share of that of `wanted`."""
    if isinstance(found, Tensor):
        found, wanted = (found,), (wanted,)  # type: ignore[assignment]
    squares = sum(float((a - b).square().sum()) for a, b in zip(found, wanted, strict=True))
    return float((squares / sum(float(b.square().sum()) for b in wanted)) ** 0.5)


def _patches(x: Tensor, kernel: int, places: Tensor) -> Tensor:
    """What a kernel sees at `places` (P,) of each map, and a 1 for the bias: (N * P, C * kernel² + 1)."""
    half = kernel // 2
    width = x.shape[-1]
    rows, columns = places // width, places % width
    padded = F.pad(x, (half,) * 4)
    seen = [padded[:, :, rows + i, columns + j] for i in range(kernel) for j in range(kernel)]
    patches = torch.stack(seen, dim=2).permute(0, 3, 1, 2).flatten(2).flatten(0, 1)  # C before taps
    return F.pad(patches, (0, 1), value=1.0)
