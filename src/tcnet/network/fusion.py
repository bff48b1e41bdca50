"""Progressive fusion module of the paper: two pyramid fusions, one after the other."""

import torch
from torch import Tensor, nn

from tcnet.network.layers import ConvBlock, conv3x3, convolve, repeat


class PyramidFusion(nn.Module):
    """A small U-Net: fuse at full size, downsample `levels - 1` times by 2, upsample over the skips.

    Adds the result to its residual input. `width` channels inside, at every resolution.
    """

    def __init__(self, channels: int, width: int, levels: int) -> None:
        super().__init__()
        self.entry = ConvBlock(2 * channels, width)
        self.down = nn.ModuleList(
            nn.Sequential(ConvBlock(width, width, stride=2), ConvBlock(width, width))
            for _ in range(levels - 1)
        )
        self.up = nn.ModuleList(ConvBlock(2 * width, width) for _ in range(levels - 1))
        self.last = conv3x3(width, channels)

    def forward(self, first: Tensor, second: Tensor, residual: Tensor) -> Tensor:
        """first, second, residual: (N, C, H, W) -> residual + fusion of first and second."""
        x = self.entry(torch.cat((first, second), dim=1))
        skips: list[Tensor] = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up in self.up:
            skip = skips.pop()
            x = up(torch.cat((repeat(x, 2, skip.shape[-2:]), skip), dim=1))
        return convolve(self.last, x, residual=residual)


class ProgressiveFusion(nn.Module):
    """Stage one fuses the two branches of the stability module, stage two their fusion with g itself.

    With a single stage the fused branches are added to g. stride: with two, the number of positions of g per
    position of the branches, in each direction.
    """

    def __init__(self, channels: int, width: int, levels: int, stages: int = 2, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.stage_one = PyramidFusion(channels, width, levels)
        self.stage_two = PyramidFusion(channels, width, levels) if stages == 2 else None

    @property
    def stages(self) -> tuple[PyramidFusion, ...]:
        return (self.stage_one,) if self.stage_two is None else (self.stage_one, self.stage_two)

    def forward(self, g: Tensor, g_sa: Tensor, g_cm: Tensor) -> Tensor:
        """g (N, C, H, W), both branches (N, C, H/stride, W/stride), rounded up -> the fused feature, as g."""
        if self.stage_two is None:
            fused: Tensor = self.stage_one(g_cm, g_sa, residual=g)
        else:
            branches = repeat(self.stage_one(g_cm, g_sa, residual=g_sa), self.stride, g.shape[-2:])
            fused = self.stage_two(g, branches, residual=g)
        return fused
