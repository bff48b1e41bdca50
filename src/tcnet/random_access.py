"""SR frames of a clip by their number, in any order: the same ones whatever was asked for before."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock

from tcnet.errors import UsageError
from tcnet.inference.scene_detection import MEMORY
from tcnet.inference.tiling import Layout
from tcnet.inference.upscale_options import DEFAULT_KEPT
from tcnet.inference.upscaler import Upscaler
from tcnet.inference.windows import FEW_FRAMES, kept_frames
from tcnet.video.frame import Frame

STREAM_LEAD = 8
"""Frames before a segment with which a forward network begins: it has no other past there."""
CACHED_BYTES = 2**30
"""Of SR frames, unless those in flight need more."""
IN_FLIGHT = 16
"""Requests that may overtake each other, at least."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames that can be read in any order. read: gives uint8 or uint16 frames by number, of one type."""

    length: int
    height: int
    width: int
    sample_bytes: int
    read: Callable[[int], Frame]


class RandomAccess:
    """Upscales a clip in segments, each by itself, so that a frame does not depend on what came before.

    A segment is what one window keeps. Its frames equal those of `Upscaler.stream(frames, align=kept)` for a
    bidirectional network; a forward network begins `overlap` frames before each segment. Methods are safe
    to call from several threads; one computes at a time.

    Args:
        upscaler: the network with its options. What they leave open is decided here, once.
        clip: the LR frames.
        in_flight: requests that may overtake each other: as many frames of a segment are finished before the
            next one is begun.

    Raises:
        UsageError, MediaError: as `Upscaler.layout`.
    """

    def __init__(self, upscaler: Upscaler, clip: Clip, in_flight: int = IN_FLIGHT) -> None:
        self.layout = upscaler.layout(clip.height, clip.width, clip.sample_bytes)
        self._upscaler = upscaler.with_options(upscaler.decided(self.layout))
        self._clip = clip
        self._in_flight = max(in_flight, IN_FLIGHT)
        self.kept, self._lead = _segment(self._upscaler, self.layout)
        picture = self.layout.out_height * self.layout.out_width * 3 * clip.sample_bytes
        self._capacity = max(CACHED_BYTES // picture, self._in_flight + 1)
        self._finished: OrderedDict[int, Frame] = OrderedDict()
        self._lr: dict[int, Frame] = {}
        self._segment = range(0)
        self._stream: Iterator[Frame] | None = None
        self._next = 0
        self._lock = Lock()

    def frame(self, number: int) -> Frame:
        """SR frame `number`, counted from 0.

        Raises:
            IndexError: for a number that the clip does not have.
            MediaError, ValueError: as `Upscaler.stream`; the next call begins anew.
        """
        if not 0 <= number < self._clip.length:
            raise IndexError(f"frame {number} of a clip of {self._clip.length} frames")
        with self._lock:
            if number not in self._finished:
                self._go_to(number)
                self._compute_to(number)
            self._finished.move_to_end(number)
            return self._finished[number]

    def _go_to(self, number: int) -> None:
        """Begin the segment of `number`, unless its stream is there and has not passed it."""
        if self._stream is not None and number in self._segment and number >= self._next:
            return
        overtaken = self._stream is not None and self._segment.stop - self._next <= self._in_flight
        if overtaken and number // self.kept == self._segment.start // self.kept + 1:
            self._compute_to(self._segment.stop - 1)
        begin = number // self.kept * self.kept
        self._segment = range(begin, min(begin + self.kept, self._clip.length))
        self._next = begin
        first = max(0, begin - self._lead)
        following = first in self._lr  # then so are all from there to the one that was read last
        self._lr = {at: frame for at, frame in self._lr.items() if following and at >= first}
        self._stream = self._upscaler.stream(
            self._read_from(first), skip=begin - first, align=self.kept, begin=first
        )

    def _read_from(self, first: int) -> Iterator[Frame]:
        """The LR frames up to the clip's end; those that the next segment needs too are held."""
        held_from = self._segment.stop - self._lead
        for number in range(first, self._clip.length):
            frame = self._lr.get(number)
            if frame is None:
                frame = self._clip.read(number)
            if number >= held_from:
                self._lr[number] = frame
            yield frame

    def _compute_to(self, number: int) -> None:
        assert self._stream is not None
        try:
            for frame in self._stream:
                self._finished[self._next] = frame
                self._next += 1
                while len(self._finished) > self._capacity:
                    self._finished.popitem(last=False)
                if self._next > number:
                    break
        except BaseException:
            self._stream = None
            raise
        if self._next == self._segment.stop:
            self._stream = None  # and with it the features of its window


def _segment(upscaler: Upscaler, layout: Layout) -> tuple[int, int]:
    """(frames that a segment keeps, frames before it that are read)."""
    group = upscaler.compute.network.config.group_size
    if layout.window:
        kept = kept_frames(layout.window, layout.overlap, group)
        # As far back as a window may begin, and farther, so that cuts are found as in the whole clip.
        return kept, max(layout.overlap, FEW_FRAMES) + group + MEMORY
    options = upscaler.options
    lead = STREAM_LEAD if options.overlap is None else options.overlap
    kept = DEFAULT_KEPT if options.window is None else options.window - lead
    if kept < 1:
        raise UsageError(
            f"a window of {options.window} frames is too short: it must be longer than its overlap of {lead}"
        )
    return kept, lead
