"""Frames to tensors and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tcnet.upscale.windows import Span
from tcnet.video.frame import Frame, Pixels


def clip_tensor(frames: Sequence[Frame], device: torch.device, rows: Span, columns: Span) -> Tensor:
    """The tile rows x columns of n >= 0 uint8 or uint16 frames -> (1, n, 3, h, w) float32 in [0, 1]."""
    tile = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
    if not frames:
        return torch.zeros((1, 0, 3, rows.stop - rows.start, columns.stop - columns.start), device=device)
    codes = torch.from_numpy(np.stack([frame.pixels[tile] for frame in frames]))  # (n, h, w, 3)
    most = largest_code(frames[0].pixels.dtype)
    # Converted before it travels: accelerators know no uint16.
    return (codes.to(torch.float32) / most).permute(0, 3, 1, 2).contiguous().unsqueeze(0).to(device)


def to_pixels(picture: Tensor, dtype: np.dtype[Any]) -> Pixels:
    """(C, H, W) float, clamped here to [0, 1] -> (H, W, C) codes of `dtype`, rounded to nearest."""
    codes = (picture.float().clamp(0, 1) * largest_code(dtype)).round().permute(1, 2, 0)  # (H, W, C)
    # Through int32, because accelerators know no uint16.
    integers = codes.to(torch.uint8 if dtype == np.uint8 else torch.int32).contiguous().cpu().numpy()
    return integers.astype(dtype, copy=False)


def resize_pixels(codes: Pixels, size: tuple[int, int], dtype: np.dtype[Any]) -> Pixels:
    """(H, W, C) codes -> (*size, C) codes of `dtype`; bicubic (a = -0.5), antialiased."""
    picture = torch.from_numpy(codes).to(torch.float32).permute(2, 0, 1).contiguous()  # (C, H, W)
    picture = picture / largest_code(codes.dtype)
    resized = F.interpolate(picture[None], size=size, mode="bicubic", antialias=True, align_corners=False)
    return to_pixels(resized[0], dtype)


def largest_code(dtype: np.dtype[Any]) -> int:
    """255 or 65535, which stand for 1.0. Raises TypeError for other types."""
    if dtype not in (np.uint8, np.uint16):
        raise TypeError(f"pixels must be uint8 or uint16, got {dtype}")
    return int(np.iinfo(dtype).max)
