"""Scene cuts, detected in one pass with a few frames of look-ahead; integers only, so the same everywhere.

Each frame is reduced to a thumbnail. Two thumbnails are compared block by block at the best of many shifts,
so that motion counts little, in two ways:

    novelty    what no shift explains, relative to the pictures' contrast, and the difference in colours
    structure  the same on pictures normalised by local brightness and contrast, which light does not change

A cut is a step that stands out from the steps around it in both, and is large in both. A step after which
the old picture soon returns (a flash, a black frame) is not a cut. Fades, dissolves, pans and strong motion
do not stand out; explosions and flickering light leave the structure. Of two cuts within three frames at
most one is found: such a short scene joins the next one, or neither stands out and it is not separated.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import numpy.typing as npt

from tcnet.video.frame import Frame, Pixels

ROWS, COLUMNS, BLOCK = 32, 64, 8
"""Of a thumbnail, in its pixels; blocks are square."""
SAMPLES = 4
"""At most about this many pixels of the frame per thumbnail pixel, in each direction."""
SHIFT_ROWS, SHIFT_COLUMNS = 4, 6
"""Farthest shift searched, in thumbnail pixels: an eighth of the height, a tenth of the width."""
NEAR = 4
"""Radius of the square for local brightness and contrast."""

LOOK_AHEAD = 4
"""Frames after a step that are seen before it is decided."""
STEPS_AROUND = 3
"""Steps on both sides that a cut has to stand out from. Repeated frames do not count as steps."""
MEMORY = 12
"""How many steps back are searched for those; beyond, the picture was static."""
FLASH = 3
"""Longest flash, in frames."""

Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """In thousandths; chosen on half of the clips of benchmarks/video/scene_cuts.py, measured on the rest."""

    repeated: int = 20
    """Less novelty than this is a repeated frame."""
    novelty: int = 600
    structure: int = 400
    """A cut's least."""
    novelty_ratio: int = 2800
    structure_ratio: int = 1300
    """A cut's least, against the steps around it."""
    margin: int = 30
    """Added to both sides of a ratio, so that ratios of tiny numbers stay finite."""
    returned: int = 600
    """A picture that is less than this of the step away from the one before the step has returned."""


THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """The part of a frame that is kept for comparison."""

    luma: npt.NDArray[np.int16]
    """(ROWS, COLUMNS), four times the 8-bit code."""
    relief: npt.NDArray[np.int16]
    """(ROWS, COLUMNS), luma normalised by local brightness and contrast; RELIEF on average unless flat."""
    contrast: int
    """Mean deviation of luma from its blocks' means."""
    colours: Integers
    """Pixels in each of COLOUR_BINS bins of luma, of B - G and of R - G."""


class Step:
    """How much of `after` is not explained by moved blocks of `before`, in thousandths of the typical value
    for unrelated pictures.

    Computed on demand: few steps are large enough in one to need the other.
    """

    def __init__(self, before: Thumbnail, after: Thumbnail) -> None:
        self._before, self._after = before, after

    @cached_property
    def novelty(self) -> int:
        before, after = self._before, self._after
        colours = int(np.abs(before.colours - after.colours).sum())  # at most 6 areas
        contrast = (before.contrast + after.contrast) // 2 + 8
        moved = 1000 * _residual(before.luma, after.luma) // (contrast * ROWS * COLUMNS)
        return moved + 1000 * colours // (3 * ROWS * COLUMNS)

    @cached_property
    def structure(self) -> int:
        return 1000 * _residual(self._before.relief, self._after.relief) // (RELIEF * ROWS * COLUMNS)


RELIEF = 128
COLOUR_BINS = 16


