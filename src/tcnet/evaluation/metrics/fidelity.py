"""PSNR and SSIM as the super-resolution literature measures them.

Both compare 8-bit images, because that is what a published result is: a written PNG. Inputs are uint8 RGB
tensors (..., 3, H, W) of one shape, the result of `tcnet.data.degradation.to_8bit`; results are float64 of
shape (...), one figure per image. `channel` is "y" (luma alone, most benchmarks) or "rgb" (REDS).
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

Channel = Literal["y", "rgb"]

PEAK = 255.0
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_K1 = 0.01
SSIM_K2 = 0.03
LUMA = (65.481, 128.553, 24.966)
"""What red, green and blue in [0, 1] add to the 16 of black, in 8-bit steps: BT.601 with studio swing."""


def rgb_to_y(rgb: Tensor) -> Tensor:
    """Luma of ITU-R BT.601 with studio swing: the Y of MATLAB's `rgb2ycbcr`, not rounded.

    rgb: uint8 (..., 3, H, W). Returns float64 (..., 1, H, W) in [16, 235].
    """
    _check_rgb(rgb)
    red, green, blue = rgb.double().unbind(dim=-3)
    return (16 + (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue) / PEAK).unsqueeze(-3)


def psnr(sr: Tensor, hr: Tensor, channel: Channel) -> Tensor:
    """Peak signal-to-noise ratio in dB: 10 log10(255^2 / MSE), over all pixels, no border cropped.

    The peak is 255 on Y too, although Y ends at 235. Identical images give inf.
    sr, hr: uint8 (..., 3, H, W). Returns float64 (...).
    Raises TypeError for another dtype, ValueError for other shapes or an unknown channel.
    """
    sr_planes, hr_planes = _planes(sr, hr, channel)
    mse = (sr_planes - hr_planes).square().mean(dim=(-3, -2, -1))
    return 10 * torch.log10(PEAK * PEAK / mse)


def ssim(sr: Tensor, hr: Tensor, channel: Channel) -> Tensor:
    """Mean structural similarity, in [-1, 1].

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", IEEE TIP 13(4), 2004: 11x11 Gaussian of sigma
    1.5, K1 = 0.01, K2 = 0.03, dynamic range 255, population covariance, averaged over the positions where the
    whole window lies inside. On "rgb" it is the mean of the three channels' SSIM.
    sr, hr: uint8 (..., 3, H, W). Returns float64 (...).
    Raises TypeError for another dtype, ValueError for other shapes, an unknown channel, under 11x11 pixels.
    """
    if min(sr.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least 11x11, not {sr.shape[-1]}x{sr.shape[-2]}")
    return similarity(*_planes(sr, hr, channel), PEAK, _window_mean).mean(dim=(-3, -2, -1))


def similarity(x: Tensor, y: Tensor, peak: float, window_mean: Callable[[Tensor], Tensor]) -> Tensor:
    """SSIM at each position of planes (..., H, W) with values up to `peak`; of the shape of window means.

    window_mean: the weighted mean of planes over the window around each position.
    """
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = map(window_mean, (x, y, x * x, y * y, x * y))
    variance_x = mean_xx - mean_x * mean_x
    variance_y = mean_yy - mean_y * mean_y
    covariance = mean_xy - mean_x * mean_y
    c1, c2 = (SSIM_K1 * peak) ** 2, (SSIM_K2 * peak) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return luminance * structure


FIDELITY: Mapping[str, Callable[[Tensor, Tensor, Channel], Tensor]] = MappingProxyType(
    {"psnr": psnr, "ssim": ssim}
)


def _window_mean(planes: Tensor) -> Tensor:
    """Gaussian mean over 11x11 windows that lie inside: (..., H, W) -> (..., H - 10, W - 10)."""
    offsets = range(-(SSIM_WINDOW // 2), SSIM_WINDOW // 2 + 1)
    taps = [math.exp(-0.5 * (offset / SSIM_SIGMA) ** 2) for offset in offsets]
    total = sum(taps)
    for dim in (-2, -1):
        length = planes.shape[dim] - SSIM_WINDOW + 1
        # Eleven shifted sums: in float64 on a CPU several times faster than conv2d.
        result = planes.narrow(dim, 0, length) * (taps[0] / total)
        for start, tap in enumerate(taps[1:], start=1):
            result.add_(planes.narrow(dim, start, length), alpha=tap / total)
        planes = result
    return planes


def _planes(sr: Tensor, hr: Tensor, channel: Channel) -> tuple[Tensor, Tensor]:
    """float64 (..., C, H, W) of both images: C = 1 for "y", 3 for "rgb"."""
    if sr.shape != hr.shape:
        raise ValueError(f"the images differ in shape: {tuple(sr.shape)} and {tuple(hr.shape)}")
    if channel == "y":
        return rgb_to_y(sr), rgb_to_y(hr)
    if channel == "rgb":
        _check_rgb(sr)
        _check_rgb(hr)
        return sr.double(), hr.double()
    raise ValueError(f"channel {channel!r} is unknown; choose 'y' or 'rgb'")


def _check_rgb(rgb: Tensor) -> None:
    if rgb.dtype != torch.uint8:
        raise TypeError(f"images must be uint8, not {rgb.dtype}")
    if rgb.ndim < 3 or rgb.shape[-3] != 3:
        raise ValueError(f"images must have shape (..., 3, H, W), not {tuple(rgb.shape)}")
