"""Convolutions in 8-bit integers, on CPUs that multiply them faster than anything else (VNNI, AMX).

The residual blocks of both trunks and the 3x3 convolutions of the reconstruction, four fifths of all
operations, compute with codes of 8 bits. What lies between them stays in the network's dtype, and so do the
residual sums, where errors would add up. Every channel has a step of its own: that of an input follows from
the largest value that it takes on training clips (the network's `ranges`) and goes into the weights, which
then have one for each output. Where a frame's features are larger than that, as those of noise are, all steps
of the layer grow with them.
"""

import copy
from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.layers import NEGATIVE_SLOPE, Activation, ResidualBlock, Substitute, convolve
from tcnet.network.reconstruction import Reconstruction
from tcnet.network.tcnet import TCNet

_STAGES = ("propagation.trunk.blocks.", "refinement.trunk.blocks.", "reconstruction.")
_ZERO = 128  # the code of 0; after a ReLU it is 0
_LEAST_RANGE = 0.1  # of the layer's largest: channels that were silent on the training clips may wake up
_OUTER_RANGE = 1.25  # of the largest: steps seldom have to grow
_INNER_RANGE = 2.0  # what lies inside a block grows more than what enters it
_CACHED_VALUES = 2**20
_SHAPE = ([1, 1], [1, 1], [1, 1], 1)  # stride, padding, dilation, groups


class _Encoder:
    """Features (N, C, H, W) to codes around 128, each channel by its step."""

    def __init__(self, largest: Tensor) -> None:
        self._per_unit = 1 / _step(_OUTER_RANGE * largest, 127)
        self._row = self._per_unit  # for each value of a row of pixels: one long vector is multiplied faster

    def __call__(self, x: Tensor) -> tuple[Tensor, float]:
        """uint8 codes in channels_last memory, and by how much all steps have grown (1 or more)."""
        n, channels, height, width = x.shape
        if len(self._row) != width * channels:
            self._row = self._per_unit.repeat(width)
        rows = x.permute(0, 2, 3, 1).reshape(n * height, width * channels)
        codes = torch.empty_like(rows, dtype=torch.int8)
        most = _round(rows, self._row, codes)
        growth = max(1.0, most / 127)
        if growth > 1:
            _round(rows, self._row / growth, codes)
        unsigned = codes.view(torch.uint8).bitwise_xor_(_ZERO)
        return unsigned.view(n, height, width, channels).permute(0, 3, 1, 2), growth


