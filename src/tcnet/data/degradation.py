"""How HR frames become the benchmarks' LR frames: BI (bicubic) and BD (Gaussian blur, then sampling).

Both are separable and linear, so each is one small float64 matrix per axis. Images are (..., C, H, W)
tensors in [0, 1]; results keep the dtype and device of the input. float64 is used inside, which Apple's MPS
devices do not have: degrade on the CPU there.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType

import torch
from torch import Tensor

from tcnet.errors import UsageError

SCALE = 4
BD_SIGMA = 1.6
BD_TAPS = 12


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5, support [-2, 2]."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _lanczos3(x: Tensor) -> Tensor:
    """sinc(x) sinc(x / 3), support [-3, 3]."""
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


@dataclass(frozen=True, slots=True)
class ResizeKernel:
    """An interpolation kernel: its weight at a distance in pixels, and the width of its support."""

    weight: Callable[[Tensor], Tensor]
    width: int


RESIZE_KERNELS: Mapping[str, ResizeKernel] = MappingProxyType(
    {
        "bicubic": ResizeKernel(_cubic, 4),
        "bilinear": ResizeKernel(_triangle, 2),
        "lanczos3": ResizeKernel(_lanczos3, 6),
    }
)


def imresize(
    images: Tensor,
    scale: Fraction | float | None = None,
    *,
    size: tuple[int, int] | None = None,
    kernel: str = "bicubic",
    antialias: bool = True,
) -> Tensor:
    """Resize as MATLAB's `imresize` does on images of class double.

    The kernel is widened by 1/scale when shrinking (`antialias`), borders are mirrored with the edge pixel
    repeated, weights are normalised, and the axis that shrinks most goes first (rows before columns if
    equal). On uint8 images MATLAB rounds between the two axes as well; this does not.

    images: (..., H, W) floating point, any range. Give either `scale` (both axes; the new size is
    ceil(scale * old), and the sampling grid follows `scale` exactly) or `size` = (height, width).
    Returns (..., height, width), not clamped: bicubic overshoots at edges.
    Raises ValueError for an unknown kernel, a scale or size that is not positive, or both or none of them;
    TypeError for integer images.
    """
    _check_images(images)
    if kernel not in RESIZE_KERNELS:
        raise ValueError(f"resize kernel {kernel!r} is unknown; known are {', '.join(RESIZE_KERNELS)}")
    if (scale is None) == (size is None):
        raise ValueError(f"give either scale or size, not scale={scale} with size={size}")
    height, width = images.shape[-2:]
    if scale is not None:
        if not scale > 0 or math.isinf(scale):
            raise ValueError(f"scale {scale} must be positive and finite")
        size = (math.ceil(scale * height), math.ceil(scale * width))
    assert size is not None
    if min(size) < 1:
        raise ValueError(f"size {size} must be at least 1x1")
    scales = (scale, scale) if scale is not None else (Fraction(size[0], height), Fraction(size[1], width))
    rows, columns = (
        _resize_matrix(old, new, float(factor), kernel, antialias)
        for old, new, factor in zip((height, width), size, scales, strict=True)
    )
    result = _apply_separable(images.double(), rows, columns, rows_first=scales[0] <= scales[1])
    return result.to(images.dtype)


def degrade_bi(hr: Tensor, scale: int = SCALE) -> Tensor:
    """BI: bicubic `imresize` by 1/scale with antialiasing, rounded to 8 bits.

    hr: (..., C, H, W) in [0, 1]; H and W multiples of `scale` (see `crop_to_multiple`).
    Returns (..., C, H/scale, W/scale) whose values are k/255.
    Raises ValueError for other sizes or shapes, TypeError for integer images.
    """
    _check_divisible(hr, scale)
    # At scale 4 the kernel's weights are dyadic: on 8-bit codes the sums are exact, true ties at k + 1/2
    # occur, and they round alike on every machine.
    return _from_codes(imresize(_codes(hr), Fraction(1, scale)), hr.dtype)


def degrade_bd(hr: Tensor, scale: int = SCALE) -> Tensor:
    """BD: Gaussian of sigma 1.6 on 12 taps at -5.5..+5.5, sampled every `scale` pixels, rounded to 8 bits.

    The even kernel puts the centre of each LR pixel on the centre of its 4x4 block of HR pixels: LR row i
    reads the HR rows 4i - 4 .. 4i + 7. Edge pixels are repeated outside. (An odd kernel at phase 0 would
    shift the picture by 1.5 HR pixels; networks trained on one of the two lose 8 dB on the other.)

    hr: (..., C, H, W) in [0, 1]; H and W multiples of `scale` (see `crop_to_multiple`).
    Returns (..., C, H/scale, W/scale) whose values are k/255.
    Raises ValueError for other sizes or shapes or a scale other than 4, for which nothing is agreed;
    TypeError for integer images.
    """
    if scale != SCALE:
        raise ValueError(f"BD is defined for scale {SCALE} only, not {scale}")
    _check_divisible(hr, scale)
    height, width = hr.shape[-2:]
    blurred = _apply_separable(_codes(hr), _bd_matrix(height), _bd_matrix(width), rows_first=True)
    return _from_codes(blurred, hr.dtype)


DEGRADATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"BI": degrade_bi, "BD": degrade_bd}
)


def find_degradation(kind: str) -> Callable[[Tensor], Tensor]:
    """The degradation of that name (`BI` or `BD`). Raises UsageError naming those that exist."""
    if kind not in DEGRADATIONS:
        raise UsageError(f"degradation {kind!r} is unknown; choose one of {', '.join(DEGRADATIONS)}")
    return DEGRADATIONS[kind]


def crop_to_multiple(images: Tensor, multiple: int = SCALE) -> Tensor:
    """Cut rows at the bottom and columns at the right so that H and W are multiples; a view.

    images: (..., H, W). Raises ValueError where nothing would be left.
    """
    height, width = (length - length % multiple for length in images.shape[-2:])
    if min(height, width) < 1:
        raise ValueError(f"an image of shape {tuple(images.shape)} is smaller than {multiple}x{multiple}")
    return images[..., :height, :width]


def to_8bit(images: Tensor) -> Tensor:
    """Codes 0..255 (uint8) of images in [0, 1]: clamped, halves rounded up as MATLAB's `im2uint8`.

    Raises ValueError if a value is NaN, which has no code.
    """
    codes = (images.double() * 255 + 0.5).floor_()
    if codes.isnan().any():
        raise ValueError(f"{int(codes.isnan().sum())} of {codes.numel()} values are NaN")
    return codes.clamp_(0, 255).to(torch.uint8)


def _codes(hr: Tensor) -> Tensor:
    # k/255 in float32 is off by up to 1e-5 codes, and its last bit, which depends on how it was computed,
    # would decide ties. The 16-bit grid holds all 8-bit codes (k * 257) and moves others by at most 1/514.
    return (hr.double() * 65535).round_().div_(257)


def _from_codes(codes: Tensor, dtype: torch.dtype) -> Tensor:
    return (codes + 0.5).floor_().clamp_(0, 255).div_(255).to(dtype)


def _check_images(images: Tensor) -> None:
    if not images.is_floating_point():
        raise TypeError(f"images must be floating point, not {images.dtype}")
    if images.ndim < 2 or min(images.shape[-2:]) < 1:
        raise ValueError(f"images must have shape (..., H, W) with H, W >= 1, not {tuple(images.shape)}")


def _check_divisible(hr: Tensor, scale: int) -> None:
    _check_images(hr)
    if scale < 1 or hr.shape[-2] % scale or hr.shape[-1] % scale:
        raise ValueError(f"height and width of shape {tuple(hr.shape)} must be multiples of scale {scale}")


def _apply_separable(images: Tensor, rows: Tensor, columns: Tensor, *, rows_first: bool) -> Tensor:
    rows, columns = rows.to(images.device), columns.to(images.device).T
    if rows_first:
        return (rows @ images) @ columns
    return rows @ (images @ columns)


# Cached because every frame of a clip needs the same two; at most 9 MB each (4K), never changed in place.
@lru_cache(maxsize=16)
def _resize_matrix(old: int, new: int, scale: float, kernel: str, antialias: bool) -> Tensor:
    """(new, old) float64 weights along one axis, rows summing to 1."""
    shape = RESIZE_KERNELS[kernel]
    stretch = min(scale, 1.0) if antialias else 1.0
    support = shape.width / stretch
    taps = math.ceil(support) + 2
    centre = (torch.arange(new, dtype=torch.float64) + 0.5) / scale - 0.5
    first = (centre - support / 2).floor()
    position = first[:, None] + torch.arange(taps, dtype=torch.float64)  # (new, taps)
    weight = shape.weight((centre[:, None] - position) * stretch)
    weight /= weight.sum(dim=1, keepdim=True)
    # Mirror with the edge pixel repeated: ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ...; periodic for tiny images.
    mirrored = position.long() % (2 * old)
    source = torch.minimum(mirrored, 2 * old - 1 - mirrored)
    return torch.zeros(new, old, dtype=torch.float64).scatter_add_(1, source, weight)


@lru_cache(maxsize=16)
def _bd_matrix(length: int) -> Tensor:
    """(length / 4, length) float64 weights of blur and sampling along one axis, rows summing to 1."""
    taps = torch.arange(BD_TAPS, dtype=torch.float64)
    weight = torch.exp(-0.5 * ((taps - (BD_TAPS - 1) / 2) / BD_SIGMA) ** 2)
    weight /= weight.sum()
    first = SCALE * torch.arange(length // SCALE) - (BD_TAPS - SCALE) // 2
    source = (first[:, None] + torch.arange(BD_TAPS)).clamp(0, length - 1)  # (length / 4, taps)
    matrix = torch.zeros(length // SCALE, length, dtype=torch.float64)
    return matrix.scatter_add_(1, source, weight.expand(source.shape))