def thumbnail(pixels: Pixels) -> Thumbnail:
    """pixels: (H, W, 3) of any size, uint8 or uint16."""
    height, width, _ = pixels.shape
    sample = pixels[:: max(1, height // (ROWS * SAMPLES)), :: max(1, width // (COLUMNS * SAMPLES))]
    red, green, blue = _cells(sample)
    luma = (red + 2 * green + blue) // 4
    relief = luma - _around(luma)
    relief = np.clip(relief * RELIEF // (_around(np.abs(relief)) + 8), -8 * RELIEF, 8 * RELIEF)
    colours = [luma // 64, (blue - green) // 128 + COLOUR_BINS // 2, (red - green) // 128 + COLOUR_BINS // 2]
    return Thumbnail(
        luma=luma.astype(np.int16),
        relief=relief.astype(np.int16),
        contrast=_contrast(luma),
        colours=np.stack([np.bincount(c.ravel(), minlength=COLOUR_BINS) for c in colours]).astype(np.int32),
    )


def _cells(sample: Pixels) -> Integers:
    """(h, w, 3) -> (3, ROWS, COLUMNS): four times the mean 8-bit code of each cell; small ones repeat."""
    height, width, _ = sample.shape
    codes = sample if sample.dtype == np.uint8 else sample >> 8
    rows = np.arange(ROWS + 1) * height // ROWS
    columns = np.arange(COLUMNS + 1) * width // COLUMNS
    heights, widths = (np.maximum(1, np.diff(edges)) for edges in (rows, columns))
    # Row by row of cells: all at once would map new memory for each frame, which costs more than the sums.
    cuts = zip(rows[:-1], rows[:-1] + heights, strict=True)
    bands = [codes[top:bottom].sum(axis=0, dtype=np.int32) for top, bottom in cuts]
    sums = np.add.reduceat(np.stack(bands), columns[:-1], axis=1)  # (ROWS, COLUMNS, 3)
    cells: Integers = (4 * sums // (heights[:, None] * widths)[..., None]).astype(np.int32)
    return cells.transpose(2, 0, 1)


def _around(plane: Integers) -> Integers:
    """The mean over the square of radius NEAR around each pixel."""
    side = 2 * NEAR + 1
    padded = np.pad(plane, ((NEAR + 1, NEAR), (NEAR + 1, NEAR)), mode="edge")
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    means: Integers = (total // side**2).astype(np.int32)
    return means


def _contrast(luma: Integers) -> int:
    blocks = luma.reshape(ROWS // BLOCK, BLOCK, COLUMNS // BLOCK, BLOCK)
    means = blocks.sum(axis=(1, 3), keepdims=True) // BLOCK**2
    return int(np.abs(blocks - means).sum()) // (ROWS * COLUMNS)


def _residual(before: npt.NDArray[np.int16], after: npt.NDArray[np.int16]) -> int:
    """Sum of absolute differences, each block at its best shift."""
    padded = np.pad(before, ((SHIFT_ROWS, SHIFT_ROWS), (SHIFT_COLUMNS, SHIFT_COLUMNS)), mode="edge")
    shifted = np.lib.stride_tricks.sliding_window_view(padded, after.shape)  # (9, 13, ROWS, COLUMNS)
    least = np.full((ROWS // BLOCK, COLUMNS // BLOCK), np.iinfo(np.int32).max, np.int32)
    for row in shifted:  # one after the other, so that what is computed stays in the cache
        differences = after - row
        np.abs(differences, out=differences)
        # Eight values of at most 2047 at a time stay within 16 bits, which is twice as fast as 32.
        stripes = differences.reshape(-1, ROWS // BLOCK, BLOCK, COLUMNS).sum(axis=2, dtype=np.int16)
        blocks = np.add.reduceat(stripes, range(0, COLUMNS, BLOCK), axis=2, dtype=np.int32)
        np.minimum(least, blocks.min(axis=0), out=least)
    return int(least.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A frame as the detector knows it. step: from the frame before it; None for the first."""

    thumbnail: Thumbnail
    step: Step | None


def is_cut(
    before: Sequence[Picture], now: Picture, after: Sequence[Picture], thresholds: Thresholds = THRESHOLDS
) -> bool:
    """Whether a scene begins with `now`, knowing some pictures after it and before it, in order of time.

    before: not farther back than the beginning of the current scene.
    """
    step = now.step
    if step is None or not before or not _large(step, thresholds):
        return False
    # The cut that the scene began with counts while it is near: nothing shorter is distinguished.
    inside = before if len(before) <= STEPS_AROUND else list(before)[1:]
    earlier = _steps(reversed(inside), thresholds)
    if _stands_out(step, [*earlier, *_steps(after, thresholds)], thresholds):
        pairs = [
            *((before[-1], picture) for picture in after[:FLASH]),
            *((picture, now) for picture in list(before)[-1 - FLASH : -1]),
        ]
        return not any(_same_scene(first, second, step, thresholds) for first, second in pairs)
    # Up to FLASH frames of something else and then a new scene: the first step has the second one beside it,
    # and all that matters is the one across both.
    for length in range(1, min(FLASH, len(after)) + 1):
        end = after[length - 1]
        others = [*earlier, *_steps(after[length:], thresholds)]
        if end.step and _large(end.step, thresholds) and _stands_out(step, others, thresholds):
            across = Step(before[-1].thumbnail, end.thumbnail)
            if _large(across, thresholds) and _stands_out(across, others, thresholds):
                return True
    return False


def _large(step: Step, thresholds: Thresholds) -> bool:
    return step.novelty >= thresholds.novelty and step.structure >= thresholds.structure


def _stands_out(step: Step, others: Sequence[Step], thresholds: Thresholds) -> bool:
    margin = thresholds.margin
    novelty = max((other.novelty for other in others), default=0) + margin
    if 1000 * (step.novelty + margin) < thresholds.novelty_ratio * novelty:
        return False
    structure = max((other.structure for other in others), default=0) + margin
    return 1000 * (step.structure + margin) >= thresholds.structure_ratio * structure


def _steps(pictures: Iterable[Picture], thresholds: Thresholds) -> list[Step]:
    """The first STEPS_AROUND that are not repetitions."""
    steps = (picture.step for picture in pictures)
    return [*islice((s for s in steps if s and s.novelty >= thresholds.repeated), STEPS_AROUND)]


def _same_scene(first: Picture, second: Picture, step: Step, thresholds: Thresholds) -> bool:
    """Whether two pictures are much nearer to each other than those on both sides of `step`."""
    between = Step(first.thumbnail, second.thumbnail)
    return (
        1000 * between.novelty < thresholds.returned * step.novelty
        and 1000 * between.structure < thresholds.returned * step.structure
    )


def mark_cuts(frames: Iterable[Frame]) -> Iterator[tuple[bool, Frame]]:
    """(whether a scene begins with it, frame) for each frame, LOOK_AHEAD frames late; False for the first
    unless it says so itself."""
    before: deque[Picture] = deque(maxlen=MEMORY)
    waiting: deque[tuple[Frame, Picture]] = deque()
    newest: Thumbnail | None = None
    for frame in frames:
        previous, newest = newest, thumbnail(frame.pixels)
        waiting.append((frame, Picture(newest, None if previous is None else Step(previous, newest))))
        del frame  # or it would live until the next one is there
        if len(waiting) > LOOK_AHEAD:
            yield _decided(before, waiting)
    while waiting:
        yield _decided(before, waiting)


def _decided(before: deque[Picture], waiting: deque[tuple[Frame, Picture]]) -> tuple[bool, Frame]:
    frame, now = waiting.popleft()
    cut = is_cut(before, now, [picture for _, picture in waiting]) if frame.cut is None else frame.cut
    if cut:
        before.clear()
    before.append(now)
    return cut, frame


def iter_scenes(marked: Iterable[tuple[bool, Frame]]) -> Iterator[Iterator[Frame]]:
    """The frames that `mark_cuts` gives, scene by scene; each scene has to be read to its end."""
    iterator = iter(marked)
    first: list[Frame] = []  # of the scene that comes next; not kept while that is computed

    def scene() -> Iterator[Frame]:
        yield first.pop()
        for cut, frame in iterator:
            if cut:
                first.append(frame)
                return
            yield frame
            del frame

    first.extend(frame for _, frame in islice(iterator, 1))
    while first:
        yield scene()
