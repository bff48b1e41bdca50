"""Clips from still pictures: a smoothly moving camera, and layers that move in front of it.

Photographs are sharper than frames of compressed videos, but their motion here is artificial, so they teach
texture; real clips teach motion.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tcnet.data.augmentation import detail
from tcnet.video import Pixels

LARGEST_LAYERS = 2
USUAL_SPEED = 3.0  # HR pixels a frame; exponentially distributed, clipped at the largest
LARGEST_SPEED = 24.0
LARGEST_SHRINK = 2.0  # a still is shown at 1/1 to 1/2 of its size
PLACES = 3  # candidates in a still, of which the most detailed is shown
FLOAT = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Path2D:
    """Where a layer is in each frame: shift (T, 2) as (x, y) in pixels, angle (T) in radians, zoom (T)."""

    shift: FLOAT
    angle: FLOAT
    zoom: FLOAT

    def matrices(self) -> Tensor:
        """(T, 2, 3): position in the layer = matrix @ (x, y, 1), all in pixels from the centres."""
        cosine, sine = np.cos(self.angle) * self.zoom, np.sin(self.angle) * self.zoom
        rows = [[cosine, -sine, self.shift[:, 0]], [sine, cosine, self.shift[:, 1]]]
        return torch.from_numpy(np.array(rows).transpose(2, 0, 1).copy()).float()


def moving_clip(
    rng: np.random.Generator, stills: list[Pixels], frames: int, height: int, width: int
) -> Pixels:
    """(frames, height, width, 3) uint8, the same for the same state of `rng`.

    stills: one or more pictures (H, W, 3) uint8 of any size; the first is the background, the others are for
    layers in front.
    """
    clip = _show(stills[0], draw_path(rng, frames), rng, height, width)  # (T, 3, h, w)
    for _ in range(int(rng.integers(0, LARGEST_LAYERS + 1))):
        still = stills[int(rng.integers(0, len(stills)))]
        path = draw_path(rng, frames)
        layer = _show(still, path, rng, height, width)
        clip = torch.lerp(clip, layer, _blob(rng, path, height, width))
    codes = (clip.clamp(0, 1) * 255).round().to(torch.uint8)
    pixels: Pixels = codes.permute(0, 2, 3, 1).contiguous().numpy()
    return pixels


def draw_path(rng: np.random.Generator, frames: int) -> Path2D:
    """A smooth path: steady motion, a slow swing, and hand tremor."""
    time = np.arange(frames) - (frames - 1) / 2
    speed = min(rng.exponential(USUAL_SPEED), LARGEST_SPEED)
    heading = rng.uniform(0, 2 * math.pi)
    swing = rng.uniform(0, speed) * rng.uniform(-1, 1, 2)
    period, phase = rng.uniform(6, 30), rng.uniform(0, 2 * math.pi)
    steady = speed * time[:, None] * np.array([math.cos(heading), math.sin(heading)])
    wave = swing * period / (2 * math.pi) * np.sin(2 * math.pi * time / period + phase)[:, None]
    tremor = rng.normal(0, rng.uniform(0, 0.6), (frames, 2))
    turning = rng.normal(0, 0.006)  # radians a frame
    zooming = rng.normal(0, 0.004)  # of the size, a frame
    shift, angle, zoom = steady + wave + tremor, rng.normal(0, 0.1) + turning * time, np.exp(zooming * time)
    return Path2D(*(np.asarray(values, np.float64) for values in (shift, angle, zoom)))


def generated_still(rng: np.random.Generator, size: int = 384) -> Pixels:
    """A picture (size, size, 3) uint8 of gradients, discs, bars and stripes: edges at all angles."""
    y, x = np.mgrid[0:size, 0:size] / size
    picture = np.stack(
        [0.5 + 0.4 * np.sin(rng.uniform(1, 5) * x + rng.uniform(1, 5) * y + c) for c in range(3)]
    )
    for _ in range(24):
        angle, colour = rng.uniform(0, math.pi), rng.uniform(0, 1, 3)
        u = (x - rng.uniform(0, 1)) * math.cos(angle) + (y - rng.uniform(0, 1)) * math.sin(angle)
        v = (y - rng.uniform(0, 1)) * math.cos(angle) - (x - rng.uniform(0, 1)) * math.sin(angle)
        kind, extent = rng.integers(0, 3), rng.uniform(0.02, 0.15)
        if kind == 0:
            inside = u * u + v * v < extent * extent
        elif kind == 1:
            inside = (np.abs(u) < extent / 6) & (np.abs(v) < 3 * extent)
        else:
            stripes = np.sin(2 * math.pi * u * size / rng.uniform(5, 24)) > 0
            inside = stripes & (np.abs(u) < extent) & (np.abs(v) < extent)
        picture[:, inside] = colour[:, None]
    pixels: Pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0).copy()
    return pixels


def _show(still: Pixels, path: Path2D, rng: np.random.Generator, height: int, width: int) -> Tensor:
    """The still viewed along the path: (T, 3, height, width) float32 in [0, 1]."""
    shrink = float(rng.uniform(1.0, LARGEST_SHRINK))
    reach = np.abs(path.shift).max(axis=0) + 0.2 * math.hypot(height, width) + 4
    needed = (math.ceil(shrink * (height + 2 * reach[1])), math.ceil(shrink * (width + 2 * reach[0])))
    region = _busiest(still, needed, rng)
    picture = torch.from_numpy(region).permute(2, 0, 1)[None].float() / 255
    size = tuple(max(16, round(length / shrink)) for length in region.shape[:2])
    picture = F.interpolate(picture, size=size, mode="bicubic", antialias=True, align_corners=False)
    x, y = _positions(path, height, width)
    grid = torch.stack((x * (2 / size[1]), y * (2 / size[0])), dim=-1)  # (T, h, w, 2), -1 and 1 at the edges
    count = grid.shape[0]
    return F.grid_sample(
        picture.expand(count, -1, -1, -1),
        grid,
        mode="bicubic",
        padding_mode="reflection",
        align_corners=False,
    )


def _busiest(still: Pixels, needed: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Of a few places of that size, or less where the still is smaller, the one with most detail: skies teach
    nothing."""
    most, chosen = -1.0, still
    for _ in range(PLACES):
        top, left = (
            int(rng.integers(0, max(length - wanted, 0) + 1))
            for length, wanted in zip(still.shape[:2], needed, strict=True)
        )
        region = still[top : top + needed[0], left : left + needed[1]]
        found = detail(region)
        if found > most:
            most, chosen = found, region
    busiest: Pixels = np.ascontiguousarray(chosen, np.uint8)
    return busiest


