"""A motion network for live use: 3 % of SPyNet's operations and parameters."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.flow import warp
from tcnet.network.layers import ConvBlock, conv3x3, convolve, memory_layout

_STRIDES = (32, 16, 8, 4, 2)  # LR pixels per pixel of each level, coarsest first; the finest is half size
_WIDTHS = (9, 24, 24, 24)


class SmallFlow(nn.Module):
    """A spatial pyramid as SPyNet's, with 3x3 convolutions, that ends at half the size.

    Each level sees the reference, the neighbour warped onto it, their mean difference and the doubled flow
    of the level below, and corrects the flow. Half a frame's pixels tell its motion as well as all of them,
    to a fraction of a pixel, which the convolutions after warping are used to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(_Correction() for _ in _STRIDES)

    def forward(self, reference: Tensor, neighbour: Tensor) -> Tensor:
        """Flow from each reference to its neighbour: warp(neighbour, flow) resembles reference.

        Both (N, 3, H, W), RGB in [0, 1]; returns (N, 2, H, W) float32 in pixels, x before y.
        """
        height, width = reference.shape[-2:]
        padding = (0, -width % _STRIDES[0], 0, -height % _STRIDES[0])
        frames = F.pad(torch.cat((reference, neighbour)).float(), padding, mode="replicate")
        flow: Tensor | None = None
        for level, stride in zip(self.levels, _STRIDES, strict=True):
            first, second = F.avg_pool2d(frames, stride).chunk(2)
            flow = torch.zeros_like(first[:, :2]) if flow is None else _doubled(flow)
            flow = flow + level(first, warp(second, flow, padding_mode="border"), flow)
        assert flow is not None
        return _doubled(flow)[..., :height, :width]


class _Correction(nn.Module):
    """(N, 3, h, w) reference and warped neighbour, (N, 2, h, w) flow -> correction (N, 2, h, w) float32."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(*(ConvBlock(i, o) for i, o in pairwise(_WIDTHS)))
        self.last = conv3x3(_WIDTHS[-1], 2)

    def forward(self, reference: Tensor, warped: Tensor, flow: Tensor) -> Tensor:
        difference = (warped - reference).mean(dim=1, keepdim=True)
        x = torch.cat((reference, warped, difference, flow), dim=1)
        x = x.to(self.last.weight.dtype, memory_format=memory_layout(self.last))
        return convolve(self.last, self.inner(x)).float()


def _doubled(flow: Tensor) -> Tensor:
    """Flow of twice the size, in its pixels."""
    return 2.0 * F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False)
