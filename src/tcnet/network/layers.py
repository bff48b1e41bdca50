"""Convolutional blocks that several stages share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NEGATIVE_SLOPE = 0.1  # of every LeakyReLU in the network


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)


def leaky_relu_(x: Tensor) -> Tensor:
    """LeakyReLU(0.1) in place. Safe after a convolution: its gradient does not need its own output."""
    return F.leaky_relu_(x, NEGATIVE_SLOPE)


class ConvBlock(nn.Module):
    """3x3 convolution and LeakyReLU. (N, in, H, W) -> (N, out, ceil(H/stride), ceil(W/stride))."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = conv3x3(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu_(self.conv(x))


class ResidualBlock(nn.Module):
    """x + conv(ReLU(conv(x))), without normalisation. Shape is kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.conv2 = conv3x3(channels, channels)
        for conv in (self.conv1, self.conv2):
            # Deep trunks without normalisation diverge at the usual gain (Wang et al., ESRGAN, 2018).
            nn.init.kaiming_normal_(conv.weight)
            conv.weight.data.mul_(0.1)
            nn.init.zeros_(_bias(conv))

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.conv2(F.relu_(self.conv1(x)))
        return residual.add_(x)


class ResidualTrunk(nn.Module):
    """A convolution with LeakyReLU, then residual blocks. (N, in, H, W) -> (N, channels, H, W)."""

    def __init__(self, in_channels: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.entry = ConvBlock(in_channels, channels)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))

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
