"""Temporal profiles: one column or row of pixels in every frame, side by side.

Static regions give straight lines, steady motion slanted ones; flicker gives saw teeth and stripes across.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from tcnet.compare.sheet import COLORS, Cell, draw_frame
from tcnet.compare.views import Crop, Panel
from tcnet.errors import UsageError
from tcnet.video import Pixels

MOST_FRAMES = 1200
"""More columns would be unreadable, and cost unbounded memory."""
_SHOWN_LENGTH = 640  # pixels along the time axis, roughly, for short clips


@dataclass(frozen=True, slots=True)
class Slice:
    """Which pixels: a column (x) over some rows, or a row (y) over some columns. start, stop: along it."""

    is_column: bool
    at: int
    start: int
    stop: int

    def cut(self, picture: Pixels) -> Pixels:
        """(n, 3) of (H, W, 3), copied."""
        across = picture[:, self.at] if self.is_column else picture[self.at]
        return across[self.start : self.stop].copy()

    def __str__(self) -> str:
        names = ("column", "rows") if self.is_column else ("row", "columns")
        return f"{names[0]} {self.at}, {names[1]} {self.start} to {self.stop - 1}"


def choose_slice(
    height: int, width: int, *, column: int | None = None, row: int | None = None, crop: Crop | None = None
) -> Slice:
    """The requested column or row, inside the crop if there is one; by default the middle column.

    Raises UsageError for one outside the picture, and for both.
    """
    if column is not None and row is not None:
        raise UsageError("--column and --row exclude each other: a profile shows one line of pixels")
    box = crop or Crop(0, 0, width, height)
    for name, value, most in (("column", column, width), ("row", row, height)):
        if value is not None and not 0 <= value < most:
            raise UsageError(f"{name} {value} is not in the picture: 0 to {most - 1}")
    if row is not None:
        return Slice(False, row, box.x, box.x + box.width)
    at = box.x + box.width // 2 if column is None else column
    return Slice(True, at, box.y, box.y + box.height)


class ProfileTaker:
    """Collects the profiles of several videos, and the last frame to show where they were taken."""

    def __init__(self, place: Slice, names: Sequence[str]) -> None:
        self.place = place
        self._names = tuple(names)
        self._lines: list[list[Pixels]] = [[] for _ in names]
        self._frame: Pixels | None = None

    @property
    def frames(self) -> int:
        return len(self._lines[0])

    def add(self, pictures: Sequence[Pixels]) -> None:
        """pictures: one of each video, (H, W, 3) of one size and type."""
        for lines, picture in zip(self._lines, pictures, strict=True):
            lines.append(self.place.cut(picture))
        if self._frame is None:
            self._frame = pictures[-1].copy()

    def cells(self, zoom: int) -> list[list[Cell]]:
        """For a column one row of cells per video, time to the right; for a row a single row of cells, time
        downward.

        zoom: enlargement of the line's pixels. Short clips are enlarged along time.
        """
        stretch = max(1, _SHOWN_LENGTH // max(1, self.frames))
        cells = []
        for name, lines in zip(self._names, self._lines, strict=True):
            if self.place.is_column:
                profile = _stack(lines, 1).repeat(zoom, 0).repeat(stretch, 1)  # (zoom n, stretch T, 3)
            else:
                profile = _stack(lines, 0).repeat(stretch, 0).repeat(zoom, 1)  # (stretch T, zoom n, 3)
            cells.append(Cell(Panel(name, profile)))
        return [[cell] for cell in cells] if self.place.is_column else [cells]

    def overview(self) -> Pixels:
        """The first frame of the last video, with a line where the profile was taken."""
        assert self._frame is not None
        picture, place = self._frame.copy(), self.place
        thick = max(1, picture.shape[0] // 300)
        length = place.stop - place.start
        box = (place.start, place.at, length, 1) if place.is_column else (place.at, place.start, 1, length)
        draw_frame(picture, box, COLORS[0], thick)
        return picture


def _stack(lines: Sequence[Pixels], axis: int) -> Pixels:
    return cast(Pixels, np.stack(lines, axis=axis))
