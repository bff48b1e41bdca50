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
from tcnet.web.jobs.job import Trim

_WHOLE = Trim()
_AHEAD = 60
"""Up to this distance decoding on is faster than seeking."""
_KEPT = 8
"""Decoded frames kept for steps back."""
_KEPT_BYTES = 1 << 28
_CLOSE = Fraction(4, 1000)
"""Seconds: closer frames cannot be told apart by time, which containers round."""


def read_options(trim: Trim) -> ReadOptions:
    """Raises UsageError for a part without frames."""
    start, end = (None if at is None else Fraction(str(at)) for at in trim)
    return ReadOptions(start=start, end=end)


def result_times(path: Path, result: Path, trim: Trim) -> tuple[float, list[float]]:
    """Seconds from the first frame of `path` to that of `result`, and from that to each of its frames."""
    return float(_shift(path, trim)), [float(time) for time in frame_times(result)]


def frame_png(path: Path, result: Path, number: int, size: tuple[int, int], trim: Trim = _WHOLE) -> bytes:
    """Frame `number` of `path`, counted from 0, in `size` (height, width); by bicubic where it has another.

    result: the upscaled file, which has the frames of the input at their times. trim: the part of `path` that
    is counted.
    Raises MediaError where there is no such frame.
    """
    frame = _clip(path, result, trim).frame(number)
    pixels = frame.pixels
    if pixels.shape[:2] != size:
        pixels = resize_pixels(pixels, size, pixels.dtype)
    return encode_png(pixels, quick=True)


@lru_cache(maxsize=2)  # input and result of the job in view
def _clip(path: Path, result: Path, trim: Trim) -> "Clip":
    return Clip(path, frame_times(result), _shift(path, trim))


def _shift(path: Path, trim: Trim) -> Fraction:
    """Seconds from the first frame to the first that is kept."""
    if trim == _WHOLE:
        return Fraction(0)
    with VideoReader(path, read_options(trim)) as reader:
        found = reader.info.trim
    return Fraction(0) if found is None else Fraction(found.shift)


class Clip:
    """Frames of a video by their number. times: seconds from the first frame to each. shift: seconds from the
    first frame of the file to that which is counted as 0."""

    def __init__(self, path: Path, times: list[Fraction], shift: Fraction = Fraction(0)) -> None:
        self._path = path
        self._shift = shift
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
        start: Fraction | None = self._shift or None
        if number > 0:
            start = (self._times[number - 1] + self._times[number]) / 2 + self._shift
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
