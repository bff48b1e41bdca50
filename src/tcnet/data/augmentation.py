"""Random augmentation of a training sample: frames, region, flips and rotation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tcnet.data.degradation import SCALE
from tcnet.video import Pixels


@dataclass(frozen=True, slots=True)
class Margins:
    """Context around a sample, in LR pixels; less than requested at the picture's edge, so that borders
    are degraded as borders."""

    top: int
    bottom: int
    left: int
    right: int

    def crop(self, frames: Pixels, scale: int) -> Pixels:
        """Cut the margins, which are `scale` pixels each, from (T, H, W, 3)."""
        height, width = frames.shape[1:3]
        rows = slice(scale * self.top, height - scale * self.bottom)
        return frames[:, rows, scale * self.left : width - scale * self.right]


@dataclass(frozen=True, slots=True)
class Orientation:
    """Flip and rotation: first transposed, then flipped. All eight are equally natural pictures."""

    transpose: bool
    flip_rows: bool
    flip_columns: bool

    def apply(self, frames: Pixels) -> Pixels:
        """(T, H, W, 3) -> (T, H, W, 3), or (T, W, H, 3) when transposed."""
        if self.transpose:
            frames = frames.swapaxes(1, 2)
        return frames[:, :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def turn(self, margins: Margins) -> Margins:
        """The margins of the result of `apply`."""
        top, bottom, left, right = margins.top, margins.bottom, margins.left, margins.right
        if self.transpose:
            top, bottom, left, right = left, right, top, bottom
        if self.flip_rows:
            top, bottom = bottom, top
        if self.flip_columns:
            left, right = right, left
        return Margins(top, bottom, left, right)


@dataclass(frozen=True, slots=True)
class Region:
    """A sample's place in a picture, with its margins; rows and columns in HR pixels."""

    rows: slice
    columns: slice
    margins: Margins


def detail(picture: Pixels) -> float:
    """Amount of detail in (H, W, 3): the mean difference between neighbours, of green, in 8-bit steps."""
    coarse = picture[::2, :, 1].astype(np.int32)  # every second row: enough to compare places
    return float(np.abs(np.diff(coarse, axis=1)).mean())


def draw_orientation(rng: np.random.Generator) -> Orientation:
    transpose, flip_rows, flip_columns = (bool(bit) for bit in rng.integers(0, 2, 3))
    return Orientation(transpose, flip_rows, flip_columns)


def draw_frames(
    rng: np.random.Generator, available: int, wanted: int, steps: tuple[int, ...]
) -> npt.NDArray[np.int64]:
    """Numbers of `wanted` frames of a clip: a random start, every `step`-th, in or against time.

    A step that is too large for the clip becomes 1; an even shorter clip is played forwards and backwards,
    as Vimeo-90K's septuplets are in the literature.
    """
    step = int(rng.choice(steps))
    if step * (wanted - 1) + 1 > available:
        step = 1
    span = step * (wanted - 1) + 1
    start = int(rng.integers(0, max(available - span, 0) + 1))
    numbers = start + step * np.arange(wanted, dtype=np.int64)
    if span > available:
        numbers %= 2 * available
        numbers = np.minimum(numbers, 2 * available - 1 - numbers)
    return numbers[::-1].copy() if rng.integers(0, 2) else numbers


def draw_region(rng: np.random.Generator, height: int, width: int, size: int, margin: int) -> Region:
    """A square of `size` LR pixels somewhere in an HR picture of height x width, on the grid of LR pixels.

    margin: context around it, in LR pixels. Raises ValueError for a picture smaller than the square.
    """
    lr_height, lr_width = height // SCALE, width // SCALE
    if min(lr_height, lr_width) < size:
        raise ValueError(f"a {width}x{height} picture holds no square of {SCALE * size} pixels")
    top = int(rng.integers(0, lr_height - size + 1))
    left = int(rng.integers(0, lr_width - size + 1))
    margins = Margins(
        top=min(margin, top),
        bottom=min(margin, lr_height - size - top),
        left=min(margin, left),
        right=min(margin, lr_width - size - left),
    )
    rows = slice(SCALE * (top - margins.top), SCALE * (top + size + margins.bottom))
    columns = slice(SCALE * (left - margins.left), SCALE * (left + size + margins.right))
    return Region(rows, columns, margins)
