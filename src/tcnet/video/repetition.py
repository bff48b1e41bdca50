"""Which frames of a window show the picture of the one before: those are copied, not computed.

"exact": all pixels are the same. "near": what differs is noise of a codec. That noise is strong in single
pixels and cancels out over larger squares, while what really changes does not: so means of the difference
over squares of several sizes are held to limits, the lower the larger the square. A frame is compared with
the last one that is computed, so that fades and slow motion add up until they are seen.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tcnet.video.frame import Pixels

REPETITIONS = ("exact", "near")
LUMA_LIMIT = 40
"""Of a single pixel's luma, in 8-bit codes."""
LIMITS = {4: 8.0, 8: 4.0, 16: 2.5, 32: 1.0, 64: 0.5}
"""The largest mean difference of each channel over squares of so many pixels, in 8-bit codes.

Measured on drawings encoded by x264 (benchmarks/video/repeated_frames.py): most frames that repeat another
have 6 to 10 at most over 4x4 pixels at CRF 23; a typed letter, a caret or a pointer has 53 and more, a fade
of 2 % has 4 over 64x64.
"""
_SMALLEST = min(LIMITS) // 2

Means = npt.NDArray[np.float32]


def shown_pictures(window: Sequence[Pixels], *, near: bool) -> list[int]:
    """Which picture each frame of a window shows, counted from 0. near: noise of a codec does not count."""
    shown = [0]
    computed = window[0]
    for pixels in window[1:]:
        repeats = np.array_equal(computed, pixels) or (near and differs_by_noise(computed, pixels))
        if not repeats:
            computed = pixels
        shown.append(shown[-1] + (not repeats))
    return shown


def differs_by_noise(first: Pixels, second: Pixels) -> bool:
    """Whether two pictures of one size and type differ by no more than the noise of a codec."""
    unit = 1 if first.dtype == np.uint8 else 257
    difference = second.astype(np.float32) - first
    luma = difference @ np.array([0.25, 0.5, 0.25], np.float32)
    if np.abs(luma).max() > LUMA_LIMIT * unit:
        return False
    return all(float(np.abs(means).max()) <= LIMITS[side] * unit for side, means in _means(difference))


def _means(difference: Means) -> Iterator[tuple[int, Means]]:
    """(side, means over squares of that side that overlap by half), for all sides of LIMITS.

    They overlap, so that something small is whole in one of them wherever it is.
    """
    cells = _halved(difference)
    side = _SMALLEST
    while True:
        overlapping = cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]
        side *= 2
        if not overlapping.size or side > max(LIMITS):
            return
        yield side, overlapping / np.float32(4)
        cells = _halved(cells)


def _halved(cells: Means) -> Means:
    """Means of 2x2, (H, W, 3) -> (H / 2, W / 2, 3), rounded up."""
    height, width, _ = cells.shape
    cells = np.pad(cells, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return (cells[::2, ::2] + cells[1::2, ::2] + cells[::2, 1::2] + cells[1::2, 1::2]) / np.float32(4)
