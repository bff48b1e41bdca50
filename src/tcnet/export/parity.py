"""Checks that an export computes what the network computes, on clips of sizes it was not traced with."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tcnet.export.manifest import Parity
from tcnet.export.network import ExportedNetwork
from tcnet.network import TCNet

TOLERANCE = 1e-4
"""Largest difference in a picture in [0, 1], in float32: 1/39 of an 8-bit step."""
SIZES = ((33, 47), (64, 32))
"""Height and width in pixels: odd ones, and multiples of all windows, where nothing is padded or resized."""
CLIP_LENGTHS = (1, 2, 5, 9)
QUICK_SIZES, QUICK_LENGTHS = ((33, 47),), (6,)
"""For temporary exports: whole groups, a part of one, and odd sides."""


def measure_parity(
    network: TCNet,
    exported: ExportedNetwork,
    sizes: Sequence[tuple[int, int]] = SIZES,
    clip_lengths: Sequence[int] = CLIP_LENGTHS,
) -> Parity:
    """The largest difference between both on moving textures, NaN counted as infinite; network in float32."""
    largest = 0.0
    for height, width in sizes:
        for length in clip_lengths:
            clip = moving_clip(length, height, width)
            with torch.inference_mode():
                for expected, found in zip(network.frames(clip), exported.frames(clip), strict=True):
                    if found.shape != expected.shape:
                        return _parity(exported, float("inf"), sizes, clip_lengths)
                    difference = (found - expected).abs().nan_to_num(float("inf"), posinf=float("inf"))
                    largest = max(largest, difference.max().item())
    return _parity(exported, largest, sizes, clip_lengths)


def moving_clip(length: int, height: int, width: int) -> Tensor:
    """(1, T, 3, H, W) in [0, 1]: a random texture that moves by about (1, -2) pixels a frame, and noise."""
    generator = torch.Generator().manual_seed(length)
    size = (height + length, width + 2 * length)
    coarse = torch.rand(1, 3, max(2, size[0] // 5), max(2, size[1] // 5), generator=generator)
    picture = F.interpolate(coarse, size=size, mode="bicubic", align_corners=False)
    frames = [
        picture[..., i : i + height, 2 * (length - i) : 2 * (length - i) + width] for i in range(length)
    ]
    clip = torch.stack(frames, dim=1)
    return (clip + 0.05 * torch.randn(clip.shape, generator=generator)).clamp(0, 1)


def _parity(
    exported: ExportedNetwork,
    error: float,
    sizes: Sequence[tuple[int, int]],
    clip_lengths: Sequence[int],
) -> Parity:
    runtime = exported.runtime
    return Parity(
        max_abs_error=error,
        sizes=tuple(sizes),
        clip_lengths=tuple(clip_lengths),
        runtime=f"{runtime.engine} {runtime.version}, fp32",
    )
