"""Frames to tensors and back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tcnet.inference.windows import Span
from tcnet.video.frame import Frame, Pixels

ROUNDED_AT_ONCE = 2**18
"""Values: 1 MiB in float32."""


def clip_tensor(frames: Sequence[Frame], device: torch.device, rows: Span, columns: Span) -> Tensor:
    """The tile rows x columns of n >= 0 uint8 or uint16 frames -> (1, n, 3, h, w) float32 in [0, 1].

    An odd width is continued by repeating the last column: with AMX convolutions take two to four times as
    long at odd widths (docs/experiments/2026-11-28-odd-widths.md). The caller crops what is beyond the tile.
    """
    tile = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if not frames:
        return torch.zeros((1, 0, 3, height, width + width % 2), device=device)
    pixels = np.stack([frame.pixels[tile] for frame in frames])
    if width % 2:
        pixels = np.concatenate((pixels, pixels[:, :, -1:]), axis=2)
    codes = _sent(torch.from_numpy(pixels), device)
    most = largest_code(frames[0].pixels.dtype)
    # (n, h, w, 3)
    return (codes.to(torch.float32) / most).permute(0, 3, 1, 2).contiguous().unsqueeze(0)


def _sent(codes: Tensor, device: torch.device) -> Tensor:
    """Codes on a device: they travel as they are, in a quarter or half of the bytes of floats."""
    if device.type == "cpu":
        return codes
    deep = codes.dtype == torch.uint16
    sent = codes.view(torch.int16) if deep else codes  # accelerators know no uint16
    cuda = device.type == "cuda"
    # From pinned memory, which is kept until it has arrived: nobody waits for that.
    sent = (sent.pin_memory() if cuda else sent).to(device, non_blocking=cuda)
    return sent.to(torch.int32).bitwise_and(0xFFFF) if deep else sent


def put_pixels(picture: Tensor, codes: Pixels) -> None:
    """(C, H, W) float, clamped here to [0, 1], into `codes` (H, W, C), rounded to nearest."""
    most = largest_code(codes.dtype)
    rows = picture.permute(1, 2, 0)  # (H, W, C)
    if picture.device.type != "cpu":
        # Through int32, because accelerators know no uint16.
        integers = rows.float().clamp(0, 1).mul_(most).round_()
        codes[:] = integers.to(torch.uint8 if codes.dtype == np.uint8 else torch.int32).cpu().numpy()
        return
    # A few rows at a time, so that what lies between stays in the cache: twice to four times as fast.
    count = max(1, ROUNDED_AT_ONCE // rows[0].numel())
    target = torch.from_numpy(codes)
    for top in range(0, rows.shape[0], count):
        part = rows[top : top + count].float().clamp(0, 1).mul_(most).round_()
        target[top : top + count] = part


def resize_pixels(codes: Pixels, size: tuple[int, int], dtype: np.dtype[Any]) -> Pixels:
    """(H, W, C) codes -> (*size, C) codes of `dtype`; bicubic (a = -0.5), antialiased."""
    picture = torch.from_numpy(codes).to(torch.float32).permute(2, 0, 1).contiguous()  # (C, H, W)
    picture = picture / largest_code(codes.dtype)
    resized = F.interpolate(picture[None], size=size, mode="bicubic", antialias=True, align_corners=False)
    result: Pixels = np.empty((*size, codes.shape[2]), dtype)
    put_pixels(resized[0], result)
    return result


def shrink_frames(frames: Iterable[Frame], size: tuple[int, int]) -> Iterator[Frame]:
    """`frames` in `size` (height, width); those that have it stay as they are."""
    for frame in frames:
        pixels, alpha = frame.pixels, frame.alpha
        if pixels.shape[:2] != size:
            pixels = resize_pixels(pixels, size, pixels.dtype)
            if alpha is not None:
                alpha = resize_pixels(alpha[..., None], size, alpha.dtype)[..., 0]
            frame = replace(frame, pixels=pixels, alpha=alpha)
        yield frame


def largest_code(dtype: np.dtype[Any]) -> int:
    """255 or 65535, which stand for 1.0. Raises TypeError for other types."""
    if dtype not in (np.uint8, np.uint16):
        raise TypeError(f"pixels must be uint8 or uint16, got {dtype}")
    return int(np.iinfo(dtype).max)
