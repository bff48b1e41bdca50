"""What training minimises."""

from collections.abc import Callable

import torch
from torch import Tensor

from tcnet.network.flow import warp

EPSILON = 1e-8  # 1e-4 squared, a fortieth of an 8-bit step
FLOW_EPSILON = 1e-4  # a hundredth of a pixel, squared
SMOOTHNESS = 0.01  # of flow, for each pixel by which neighbours' motion differs

Motion = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Two frames (B, 3, H, W) that follow each other -> flow first-to-second, flow second-to-first."""


def charbonnier(sr_clip: Tensor, target: Tensor) -> Tensor:
    """Mean of sqrt(difference² + epsilon): the smooth L1 of video super-resolution; a scalar, float32.

    Both of one shape. Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017, section 3.2.
    """
    difference = sr_clip.float() - target.float()
    return torch.sqrt(difference.square() + EPSILON).mean()


def flow_distance(motion: Motion, teacher: Motion, lr_clip: Tensor) -> Tensor:
    """Mean distance in pixels between two networks' motion; a scalar, float32.

    lr_clip: (B, T, 3, H, W) with T >= 2. For small motion networks: from pictures alone they learn a third
    of what a trained one can teach them (docs/log.md, 2026-11-23).
    """
    first, second = lr_clip[:, :-1].flatten(0, 1), lr_clip[:, 1:].flatten(0, 1)
    with torch.no_grad():
        truth = torch.cat(teacher(first, second)).float()
    squared = (torch.cat(motion(first, second)) - truth).square().sum(dim=1)
    return torch.sqrt(squared + FLOW_EPSILON).mean()


def motion_loss(motion: Motion, lr_clip: Tensor) -> Tensor:
    """How badly each frame's neighbours, warped by the motion, resemble it; a scalar, float32.

    For motion networks without a teacher. lr_clip: (B, T, 3, H, W) with T >= 2. As in Caballero et al.,
    VESPCN, CVPR 2017, section 2.2, the flow's gradient is added with a small weight.
    """
    first, second = lr_clip[:, :-1].flatten(0, 1), lr_clip[:, 1:].flatten(0, 1)
    to_second, to_first = motion(first, second)
    loss = charbonnier(warp(second, to_second, "border"), first)
    loss = loss + charbonnier(warp(first, to_first, "border"), second)
    for flow in (to_second, to_first):
        for dim in (-1, -2):
            loss = loss + SMOOTHNESS * flow.diff(dim=dim).abs().mean()
    return loss / 2
