"""Single frames of the input and the result of a job, as PNG. Runs in a media process."""

from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from tcnet.errors import MediaError
from tcnet.inference.pixels import resize_pixels
from tcnet.video import Frame, ReadOptions, VideoReader
from tcnet.video.images import encode_png
from tcnet.video.read.frame_times import frame_times

_AHEAD = 60
"""Up to this distance decoding on is faster than seeking."""
_KEPT = 8
"""Decoded frames kept for steps back."""
_KEPT_BYTES = 1 << 28
_CLOSE = Fraction(4, 1000)
"""Seconds: closer frames cannot be told apart by time, which containers round."""


def frame_png(path: Path, result: Path, number: int, size: tuple[int, int]) -> bytes:
    """Frame `number` of `path`, counted from 0, in `size` (height, width); by bicubic where it has another.

    result: the upscaled file, which has the frames of the input at their times.
    Raises MediaError where there is no such frame.
    """
    frame = _clip(path, result).frame(number)
    pixels = frame.pixels
    if pixels.shape[:2] != size:
        pixels = resize_pixels(pixels, size, pixels.dtype)
    return encode_png(pixels, quick=True)


@lru_cache(maxsize=2)  # input and result of the job in view
def _clip(path: Path, result: Path) -> "Clip":
    return Clip(path, frame_times(result))


class Clip:
    """Frames of a video by their number. times: seconds from the first frame to each."""

    def __init__(self, path: Path, times: list[Fraction]) -> None:
        self._path = path
        self._times = times
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._following: Iterator[Frame] = iter(())
        self._next = 0  # number of the frame that `_following` gives next
        self._open = False

    def frame(self, number: int) -> Frame:
        """Raises MediaError where there is none."""
        if number not in self._kept:
            if not self._open or not self._next <= number <= self._next + _AHEAD:
                self._jump(max(0, number - self._most() + 1))
            self._decode(number)
        return self._kept[number]

    def _jump(self, number: int) -> None:
        """Seek to `number`, or before it where its time does not differ from its neighbour's."""
        number = min(number, len(self._times) - 1)
        while number > 0 and self._times[number] - self._times[number - 1] < _CLOSE:
            number -= 1
        # Half-way between two frames, so that it does not matter how the container rounded.
        start = (self._times[number - 1] + self._times[number]) / 2 if number > 0 else None
        self._following = iter(VideoReader(self._path, ReadOptions(start=start)))
        self._next = max(number, 0)
        self._open = True

    def _decode(self, number: int) -> None:
        for frame in self._following:
            self._kept[self._next] = frame
            self._next += 1
            while len(self._kept) > self._most():
                self._kept.popitem(last=False)
            if self._next > number:
                return
        self._open = False
        raise MediaError(f"it has no frame {number}")

    def _most(self) -> int:
        """Frames to keep: fewer where they are large."""
        if not self._kept:
            return _KEPT
        return max(1, min(_KEPT, _KEPT_BYTES // next(iter(self._kept.values())).pixels.nbytes))
