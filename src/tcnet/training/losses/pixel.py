"""Losses of pixels against pixels."""

import torch
from torch import Tensor

from tcnet.evaluation.metrics.fidelity import LUMA, PEAK, SSIM_SIGMA, SSIM_WINDOW, similarity

EPSILON = 1e-4  # a fortieth of an 8-bit step


def charbonnier(sr_clip: Tensor, target: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Mean of sqrt(difference² + epsilon²): the smooth L1 of video super-resolution; a scalar, float32.

    Both of one shape. Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017, section 3.2.
    """
    difference = sr_clip.float() - target.float()
    return torch.sqrt(difference.square() + epsilon**2).mean()


def dissimilarity(sr_clip: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM on luma, the mean over all frames; a scalar, float32.

    Both (B, T, 3, H, W) RGB in [0, 1], H and W at least 11. SSIM as in
    `tcnet.evaluation.metrics.fidelity`, of values that are not rounded; its gradient is finite everywhere.
    """
    return 1 - similarity(_luma(sr_clip), _luma(target), 1.0, _window_mean).mean()


def _luma(clip: Tensor) -> Tensor:
    """(B, T, 3, H, W) -> (B, T, H, W): the Y of `rgb_to_y` as a share of 255, not rounded."""
    red, green, blue = clip.float().unbind(2)
    return (16 + LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue) / PEAK


def _window_mean(planes: Tensor) -> Tensor:
    """Gaussian means over the windows that lie inside: (B, T, H, W) -> (B, T, H - 10, W - 10).

    As products with band matrices, whose gradient takes a tenth of a one-channel convolution's on a CPU.
    """
    height, width = planes.shape[-2:]
    return _windows(height, planes.device) @ planes @ _windows(width, planes.device).T


def _windows(length: int, device: torch.device) -> Tensor:
    """(length - 10, length): row i holds the window's weights over the positions i to i + 10."""
    places = torch.arange(length, device=device, dtype=torch.float32)
    offsets = places - places[: length - SSIM_WINDOW + 1].unsqueeze(1) - SSIM_WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2)) * (offsets.abs() <= SSIM_WINDOW // 2)
    return weights / weights.sum(dim=1, keepdim=True)
