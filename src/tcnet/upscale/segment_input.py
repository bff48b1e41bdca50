"""A segment that can be computed by itself, anywhere: the frames it needs, and its windows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tcnet.inference.bidirectional import upscale_window
from tcnet.inference.compute import Compute
from tcnet.inference.tiling import Layout
from tcnet.inference.windows import Span, iter_windows
from tcnet.video.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class SegmentInput:
    """All windows whose kept frames lie between two neighbouring multiples of the segment length.

    frames: those from number `first` of the stream on, context included. skip: kept frames at the beginning
    that are not wanted.
    """

    number: int
    first: int
    frames: list[Frame]
    windows: tuple[Span, ...]
    skip: int = 0

    @property
    def size(self) -> int:
        """Bytes of the frames."""
        alphas = [frame.alpha.nbytes for frame in self.frames if frame.alpha is not None]
        return sum(frame.pixels.nbytes for frame in self.frames) + sum(alphas)


def iter_segment_inputs(
    scenes: Iterable[Iterator[Frame]], window: int, overlap: int, group: int, align: int, skip: int = 0
) -> Iterator[SegmentInput]:
    """The segments of a stream of scenes, without those of which the first `skip` frames are all.

    window, overlap: of the layout. group: the network's. align: frames that a segment keeps; the last keeps
    fewer. Holds the frames of one segment and of the next window.
    """
    begin = 0  # number of the scene's first frame
    segment = _Collected(0)
    for scene in scenes:
        for span, frames in iter_windows(scene, window, overlap, group, begin=begin, align=align):
            begin = span.keep_stop  # of the next scene, after its last window
            if span.keep_start // align != segment.number:
                yield from segment.finished(skip - segment.number * align, align)
                segment = _Collected(span.keep_start // align)
            segment.add(span, frames)
    yield from segment.finished(skip - segment.number * align, align)


@dataclass(slots=True)
class _Collected:
    """A segment whose windows come one by one."""

    number: int
    windows: list[Span] = field(default_factory=list)
    frames: dict[int, Frame] = field(default_factory=dict)

    def add(self, span: Span, frames: list[Frame]) -> None:
        self.frames.update(enumerate(frames, span.start))
        self.windows.append(span)

    def finished(self, skip: int, align: int) -> Iterator[SegmentInput]:
        if self.windows and skip < align:
            # Windows overlap, or follow each other across a cut: they leave no gap.
            numbers = range(min(self.frames), max(self.frames) + 1)
            frames = [self.frames[number] for number in numbers]
            yield SegmentInput(self.number, numbers[0], frames, tuple(self.windows), max(0, skip))


def upscale_segment(compute: Compute, layout: Layout, segment: SegmentInput) -> Iterator[Frame]:
    """The SR frames that a segment keeps. Raises like `upscale_window`."""
    number = segment.windows[0].keep_start + segment.skip
    for span in segment.windows:
        if span.keep_stop <= number:
            continue
        window = segment.frames[span.start - segment.first : span.stop - segment.first]
        kept = range(span.keep_start, span.keep_stop)
        for position, frame in zip(
            kept, upscale_window(compute, layout, window, span.start, kept), strict=True
        ):
            compute.statistics.windows += position == kept[-1]
            if position >= number:
                compute.statistics.frames += 1
                yield frame
