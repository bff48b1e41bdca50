"""How frames of several videos are shown together: side by side, wiped over each other, their difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

import numpy as np

from tcnet.compare.labels import darken, draw_text, put_text
from tcnet.errors import UsageError
from tcnet.video import Pixels

VIEWS = ("side", "wipe", "difference", "profile")
SWEEP_SECONDS = Fraction(4)
"""Period of a moving divider: left to right and back."""
_LEAST_SIDE = 2  # of a crop


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle in pixels of the largest input. Raises UsageError for an invalid one."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or min(self.width, self.height) < _LEAST_SIDE:
            raise UsageError(
                f"crop {self}: x and y must be 0 or more, width and height {_LEAST_SIDE} or more pixels"
            )

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    def check(self, height: int, width: int) -> None:
        """Raises UsageError unless the crop lies inside a picture of height x width pixels."""
        if self.x + self.width > width or self.y + self.height > height:
            raise UsageError(f"crop {self} does not lie in the picture, which has {width}x{height} pixels")

    def cut(self, picture: Pixels) -> Pixels:
        """A view of that part of a `picture` (H, W, 3)."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture (h, w, 3) with its label."""

    caption: str
    picture: Pixels


class View(Protocol):
    """Panels of one moment. All have the size of the pictures; their number and labels are constant."""

    def panels(self, pictures: Sequence[Pixels], seconds: Fraction) -> list[Panel]:
        """pictures: one of each video, (h, w, 3) of one size and type; they are not changed."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    names: tuple[str, ...]

    def panels(self, pictures: Sequence[Pixels], seconds: Fraction) -> list[Panel]:
        del seconds
        return [Panel(name, picture) for name, picture in zip(self.names, pictures, strict=True)]


@dataclass(frozen=True, slots=True)
class Difference:
    """The absolute difference of each video to the first one, channel by channel, `amplify` times."""

    names: tuple[str, ...]
    amplify: float

    def __post_init__(self) -> None:
        if not 0 < self.amplify <= 255:
            raise UsageError(f"amplify {self.amplify:g}: give how many times to enlarge, up to 255")

    def panels(self, pictures: Sequence[Pixels], seconds: Fraction) -> list[Panel]:
        del seconds
        first, *others = pictures
        return [
            Panel(f"difference ×{self.amplify:g}: {name} − {self.names[0]}", self._difference(first, other))
            for name, other in zip(self.names[1:], others, strict=True)
        ]

    def _difference(self, first: Pixels, other: Pixels) -> Pixels:
        most = np.iinfo(first.dtype).max
        distance = np.abs(other.astype(np.int32) - first).astype(np.float32) * self.amplify
        codes: Pixels = first.copy()
        codes[:] = np.minimum(np.rint(distance), most)
        return codes


@dataclass(frozen=True, slots=True)
class Wipe:
    """Each video in its own vertical strip of one picture. divider: where the strips of two meet, as a part
    of the width; None: it moves. More videos have strips of equal width."""

    names: tuple[str, ...]
    divider: float | None

    def __post_init__(self) -> None:
        if self.divider is not None and not 0 <= self.divider <= 1:
            raise UsageError(f"divider {self.divider:g}: give a part of the width from 0 to 1, or moving")

    def panels(self, pictures: Sequence[Pixels], seconds: Fraction) -> list[Panel]:
        height, width = pictures[0].shape[:2]
        borders = [0, *self._borders(width, seconds), width]
        wiped = pictures[0].copy()
        for picture, (left, right) in zip(pictures, pairwise(borders), strict=True):
            wiped[:, left:right] = picture[:, left:right]
        line = max(1, width // 400)
        for border in borders[1:-1]:
            wiped[:, max(0, border - line) : border + line] = np.iinfo(wiped.dtype).max
        letters = max(12, min(28, height // 18))
        for index, (name, (left, right)) in enumerate(zip(self.names, pairwise(borders), strict=True)):
            _name_strip(wiped, name, left, right, letters, at_right=index == len(self.names) - 1)
        return [Panel("", wiped)]

    def _borders(self, width: int, seconds: Fraction) -> list[int]:
        count = len(self.names)
        if count > 2:
            return [width * index // count for index in range(1, count)]
        part = self.divider
        if part is None:
            phase = float(seconds / SWEEP_SECONDS) % 1
            part = 0.05 + 0.9 * (2 * phase if phase < 0.5 else 2 - 2 * phase)
        return [round(part * width)]


def _name_strip(picture: Pixels, name: str, left: int, right: int, letters: int, *, at_right: bool) -> None:
    """The name at the outer edge of the strip left..right; a divider that passes wipes it too."""
    margin = letters // 3
    mask = draw_text(name, letters, max(letters, picture.shape[1] - 6 * margin))
    ground = mask.shape[1] + 2 * margin
    start = right - ground - margin if at_right else left + margin
    hidden = max(0, left - start)
    strip = picture[:, max(start, left) : min(start + ground, right)]
    darken(strip, margin, 0, letters + margin, strip.shape[1])
    padded = np.pad(mask, ((0, 0), (margin, margin)))
    put_text(strip, padded[:, hidden:], margin + margin // 2, 0)
