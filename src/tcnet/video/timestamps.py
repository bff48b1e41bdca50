"""Timestamps that containers and muxers accept: strictly increasing integers."""

import re
from dataclasses import dataclass
from fractions import Fraction

from av.stream import Stream


def tagged_end(stream: Stream) -> Fraction | None:
    """Seconds from time zero to the end of a stream, as Matroska files tag it; None without such a tag."""
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag is None:
        return None
    return int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])


@dataclass(slots=True)
class RisingTimes:
    """Makes a sequence of timestamps strictly increasing with the smallest change, and counts the changes.

    A step back of more than `restart` ticks is a clock that was reset (concatenated or wrapped transport
    streams): from there on everything is shifted so that time goes on where it was; nudging each frame by one
    tick would squeeze the rest of the video into nothing.
    """

    restart: int
    last: int | None = None
    shift: int = 0
    moved: int = 0
    restarts: int = 0

    def place(self, time: int, step: int) -> int:
        """The timestamp to use for `time`; `step` is the usual distance between two, 0 if unknown."""
        time += self.shift
        if self.last is not None and time <= self.last:
            wanted = self.last + max(step, 1)
            if self.last - time > self.restart:
                self.restarts += 1
                self.shift += wanted - time
                time = wanted
            else:
                self.moved += 1
                time = self.last + 1
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
