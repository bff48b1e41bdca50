"""Convolutions in 8-bit integers, for CPUs that have them in hardware (VNNI, AMX).

The residual blocks of both trunks, the 3x3 convolutions of stability and reconstruction and the inner ones of
the motion network, nine tenths of all FLOPs, compute with 8-bit codes. The rest stays in the network's dtype:
residual sums, where errors would add up, and the fusion's narrow convolutions, which gain nothing. Every
channel has its own step: that of an input follows from its largest value on training clips (the network's
`ranges`) and is folded into the weights, which have one step per output. Where a frame's features are larger,
as those of noise are, all steps of the layer grow with them.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.flow import FlowResidual
from tcnet.network.layers import NEGATIVE_SLOPE, Activation, ResidualBlock, Substitute, convolve
from tcnet.network.reconstruction import Reconstruction
from tcnet.network.tcnet import TCNet

_TRUNKS = ("propagation.trunk.blocks.", "refinement.trunk.blocks.")
_STAGES = (*_TRUNKS, "stability.", "reconstruction.")
_ZERO = 128  # the code of 0; after a ReLU it is 0
_LEAST_RANGE = 0.1  # of the layer's largest: channels that were silent on the training clips may wake up
_OUTER_RANGE = 1.25  # of the largest: steps seldom have to grow
_INNER_RANGE = 2.0  # what lies inside a block grows more than what enters it
_CACHED_VALUES = 2**20
_OFFSET = 2.0**23 + _ZERO  # float32 from 2**23 on are whole numbers, whose lowest byte is that of their bits


class _Encoder:
    """Features (N, C, H, W) to codes around 128, each channel by its step."""

    def __init__(self, largest: Tensor) -> None:
        self._per_unit = 1 / _step(_OUTER_RANGE * largest, 127)
        self._row = self._per_unit  # for each value of a row of pixels: one long vector is multiplied faster

    def __call__(self, x: Tensor) -> tuple[Tensor, float]:
        """uint8 codes in channels_last memory, and by how much all steps have grown: 1 or more; NaN or
        infinite where the features are, so that what follows is not finite either."""
        n, channels, height, width = x.shape
        if len(self._row) != width * channels:
            self._row = self._per_unit.repeat(width)
        rows = x.permute(0, 2, 3, 1).reshape(n * height, width * channels)
        codes = torch.empty_like(rows, dtype=torch.uint8)
        largest = _round(rows, self._row, codes)
        growth = 1.0 if largest <= 127 else largest / 127
        if growth > 1:
            _round(rows, self._row / growth, codes)
        return codes.view(n, height, width, channels).permute(0, 3, 1, 2), growth


def _round(rows: Tensor, factors: Tensor, codes: Tensor) -> float:
    """Round `rows` times `factors` into `codes`, a few rows at a time so that they stay in cache; returns the
    largest absolute value, rounded. What exceeds 127 has no code."""
    count = max(1, _CACHED_VALUES // len(factors))
    levels = torch.empty((min(count, len(rows)), len(factors)))
    offset = torch.tensor(_OFFSET)
    ends: list[Tensor] = []
    for top in range(0, len(rows), count):
        part = rows[top : top + count]
        level = levels[: len(part)].copy_(part)
        # Of positive floats the bits have the same order, and torch finds their ends faster.
        bits = torch.addcmul(offset, level, factors, out=level).view(torch.int32)
        ends += bits.aminmax()
        codes[top : top + count].copy_(bits)
    return float((torch.stack(ends).view(torch.float32) - _OFFSET).abs().max())


class IntegerConv:
    """The weights of a convolution as oneDNN takes them, for inputs by `step_in` (in,) around `zero`.

    step_out: what a code of each output channel stands for; None where it gives features.
    """

    def __init__(self, conv: nn.Conv2d, step_in: Tensor, zero: int, step_out: Tensor | None = None) -> None:
        weight = conv.weight.detach().float() * step_in.view(1, -1, 1, 1)
        step = weight.abs().amax((1, 2, 3)).clamp_min(torch.finfo(torch.float32).tiny) / 127
        rounded = (weight / step.view(-1, 1, 1, 1)).round().to(torch.int8)
        assert conv.bias is not None
        self._shape = (list(conv.stride), list(conv.padding), [1, 1], 1)  # stride, padding, dilation, groups
        # With the output's steps in the weights' scales its own scale is 1, but for the growth.
        self._scales = step if step_out is None else step / step_out
        self._bias = conv.bias.detach().float() if step_out is None else conv.bias.detach().float() / step_out
        self._zero = zero
        self._zeros = torch.zeros(len(step), dtype=torch.int32)
        self._weight = torch.ops.onednn.qconv_prepack(rounded, self._scales, 1.0, zero, *self._shape, None)

    def features(
        self,
        codes: Tensor,
        growth: float,
        dtype: torch.dtype,
        activation: Literal["none", "relu"],
        *,
        pad_rows: bool = True,
    ) -> Tensor:
        stride, padding, *rest = self._shape
        shape = (stride, padding if pad_rows else [0, padding[1]], *rest)
        y: Tensor = torch.ops.onednn.qconv_pointwise(
            *self._operands(codes, growth), self._bias, *shape, 1.0, 0, dtype, activation, [], ""
        )
        return y

    def sum(self, codes: Tensor, growth: float, residual: Tensor) -> Tensor:
        """residual + the convolution; the sum takes the residual's place in memory."""
        y: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(
            *self._operands(codes, growth),
            residual,
            self._bias,
            *self._shape,
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
            *self._operands(codes, growth), self._bias, *self._shape, growth, 0, torch.uint8, "relu", [], ""
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
    """A convolution in integers. largest: (in,) largest absolute value of each input channel."""

    def __init__(self, conv: nn.Conv2d, largest: Tensor) -> None:
        super().__init__()
        self._encode = _Encoder(largest)
        self._conv = IntegerConv(conv, _step(_OUTER_RANGE * largest, 127), _ZERO)

    def forward(
        self, x: Tensor, activation: Activation, residual: Tensor | None, *, pad_rows: bool = True
    ) -> Tensor:
        within: Literal["none", "relu"] = "relu" if activation == "relu" else "none"
        y = self._conv.features(*self._encode(x), x.dtype, within, pad_rows=pad_rows)
        if residual is not None:
            return y.add_(residual)
        return F.leaky_relu_(y, NEGATIVE_SLOPE) if activation == "leaky_relu" else y


class _Observer(Substitute):
    """A convolution that keeps the largest absolute value of each of its input channels."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.largest = torch.zeros(conv.in_channels)

    def forward(
        self, x: Tensor, activation: Activation, residual: Tensor | None, *, pad_rows: bool = True
    ) -> Tensor:
        self.largest = torch.maximum(self.largest, x.abs().amax((0, 2, 3)).float().cpu())
        return convolve(self.conv, x, activation, residual, pad_rows=pad_rows)


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
    """Replace blocks and convolutions that have ranges, of a network on the CPU, by quantised ones, for
    inference alone.

    Raises ValueError for a network without ranges.
    """
    ranges = network.ranges
    if not ranges:
        raise ValueError("the network has no ranges, which are measured when a model is trained")
    for name, module in list(network.named_modules()):
        if isinstance(module, ResidualBlock) and name.startswith(_TRUNKS):
            outer, inner = ranges.get(f"{name}.conv1"), ranges.get(f"{name}.conv2")
            if outer is not None and inner is not None:
                _put(network, name, QuantisedBlock(module, outer, inner))
    for name, conv in _convolutions(network).items():  # that are left
        if name in ranges:
            _put(network, name, QuantisedConv(conv, ranges[name]))


def _convolutions(network: TCNet) -> dict[str, nn.Conv2d]:
    found: dict[str, nn.Conv2d] = {}
    for name, module in network.named_modules():
        if name.startswith(_STAGES) and isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            found[name] = module
        elif isinstance(module, FlowResidual):  # the first sees pictures, the last gives the flow
            inner = list(module.named_children())[1:-1]
            found |= {f"{name}.{leaf}": conv for leaf, conv in inner if isinstance(conv, nn.Conv2d)}
    if isinstance(network.reconstruction, Reconstruction):
        found.pop("reconstruction.last", None)  # runs in another form
    return found


def _put(network: TCNet, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, module)


def _step(largest: Tensor, codes: int) -> Tensor:
    """What one code of each channel stands for."""
    floor = (largest.max() * _LEAST_RANGE).clamp_min(1e-6)
    return largest.maximum(floor) / codes
