"""Convolutional blocks that several stages share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NEGATIVE_SLOPE = 0.1  # of every LeakyReLU in the network

Activation = Literal["none", "relu", "leaky_relu"]


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)


class Substitute(nn.Module, ABC):
    """Stands in a convolution's place and does all that `convolve` would do with it."""

    @abstractmethod
    def forward(
        self, x: Tensor, activation: Activation, residual: Tensor | None, *, pad_rows: bool = True
    ) -> Tensor: ...


def convolve(
    conv: nn.Conv2d | Substitute,
    x: Tensor,
    activation: Activation = "none",
    residual: Tensor | None = None,
    *,
    in_place: bool = False,
    pad_rows: bool = True,
) -> Tensor:
    """activation(conv(x)), or conv(x) + residual; not both. in_place: the sum may take the residual's memory,
    which is a sixth faster with 64 channels in bfloat16. pad_rows: False if x has the rows beyond its ends.

    On a CPU without gradients oneDNN does it in one pass over memory; the result is the same, but for one
    rounding less in half precision. A pass of its own costs as much as a fifth of the convolution with AMX.
    """
    assert activation == "none" or residual is None
    if isinstance(conv, Substitute):
        substituted: Tensor = conv(x, activation, residual, pad_rows=pad_rows)
        return substituted
    assert isinstance(conv.padding, tuple)
    padding = conv.padding if pad_rows else (0, *conv.padding[1:])
    if _can_fuse(conv, x):
        shape = (padding, conv.stride, conv.dilation, conv.groups)
        if residual is not None:
            fused, operands = torch.ops.mkldnn._convolution_pointwise.binary, (x, residual)
            if in_place and residual.is_contiguous(memory_format=torch.channels_last):
                fused, operands = torch.ops.mkldnn._convolution_pointwise_.binary, (residual, x)
            summed: Tensor = fused(*operands, conv.weight, conv.bias, *shape, "add", 1.0, None, [], None)
            return summed
        slope = [NEGATIVE_SLOPE] if activation == "leaky_relu" else []
        fused = torch.ops.mkldnn._convolution_pointwise.default
        activated: Tensor = fused(x, conv.weight, conv.bias, *shape, activation, slope, "")
        return activated
    y = F.conv2d(x, conv.weight, conv.bias, conv.stride, padding, conv.dilation, conv.groups)
    # In place is safe: the gradient of a convolution does not need its own output.
    if residual is not None:
        return y.add_(residual)
    if activation == "relu":
        return F.relu_(y)
    return F.leaky_relu_(y, NEGATIVE_SLOPE) if activation == "leaky_relu" else y


def memory_layout(conv: nn.Conv2d) -> torch.memory_format:
    """The memory layout of a convolution's weights, which its input should share: mixing costs a copy."""
    channels_last = conv.weight.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format


def _can_fuse(conv: nn.Conv2d, x: Tensor) -> bool:
    return (
        not torch.compiler.is_compiling()  # compilers fuse by themselves; first, as they cannot ask the rest
        and x.device.type == "cpu"
        and not (torch.is_grad_enabled() and (x.requires_grad or conv.weight.requires_grad))
        and x.dtype == conv.weight.dtype
        and x.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and not torch.is_autocast_enabled("cpu")
        and x.is_contiguous(memory_format=torch.channels_last)
    )


class ConvBlock(nn.Module):
    """3x3 convolution and LeakyReLU. (N, in, H, W) -> (N, out, ceil(H/stride), ceil(W/stride))."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = conv3x3(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(self.conv, x, "leaky_relu")


class ResidualBlock(nn.Module):
    """x + conv(ReLU(conv(x))), without normalisation. Shape is kept.

    width: channels between its convolutions; 0 is as many as outside. in_place: without gradients the result
    may take the place of x, which nothing else may read then.
    """

    def __init__(self, channels: int, width: int = 0, *, in_place: bool = False) -> None:
        super().__init__()
        self.in_place = in_place
        self.conv1 = conv3x3(channels, width or channels)
        self.conv2 = conv3x3(width or channels, channels)
        for conv in (self.conv1, self.conv2):
            # Deep trunks without normalisation diverge at the usual gain (Wang et al., ESRGAN, 2018).
            nn.init.kaiming_normal_(conv.weight)
            conv.weight.data.mul_(0.1)
            nn.init.zeros_(_bias(conv))

    def forward(self, x: Tensor) -> Tensor:
        y = convolve(self.conv1, x, "relu")
        return convolve(self.conv2, y, residual=x, in_place=self.in_place)


class ResidualTrunk(nn.Module):
    """A convolution with LeakyReLU, then residual blocks. (N, in, H, W) -> (N, channels, H, W).

    width: as of `ResidualBlock`.
    """

    def __init__(self, in_channels: int, channels: int, blocks: int, width: int = 0) -> None:
        super().__init__()
        self.entry = ConvBlock(in_channels, channels)
        self.blocks = nn.Sequential(*(ResidualBlock(channels, width, in_place=True) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(self.entry(x))
        return y


def zero_last(conv: nn.Conv2d | nn.Linear) -> None:
    """Set a layer to zero, so that the branch it ends adds nothing until it is trained."""
    with torch.no_grad():
        conv.weight.zero_()
        _bias(conv).zero_()


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def repeat(x: Tensor, by: int, size: Sequence[int]) -> Tensor:
    """(N, C, h, w) -> (N, C, H, W), each value at by x by positions, and what is beyond `size` (H, W) left
    out: pixels stay in place for odd sizes, where stretching would move them."""
    if by == 1:
        return x
    return F.interpolate(x, scale_factor=float(by), mode="nearest")[..., : size[0], : size[1]]


def shuffle(x: Tensor, by: int, out: Tensor | None = None) -> Tensor:
    """Pixel shuffle of (N, by²C, H, W) -> (N, C, by H, by W), channels ordered (row, column, C).

    torch's pixel_shuffle has C first; in this order each copied run is C channels long, in channels_last
    memory five times as fast. out: where to put it, in channels_last memory.
    """
    n, c, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(n, height, width, by, by, c // by**2).transpose(2, 3)
    if out is not None:
        out.permute(0, 2, 3, 1).view(x.shape).copy_(x)
        return out
    return x.reshape(n, by * height, by * width, c // by**2).permute(0, 3, 1, 2)
