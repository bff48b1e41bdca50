"""How large a picture really is: whether it was blown up from fewer pixels, and by how much.

Enlarging leaves two marks. Frequencies that the smaller picture did not have are missing: its spectrum falls
farther than that of a picture of this size, also where a codec added noise later. And the new pixels repeat
how they lie between the old ones: differences of neighbours are larger at some columns than at others, with a
period that is the factor (Gallagher, "Detection of linear and cubic interpolation in JPEG compressed images",
CRV 2005). Blurred pictures lack the second mark, pictures that were shrunk lack the first: only both together
count. Thresholds: docs/experiments/2026-11-29-fake-hd.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Least:
    """What both marks have to reach: dB that are missing, and how far the period stands out."""

    missing: float = 8.0
    periodic: float = 4.5


FACTORS = {
    Fraction(3): _Least(11.5, 6.5),  # pictures that were shrunk from 4/3 have this period too
    Fraction(9, 4): _Least(),
    Fraction(15, 8): _Least(),
}
"""What is looked for: 360, 480 and 576 lines to 1080, 720 to 2160. Not 2 and 4, whose periods are those of
blocks of codecs, and stand out in all that they compress; nor 1.5, which soft pictures shrunk from 4/3
look like."""
_ALIKE = 0.8
"""Of the period that stands out most: others have as good a claim. The larger factor misses more."""
_LENGTH = 256  # samples of a spectrum
_LINES = 160  # whose spectra are taken, in each direction: neighbours have the same
_BAR = 8  # codes: lines of a smaller range are bars, or as empty
_AROUND = 33  # samples whose mean is the level of differences at a place


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

    def feed(self, picture: Plane) -> None:
        lines = picture[:: max(1, len(picture) // _LINES)]
        starts = range(0, lines.shape[1] - _LENGTH + 1, _LENGTH // 2)
        pieces = np.concatenate([lines[:, start : start + _LENGTH] for start in starts])
        pieces = (pieces - pieces.mean(1, keepdims=True)) * _WINDOW
        self.power += (np.abs(np.fft.rfft(pieces, axis=1)) ** 2).mean(0)
        first = np.diff(picture, axis=1)
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
        for direction, turned in zip(self._directions, (shown, shown.T), strict=True):
            direction.feed(np.ascontiguousarray(turned))

    def factor(self) -> Fraction | None:
        """By how much the pictures were enlarged, at least: 1 where nothing shows that they were; None where
        nothing can be told."""
        if not self._pictures:
            return None
        likely = {
            factor: found for factor, least in FACTORS.items() if (found := self._periodic(factor, least))
        }
        most = max(likely.values(), default=0.0)
        return max((each for each, found in likely.items() if found >= _ALIKE * most), default=Fraction(1))

    def _periodic(self, factor: Fraction, least: _Least) -> float:
        """How far the period stands out, where both marks are there; else 0. In one direction is enough: on
        DVDs another factor holds across."""
        if min(direction.missing(factor) for direction in self._directions) < least.missing:
            return 0.0
        periodic = max(direction.periodic(factor) for direction in self._directions)
        return periodic if periodic >= least.periodic else 0.0


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
    return peak / (float(np.median(beside)) + 1e-9)


def _beside() -> Iterator[int]:
    """Frequencies near another, in steps that a window keeps apart."""
    yield from range(-24, -4)
    yield from range(5, 25)


def _strength(values: Values, frequency: float) -> float:
    return float(abs(np.sum(values * np.exp(-2j * np.pi * frequency * np.arange(len(values))))))
