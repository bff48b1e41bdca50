"""Timestamps that containers and muxers accept: integers that never step back."""

import re
from dataclasses import dataclass
from fractions import Fraction

from av.stream import Stream

from tcnet.video.ebml import INFO, MUXING_APP, read_first
from tcnet.video.pyav import exact


def tagged_end(stream: Stream, head: bytes) -> Fraction | None:
    """Seconds from time zero to the end of a stream, as Matroska files tag it; None without such a tag.
    head: of the file. FFmpeg tags the end itself, mkvmerge and those after it the length."""
    by_ffmpeg = read_first(head, INFO).get(MUXING_APP, b"").startswith(b"Lavf")
    # Which never gives it a language: where one has it, it was copied from another file.
    names = ["DURATION"] if by_ffmpeg else ["DURATION", *filter(_is_duration, stream.metadata)]
    stated = next((stream.metadata[name] for name in names if name in stream.metadata), "")
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stated)
    time_base = exact(stream.time_base)
    if tag is None or time_base is None:
        return None
    seconds = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
    if by_ffmpeg:
        return seconds
    return seconds + (stream.start_time or 0) * time_base


def _is_duration(tag: str) -> bool:
    return without_language(tag) == "DURATION"


def without_language(tag: str) -> str:
    """The name of a tag of Matroska: FFmpeg adds its language (DURATION-eng)."""
    return re.sub("-[a-z]{3}$", "", tag)


@dataclass(slots=True)
class RisingTimes:
    """Keeps a sequence of timestamps from stepping back with the smallest change, and counts the changes.

    Pictures must be strictly later, one than the other; packets of one stream may share a time (`equal`):
    TrueHD has shorter ones than a tick of Matroska, and many subtitles begin together.

    A step back of more than `restart` ticks is a clock that was reset: from there on everything is shifted so
    that time continues; nudging each frame by one tick would squeeze the rest of the video into nothing. None
    where `tcnet.video.find_clock` has found all resets: what is left is a matter of single packets.
    """

    restart: int | None
    equal: bool = False
    last: int | None = None
    shift: int = 0
    moved: int = 0
    restarts: int = 0

    def place(self, time: int, step: int) -> int:
        """The timestamp to use for `time`; `step` is the usual distance between two, 0 if unknown."""
        time += self.shift
        earliest = time if self.last is None else self.last + (not self.equal)
        if self.last is not None and time < earliest:
            if self.restart is not None and self.last - time > self.restart:
                wanted = self.last + max(step, 1)
                self.restarts += 1
                self.shift += wanted - time
                time = wanted
            else:
                self.moved += 1
                time = earliest
        self.last = time
        return time


@dataclass(slots=True)
class Gaps:
    """Finds where frames are missing in a video of constant rate. step: ticks of a frame, 0 if unknown."""

    step: int
    regular: int = 0
    count: int = 0
    ticks: int = 0
    odd: int = 0

    def add(self, duration: int) -> None:
        """duration: ticks from one frame to the next."""
        if not self.step:
            return
        whole = max(1, round(duration / self.step))  # frames that would fill it
        if 4 * abs(duration - whole * self.step) > self.step:
            self.odd += 1
        elif whole == 1:
            self.regular += 1
        else:
            self.count += 1
            self.ticks += duration - self.step

    @property
    def found(self) -> bool:
        """False for a video whose rate varies: there nothing is missing."""
        return 0 < self.count <= self.regular / 2 and self.odd <= self.regular / 8
