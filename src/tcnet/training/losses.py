"""What training minimises."""

import torch
from torch import Tensor

from tcnet.evaluation.metrics import SSIM_K1, SSIM_K2, SSIM_SIGMA, SSIM_WINDOW

EPSILON = 1e-8  # 1e-4 squared, a fortieth of an 8-bit step


def charbonnier(sr_clip: Tensor, target: Tensor) -> Tensor:
    """Mean of sqrt(difference² + epsilon): the smooth L1 of video super-resolution; a scalar, float32.

    Both of one shape. Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017, section 3.2.
    """
    difference = sr_clip.float() - target.float()
    return torch.sqrt(difference.square() + EPSILON).mean()


def dissimilarity(sr_clip: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM on luma, the mean over all frames; a scalar, float32.

    Both (B, T, 3, H, W) RGB in [0, 1], H and W at least 11. SSIM as `tcnet.evaluation.metrics` defines it, of
    values that are not rounded; its gradient is finite everywhere.
    """
    x, y = _luma(sr_clip), _luma(target)
    maps = torch.cat((x, y, x * x, y * y, x * y), dim=1)  # (B * T, 5, H, W)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _window_means(maps).unbind(1)
    covariance = mean_xy - mean_x * mean_y
    variances = mean_xx - mean_x.square() + mean_yy - mean_y.square()
    luminance = (2 * mean_x * mean_y + SSIM_K1**2) / (mean_x.square() + mean_y.square() + SSIM_K1**2)
    return 1 - (luminance * (2 * covariance + SSIM_K2**2) / (variances + SSIM_K2**2)).mean()


def _luma(clip: Tensor) -> Tensor:
    """(B, T, 3, H, W) -> (B * T, 1, H, W): the Y of `rgb_to_y` as a share of 255, not rounded."""
    red, green, blue = clip.float().flatten(0, 1).chunk(3, dim=1)
    return (16 + 65.481 * red + 128.553 * green + 24.966 * blue) / 255


def _window_means(maps: Tensor) -> Tensor:
    """Gaussian means over the windows that lie inside: (N, 5, H, W) -> (N, 5, H - 10, W - 10).

    As products with band matrices, whose gradient takes a tenth of a one-channel convolution's on a CPU.
    """
    height, width = maps.shape[-2:]
    return _windows(height, maps.device) @ maps @ _windows(width, maps.device).T


def _windows(length: int, device: torch.device) -> Tensor:
    """(length - 10, length): row i holds the window's weights over the positions i to i + 10."""
    places = torch.arange(length, device=device, dtype=torch.float32)
    offsets = places - places[: length - SSIM_WINDOW + 1].unsqueeze(1) - SSIM_WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2)) * (offsets.abs() <= SSIM_WINDOW // 2)
    return weights / weights.sum(dim=1, keepdim=True)
