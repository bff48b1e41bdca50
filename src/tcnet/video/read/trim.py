"""A part of a video file: which frames `--start` and `--end` mean."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from tcnet.errors import UsageError
from tcnet.video.frame import TrimRange, VideoInfo
from tcnet.video.read.deinterlace import ShownPictures
from tcnet.video.read.read_options import ReadOptions


@dataclass(frozen=True, slots=True)
class Trim:
    """What is read, in ticks. first: of the file's first picture. start: the first picture that is kept.
    end: what begins there or later is left out; None: nothing is."""

    first: int
    start: int
    end: int | None

    @property
    def shift(self) -> int:
        """How much earlier everything is in the output, which begins where the whole file begins."""
        return self.start - self.first


def find_trim(
    options: ReadOptions, pictures: ShownPictures, first: int | None, whole: VideoInfo
) -> Trim | None:
    """None when everything is read. first: the tick of the first picture, None where none can be decoded.

    Raises UsageError where no picture is left.
    """
    if not options.cuts or first is None:
        return None
    end = None if options.end is None else first + ceil(options.end / whole.time_base)
    if options.start is None:
        return Trim(first, first, end)
    asked = f"{float(options.start):g} s"
    wanted = first + ceil(options.start / whole.time_base)
    entries = pictures.pictures_from(wanted, first)
    start = next((entry.pts for entry in entries if entry.pts >= wanted), None)
    if start is None:
        known = "" if whole.duration is None else f" ({float(whole.duration):.3f} s long)"
        raise UsageError(f"start {asked} is behind the last frame of the video{known}; give an earlier one")
    if end is not None and start >= end:
        raise UsageError(
            f"no frame begins between {asked} and {float(options.end or 0):g} s; "
            f"the next one is at {float((start - first) * whole.time_base):.3f} s"
        )
    return Trim(first, start, end)


def describe_trim(whole: VideoInfo, trim: Trim) -> VideoInfo:
    """The VideoInfo of a part; its frame count is an estimate by the rate."""
    tick = whole.time_base
    begin = trim.shift * tick
    stop = whole.duration
    if trim.end is not None:
        limit = (trim.end - trim.first) * tick
        stop = limit if stop is None else min(stop, limit)
    count: int | None = None
    if stop is not None and whole.frame_rate is not None:
        count = max(1, ceil(stop * whole.frame_rate) - ceil(begin * whole.frame_rate))
        count = min(count, whole.frame_count or count)  # pictures may stand long
    end: Fraction | None = None if trim.end is None else trim.end * tick
    return replace(
        whole,
        frame_count=count,
        duration=None if stop is None else max(stop - begin, tick),
        trim=TrimRange(start=trim.start * tick, end=end, shift=begin),
    )