def _round(rows: Tensor, factors: Tensor, codes: Tensor) -> float:
    """Round `rows` times `factors` into `codes`, a few rows at a time so that they stay in cache; returns the
    largest absolute value. What exceeds 127 has no code."""
    count = max(1, _CACHED_VALUES // len(factors))
    levels = torch.empty((min(count, len(rows)), len(factors)))
    ends: list[Tensor] = []
    for top in range(0, len(rows), count):
        part = rows[top : top + count]
        level = levels[: len(part)].copy_(part).mul_(factors)
        ends += level.aminmax()
        # torch converts to signed bytes ten times as fast as to unsigned ones.
        codes[top : top + count].copy_(level.round_())
    return float(torch.stack(ends).abs().max())


class IntegerConv:
    """The weights of a 3x3 convolution as oneDNN takes them, for inputs by `step_in` (in,) around `zero`.

    step_out: what a code of each output channel stands for; None where it gives features.
    """

    def __init__(self, conv: nn.Conv2d, step_in: Tensor, zero: int, step_out: Tensor | None = None) -> None:
        weight = conv.weight.detach().float() * step_in.view(1, -1, 1, 1)
        step = weight.abs().amax((1, 2, 3)).clamp_min(torch.finfo(torch.float32).tiny) / 127
        rounded = (weight / step.view(-1, 1, 1, 1)).round().to(torch.int8)
        assert conv.bias is not None
        # With the output's steps in the weights' scales its own scale is 1, but for the growth.
        self._scales = step if step_out is None else step / step_out
        self._bias = conv.bias.detach().float() if step_out is None else conv.bias.detach().float() / step_out
        self._zero = zero
        self._zeros = torch.zeros(len(step), dtype=torch.int32)
        self._weight = torch.ops.onednn.qconv_prepack(rounded, self._scales, 1.0, zero, *_SHAPE, None)

    def features(self, codes: Tensor, growth: float, dtype: torch.dtype) -> Tensor:
        y: Tensor = torch.ops.onednn.qconv_pointwise(
            *self._operands(codes, growth), self._bias, *_SHAPE, 1.0, 0, dtype, "none", [], ""
        )
        return y

    def sum(self, codes: Tensor, growth: float, residual: Tensor) -> Tensor:
        """residual + the convolution; the sum takes the residual's place in memory."""
        y: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(
            *self._operands(codes, growth),
            residual,
            self._bias,
            *_SHAPE,
            1.0,
            0,
            residual.dtype,
            1.0,
            0,
            "sum",
            1.0,
            "none",
            [],
            "",
        )
        return y

    def codes(self, codes: Tensor, growth: float) -> Tensor:
        """Codes of the ReLU of the convolution, around 0, whose steps have grown as those of its input."""
        y: Tensor = torch.ops.onednn.qconv_pointwise(
            *self._operands(codes, growth), self._bias, *_SHAPE, growth, 0, torch.uint8, "relu", [], ""
        )
        return y

    def _operands(self, codes: Tensor, growth: float) -> tuple[Tensor, float, int, Tensor, Tensor, Tensor]:
        return codes, growth, self._zero, self._weight, self._scales, self._zeros


class QuantisedBlock(nn.Module):
    """A `ResidualBlock` in integers, which puts its result in the place of its input: in a trunk nothing else
    reads that. Features between its convolutions are codes.

    outer, inner: (C,) largest absolute values of the inputs of its first and second convolution.
    """

    def __init__(self, block: ResidualBlock, outer: Tensor, inner: Tensor) -> None:
        super().__init__()
        self._encode = _Encoder(outer)
        step = _step(_INNER_RANGE * inner, 255)
        self._first = IntegerConv(block.conv1, _step(_OUTER_RANGE * outer, 127), _ZERO, step)
        self._second = IntegerConv(block.conv2, step, 0)

    def forward(self, x: Tensor) -> Tensor:
        codes, growth = self._encode(x)
        residual = x.contiguous(memory_format=torch.channels_last)
        return self._second.sum(self._first.codes(codes, growth), growth, residual)


class QuantisedConv(Substitute):
    """A 3x3 convolution in integers. largest: (in,) largest absolute value of each input channel."""

    def __init__(self, conv: nn.Conv2d, largest: Tensor) -> None:
        super().__init__()
        self._encode = _Encoder(largest)
        self._conv = IntegerConv(conv, _step(_OUTER_RANGE * largest, 127), _ZERO)

    def forward(self, x: Tensor, activation: Activation, residual: Tensor | None) -> Tensor:
        y = self._conv.features(*self._encode(x), x.dtype)
        if residual is not None:
            return y.add_(residual)
        if activation == "relu":
            return F.relu_(y)
        return F.leaky_relu_(y, NEGATIVE_SLOPE) if activation == "leaky_relu" else y


class _Observer(Substitute):
    """A convolution that keeps the largest absolute value of each of its input channels."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.largest = torch.zeros(conv.in_channels)

    def forward(self, x: Tensor, activation: Activation, residual: Tensor | None) -> Tensor:
        self.largest = torch.maximum(self.largest, x.abs().amax((0, 2, 3)).float().cpu())
        return convolve(self.conv, x, activation, residual)


@torch.no_grad()
def measure_ranges(network: TCNet, lr_clips: Iterable[Tensor]) -> dict[str, Tensor]:
    """What `network.ranges` are, from LR clips (B, T, 3, H, W) in [0, 1] on its device; it is not changed."""
    observed = copy.deepcopy(network).eval()
    observers = {name: _Observer(conv) for name, conv in _convolutions(observed).items()}
    for name, observer in observers.items():
        _put(observed, name, observer)
    for clip in lr_clips:
        for _ in observed.frames(clip):
            pass
    return {name: observer.largest for name, observer in observers.items()}


def expected_ranges(network: TCNet) -> Mapping[str, int]:
    """The names of `ranges`, and how many channels each has."""
    return {name: conv.in_channels for name, conv in _convolutions(network).items()}


def quantise(network: TCNet) -> None:
    """Replace blocks and convolutions of a network on the CPU by quantised ones, for inference alone.

    Raises ValueError for a network without ranges.
    """
    ranges = network.ranges
    if not ranges:
        raise ValueError("the network has no ranges, which are measured when a model is trained")
    blocks = {
        name: module
        for name, module in network.named_modules()
        if name.startswith(_STAGES) and isinstance(module, ResidualBlock)
    }
    for name, block in blocks.items():
        _put(network, name, QuantisedBlock(block, ranges[f"{name}.conv1"], ranges[f"{name}.conv2"]))
    for name, conv in _convolutions(network).items():  # that are left
        _put(network, name, QuantisedConv(conv, ranges[name]))


def _convolutions(network: TCNet) -> dict[str, nn.Conv2d]:
    # The last one of the full reconstruction runs in another form.
    left_out = "reconstruction.last" if isinstance(network.reconstruction, Reconstruction) else ""
    return {
        name: module
        for name, module in network.named_modules()
        if name.startswith(_STAGES)
        and isinstance(module, nn.Conv2d)
        and module.kernel_size == (3, 3)
        and name != left_out
    }


def _put(network: TCNet, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, module)


def _step(largest: Tensor, codes: int) -> Tensor:
    """What one code of each channel stands for."""
    floor = (largest.max() * _LEAST_RANGE).clamp_min(1e-6)
    return largest.maximum(floor) / codes