def _blob(rng: np.random.Generator, path: Path2D, height: int, width: int) -> Tensor:
    """The shape of a layer: a rounded outline that moves along, 1 inside; (T, 1, height, width)."""
    x, y = _positions(path, height, width)
    x = x - rng.uniform(-0.4, 0.4) * width
    y = y - rng.uniform(-0.4, 0.4) * height
    angle = torch.atan2(y, x)
    outline = torch.ones_like(angle)
    for order in range(2, 6):
        outline += rng.uniform(0, 0.5 / order) * torch.cos(order * angle + rng.uniform(0, 2 * math.pi))
    outline *= rng.uniform(0.12, 0.4) * min(height, width)
    edge = rng.uniform(0.4, 1.5)  # pixels
    return torch.sigmoid((outline - torch.hypot(x, y)) / edge).unsqueeze(1)


def _positions(path: Path2D, height: int, width: int) -> tuple[Tensor, Tensor]:
    """What each pixel sees, in the layer's pixels from its centre: x and y, each (T, height, width)."""
    y, x = torch.meshgrid(
        torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij"
    )
    matrices = path.matrices()[:, :, :, None, None]  # (T, 2, 3, 1, 1)
    return (
        matrices[:, 0, 0] * x + matrices[:, 0, 1] * y + matrices[:, 0, 2],
        matrices[:, 1, 0] * x + matrices[:, 1, 1] * y + matrices[:, 1, 2],
    )
