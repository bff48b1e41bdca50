"""Frames of several videos paired by their timestamps; two frames of each are in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tcnet.video import Frame, FrameSource


@dataclass(frozen=True, slots=True)
class Moment:
    """frames: one of each video. seconds: of the first video's frame, counted from its first one."""

    frames: tuple[Frame, ...]
    seconds: Fraction


class Pairing:
    """For each frame of the first video the nearest frames in time of the others.

    Times count from each video's own first frame, because containers begin at different times. It ends with
    the shortest video. `notices` reports mismatches, and is complete after the last frame.
    """

    def __init__(
        self,
        sources: Sequence[FrameSource],
        names: Sequence[str],
        *,
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        """names: for notices. start, end: seconds; moments with start <= time < end are yielded."""
        self._sources = sources
        self._names = names
        self._start = start or Fraction(0)
        self._end = end
        self._notices: list[str] = []

    @property
    def notices(self) -> tuple[str, ...]:
        return tuple(self._notices)

    def __iter__(self) -> Iterator[Moment]:
        """Raises MediaError like the sources."""
        self._notices = []
        first, *others = (iter(source) for source in self._sources)
        cursors = [_Cursor(frames) for frames in others]
        origin: Fraction | None = None
        count = 0
        for frame in first:
            origin = frame.seconds if origin is None else origin
            seconds = frame.seconds - origin
            if self._end is not None and seconds >= self._end:
                break
            for cursor in cursors:
                cursor.advance(seconds)
            if any(cursor.over(seconds) for cursor in cursors):
                self._say_shorter(cursors, seconds)
                break
            if seconds >= self._start:
                for cursor in cursors:
                    cursor.show()
                count += 1
                yield Moment((frame, *(cursor.frame for cursor in cursors)), seconds)
        else:
            if self._end is None:
                self._say_longer(cursors)
        self._say_unmatched(cursors, count)

    def _say_shorter(self, cursors: Sequence["_Cursor"], seconds: Fraction) -> None:
        for cursor, name in zip(cursors, self._names[1:], strict=True):
            if cursor.over(seconds):
                self._notices.append(
                    f"{name} ends at {float(cursor.end):.2f} s, before {self._names[0]}: no more is shown"
                )

    def _say_longer(self, cursors: Sequence["_Cursor"]) -> None:
        for cursor, name in zip(cursors, self._names[1:], strict=True):
            if cursor.has_next:
                self._notices.append(
                    f"{name} goes on after the end of {self._names[0]}; the rest is not shown"
                )

    def _say_unmatched(self, cursors: Sequence["_Cursor"], count: int) -> None:
        for cursor, name in zip(cursors, self._names[1:], strict=True):
            if cursor.repeated:
                self._notices.append(
                    f"{name} has no frame of its own for {cursor.repeated} of {count} frames of "
                    f"{self._names[0]}; the nearest is shown"
                )
            if cursor.passed:
                self._notices.append(
                    f"{cursor.passed} frames of {name} are not shown: {self._names[0]} has none at their time"
                )


class _Cursor:
    """A position in one video: the frame nearest to the last requested time."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self._next: Frame | None = None
        self._origin = Fraction(0)
        self._current: Frame | None = None
        self._shown = 0  # how often the current frame was shown
        self._begun = False  # whether any was shown
        self._step = Fraction(0)
        self.repeated = 0
        """How often a frame was shown again for lack of another."""
        self.passed = 0
        """Frames that were skipped."""

    @property
    def frame(self) -> Frame:
        assert self._current is not None
        return self._current

    @property
    def has_next(self) -> bool:
        return self._next is not None

    @property
    def end(self) -> Fraction:
        """When the current frame ends, by its duration or the step before it."""
        own = self.frame.duration * self.frame.time_base
        return self._time(self.frame) + (own or self._step)

    def advance(self, seconds: Fraction) -> None:
        if self._current is None:
            self._current = next(self._frames)  # a source without frames raises, it does not just end
            self._origin = self._current.seconds
            self._next = next(self._frames, None)
        while self._next is not None and abs(self._time(self._next) - seconds) <= abs(
            self._time(self.frame) - seconds
        ):
            self._step = self._next.seconds - self.frame.seconds
            self.passed += self._begun and self._shown == 0
            self._current, self._next = self._next, next(self._frames, None)
            self._shown = 0

    def show(self) -> None:
        self.repeated += self._shown > 0
        self._shown += 1
        self._begun = True

    def over(self, seconds: Fraction) -> bool:
        """Whether the video has ended at that time."""
        return self._next is None and seconds >= self.end and seconds > self._time(self.frame)

    def _time(self, frame: Frame) -> Fraction:
        return frame.seconds - self._origin
