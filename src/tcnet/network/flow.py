"""Motion: the optical-flow network SPyNet and backward warping.

Flows are float32 whatever the dtype of the features: half precision cannot hold a sub-pixel position in a
wide frame (bfloat16 steps by 1 pixel from 256 on).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def warp(source: Tensor, flow: Tensor, padding_mode: str = "zeros") -> Tensor:
    """Sample `source` at each pixel's position plus `flow`, bilinearly.

    source: (N, C, H, W), any float dtype; flow: (N, 2, H, W) float32 in pixels, x before y.
    Returns (N, C, H, W) in source's dtype. The sampling itself runs in float32: with
    channels_last memory it is then 2.5 times as fast as in bfloat16.
    """
    height, width = flow.shape[-2:]
    y = torch.arange(height, device=flow.device, dtype=torch.float32)
    x = torch.arange(width, device=flow.device, dtype=torch.float32)
    # grid_sample with align_corners puts -1 and 1 on the centres of the outermost pixels.
    grid_x = (x + flow[:, 0]) * (2.0 / max(width - 1, 1)) - 1.0
    grid_y = (y[:, None] + flow[:, 1]) * (2.0 / max(height - 1, 1)) - 1.0
    grid = torch.stack((grid_x, grid_y), dim=-1)
    sampled = F.grid_sample(
        source.float(), grid, mode="bilinear", padding_mode=padding_mode, align_corners=True
    )
    return sampled.to(source.dtype)


class FlowResidual(nn.Sequential):
    """One pyramid level: [reference, warped neighbour, flow] (N, 8, h, w) -> correction (N, 2, h, w)."""

    def __init__(self) -> None:
        widths = (8, 32, 64, 32, 16, 2)
        layers: list[nn.Module] = []
        for i in range(5):
            layers.append(nn.Conv2d(widths[i], widths[i + 1], 7, padding=3))
            if i < 4:
                layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class SPyNet(nn.Module):
    """Spatial pyramid network for optical flow (Ranjan and Black, CVPR 2017, arXiv 1611.00850).

    Six levels from 1/32 of the size to the full size; each corrects the doubled flow of the level below.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, levels: int = 6) -> None:
        super().__init__()
        self.levels = nn.ModuleList(FlowResidual() for _ in range(levels))
        # ImageNet statistics: the published weights expect frames normalised so.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def forward(self, reference: Tensor, neighbour: Tensor) -> Tensor:
        """Flow from each reference to its neighbour: warp(neighbour, flow) resembles reference.

        Both (N, 3, H, W), RGB in [0, 1]; returns (N, 2, H, W) float32 in pixels, x before y.
        """
        height, width = reference.shape[-2:]
        stride = 2 ** (len(self.levels) - 1)
        size = (math.ceil(height / stride) * stride, math.ceil(width / stride) * stride)
        references = self._pyramid(reference, size)
        neighbours = self._pyramid(neighbour, size)

        coarsest = references[0]
        flow = coarsest.new_zeros(coarsest.shape[0], 2, *coarsest.shape[-2:])
        for index, level in enumerate(self.levels):
            if index > 0:
                flow = 2.0 * F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=True)
            warped = warp(neighbours[index], flow, padding_mode="border")
            features = torch.cat((references[index], warped, flow), dim=1)  # (N, 8, h, w)
            dtype = level[0].weight.dtype  # type: ignore[index]
            flow = flow + level(features.to(dtype)).float()

        if size != (height, width):
            flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
            scale = torch.tensor((width / size[1], height / size[0]), device=flow.device)
            flow = flow * scale.view(1, 2, 1, 1)
        return flow

    def _pyramid(self, frames: Tensor, size: tuple[int, int]) -> list[Tensor]:
        """Normalised float32 frames at all levels, coarsest first; `size` divides by the last stride."""
        frames = frames.float()
        if frames.shape[-2:] != size:
            frames = F.interpolate(frames, size=size, mode="bilinear", align_corners=False)
        pyramid = [(frames - self.mean.float()) / self.std.float()]
        for _ in range(len(self.levels) - 1):
            pyramid.append(F.avg_pool2d(pyramid[-1], 2))
        return pyramid[::-1]
