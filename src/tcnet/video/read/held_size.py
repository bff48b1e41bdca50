"""How large a picture really is: whether it was blown up from fewer pixels, and by how much.

Enlarging leaves two marks. Frequencies that the smaller picture did not have are missing: its spectrum falls
farther than that of a picture of this size, also where a codec added noise later. And the new pixels repeat
how they lie between the old ones: differences of neighbours are larger at some columns than at others, with a
period that is the factor (Gallagher, "Detection of linear and cubic interpolation in JPEG compressed images",
CRV 2005). Blurred pictures lack the second mark, pictures that were shrunk lack the first: only both together
count, in both directions. Thresholds: docs/experiments/2026-11-29-fake-hd.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

FACTORS = tuple(map(Fraction, ("4", "15/4", "3", "9/4", "2", "15/8", "3/2")))
"""What is looked for, the largest first: 270, 288, 360, 480, 540, 576 and 720 lines to 1080."""
_LENGTH = 256  # samples of a spectrum
_LINES = 160  # of a picture in each direction, at most: neighbours tell the same
_BAR = 8  # codes: lines of a smaller range are bars, or as empty
_AROUND = 33  # samples whose mean is the level of differences at a place
_LEAST_MISSING = 9.0  # dB
_LEAST_PERIODIC = 3.5  # of what other periods have
_BLOCKS = 8  # pixels of a codec's block, whose borders have a period too


def _window() -> Plane:
    """Blackman and Harris: natural spectra fall by 50 dB, which other windows hide."""
    at = 2 * np.pi * np.arange(_LENGTH) / _LENGTH
    parts = (0.35875, -0.48829, 0.14128, -0.01168)
    return sum(part * np.cos(k * at) for k, part in enumerate(parts)).astype(np.float32)  # type: ignore[union-attr]


_WINDOW = _window()


@dataclass(slots=True)
class _Direction:
    """Sums over lines of pictures. power: by frequency; steps: of first and second differences by column."""

    power: Values = field(default_factory=lambda: np.zeros(_LENGTH // 2 + 1))
    steps: Values | None = None

    def feed(self, lines: Plane) -> None:
        starts = range(0, lines.shape[1] - _LENGTH + 1, _LENGTH // 2)
        pieces = np.concatenate([lines[:, start : start + _LENGTH] for start in starts])
        pieces = (pieces - pieces.mean(1, keepdims=True)) * _WINDOW
        self.power += (np.abs(np.fft.rfft(pieces, axis=1)) ** 2).mean(0)
        first = np.diff(lines, axis=1)
        steps = np.stack([np.abs(first[:, 1:]).mean(0), np.abs(np.diff(first, axis=1)).mean(0)])
        self.steps = steps if self.steps is None else self.steps + steps

    def missing(self, factor: Fraction) -> float:
        """dB by which frequencies beyond the smaller picture's are weaker than its low ones let expect."""
        edge = 0.5 / float(factor)
        low, high = _band(0.2 * edge, 0.4 * edge), _band(1.2 * edge, min(1.8 * edge, 0.49))
        falls = 20 * np.log10(_middle(high) / _middle(low))  # power of natural pictures, by 1/f²
        return float(10 * np.log10(self.power[low].mean() / self.power[high].mean()) - falls)

    def periodic(self, factor: Fraction) -> float:
        """How far the period `factor` stands out from others near it."""
        assert self.steps is not None
        return max(_stands_out(steps, factor) for steps in self.steps)


def held_height(height: int, factor: Fraction | None) -> int | None:
    """Lines that pictures of `height` hold, by what a meter found; None where that is not less."""
    return None if factor is None or factor == 1 else round(height / factor / 2) * 2


class HeldSizeMeter:
    """Measures luma of some pictures of one size that come from one place."""

    def __init__(self) -> None:
        self._directions = (_Direction(), _Direction())
        self._shape: tuple[int, ...] = ()
        self._shown: tuple[slice, slice] | None = None
        self._pictures = 0

    def feed(self, luma: Plane) -> None:
        """luma: (H, W) in 8-bit codes. Bars at its edges are left out, as far as the first picture tells."""
        if self._shown is None:
            self._shape, self._shown = luma.shape, _without_bars(luma)
        if self._shown is None or luma.shape != self._shape:
            return
        shown = luma[self._shown]
        if min(shown.shape) < _LENGTH:
            return
        self._pictures += 1
        for direction, lines in zip(self._directions, (shown, shown.T), strict=True):
            direction.feed(np.ascontiguousarray(lines[:: max(1, len(lines) // _LINES)]))

    def factor(self) -> Fraction | None:
        """By how much the pictures were enlarged, at least: 1 where nothing shows that they were; None where
        nothing can be told."""
        if not self._pictures:
            return None
        return next((factor for factor in FACTORS if self._enlarged_by(factor)), Fraction(1))

    def _enlarged_by(self, factor: Fraction) -> bool:
        if min(direction.missing(factor) for direction in self._directions) < _LEAST_MISSING:
            return False
        return min(direction.periodic(factor) for direction in self._directions) >= _LEAST_PERIODIC


def _without_bars(luma: Plane) -> tuple[slice, slice] | None:
    rows = np.flatnonzero(np.ptp(luma, axis=1) > _BAR)
    columns = np.flatnonzero(np.ptp(luma, axis=0) > _BAR)
    if not len(rows) or not len(columns):
        return None
    return tuple(slice(int(found[0]) + 2, int(found[-1]) - 1) for found in (rows, columns))  # type: ignore[return-value]


def _band(low: float, high: float) -> slice:
    """Of a spectrum, from one frequency to another, in cycles for a pixel."""
    return slice(round(low * _LENGTH), max(round(high * _LENGTH), round(low * _LENGTH) + 1) + 1)


def _middle(band: slice) -> float:
    return float(band.start + band.stop - 1) / 2


def _stands_out(steps: Values, factor: Fraction) -> float:
    level = np.convolve(np.pad(steps, _AROUND // 2, mode="edge"), np.ones(_AROUND) / _AROUND, "valid")
    # An edge of the picture's own is no more than another.
    relative = np.clip(steps / (level + 1e-6) - 1, -1, 1) * np.hanning(len(steps))
    peak = _strength(relative, float(1 / factor))
    beside = [_strength(relative, float(1 / factor) + by / len(steps)) for by in _beside()]
    found = peak / (float(np.median(beside)) + 1e-9)
    if (_BLOCKS / factor).denominator != 1:
        return found
    # As often as blocks: the borders of blocks stand out with all multiples of their frequency.
    others = [_strength(relative, k / _BLOCKS) for k in range(1, _BLOCKS // 2 + 1) if k != _BLOCKS / factor]
    return found if peak > 2 * max(others) else 0.0


def _beside() -> Iterator[int]:
    """Frequencies near another, in steps that a window keeps apart."""
    yield from range(-24, -4)
    yield from range(5, 25)


def _strength(values: Values, frequency: float) -> float:
    return float(abs(np.sum(values * np.exp(-2j * np.pi * frequency * np.arange(len(values))))))
