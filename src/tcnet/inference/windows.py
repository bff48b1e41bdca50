"""Splits a length into overlapping spans, in integers only: height and width into tiles, time into windows.

Every span is computed as a whole and only its kept part is used: the overlap is context that is dropped,
never blended.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

FEW_FRAMES = 16
"""Least frames of a window, if the scene has as many, however few of them are kept."""


@dataclass(frozen=True, slots=True)
class Span:
    """Items start..stop-1 of the clip are computed, keep_start..keep_stop-1 of them are used."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int


def smallest_size(overlap: int, multiple: int = 1) -> int:
    """The smallest span size that can advance by `multiple` with `overlap` items of context on both sides."""
    return 2 * overlap + multiple


def kept_frames(size: int, overlap: int, multiple: int = 1) -> int:
    """What a window of `size` can keep at most if it begins whole steps of `multiple` before it."""
    return size - overlap - -(-overlap // multiple) * multiple


def plan_spans(length: int, size: int, overlap: int, multiple: int = 1) -> list[Span]:
    """Split [0, length) into spans of at most `size` computed items.

    The kept parts partition [0, length). Each kept item has at least `overlap` computed items on either
    side, or all up to the clip's end. Every start is a multiple of `multiple`. All spans but
    the last are `size` long; the last is extended backwards to at least half of `size` (where length and
    `multiple` allow), because a recurrent network is weak on a few frames alone, and a tile of a few pixels
    is below its minimum.

    Returns [] for length 0. Raises ValueError when `size` is too small to advance.
    """
    _check(size, overlap, multiple)
    if length < 0:
        raise ValueError(f"length must be at least 0, got {length}")
    spans: list[Span] = []
    span = _span_at(0, 0, size, overlap, multiple)
    while span.stop < length:
        spans.append(span)
        span = _next(span, size, overlap, multiple)
    if length:
        spans.append(_last(span, length, size, multiple))
    return spans


def even_size(length: int, size: int, overlap: int, multiple: int = 1, least: int = 1) -> int:
    """The smallest size in [least, size] that splits `length` into no more spans than `size` does.

    Equal tiles need less memory than full tiles and one small one, for the same work.
    """
    count = len(plan_spans(length, size, overlap, multiple))
    # A larger size never means more spans (stride and reach both grow), so that bisection finds the smallest.
    low, high = min(size, max(least, smallest_size(overlap, multiple))), size
    while low < high:
        middle = (low + high) // 2
        if len(plan_spans(length, middle, overlap, multiple)) <= count:
            high = middle
        else:
            low = middle + 1
    return high


def plan_windows(
    begin: int, end: int, size: int, overlap: int, multiple: int = 1, align: int | None = None
) -> list[Span]:
    """Split one scene, the frames begin..end-1 of a stream, into windows of at most `size` computed frames.

    The kept parts partition the scene, and end at the multiples of `align` in it, counted from the stream's
    first frame: such a segment does not depend on where a run begins. Each kept frame has at least `overlap`
    computed frames on either side, across those ends too, or all up to the scene's ends. Windows begin with
    the scene or whole steps of `multiple` away from the beginning of their segment. They have at least
    FEW_FRAMES, or half of `size`, where scene and steps allow, because a recurrent network is weak on few
    frames alone; therefore the last two of a segment share the rest, or take more context.

    Returns [] for an empty scene. Raises ValueError when `size` is too small to advance.
    """
    cut = _Windows(begin, size, overlap, multiple, align)
    windows: list[Span] = []
    keep = begin
    while keep < end:
        windows.append(cut.window(keep, end))
        keep = windows[-1].keep_stop
    return windows


def iter_windows(
    items: Iterable[Item], size: int, overlap: int, multiple: int = 1, *, begin: int = 0,
    align: int | None = None,
) -> Iterator[tuple[Span, list[Item]]]:  # fmt: skip
    """`plan_windows` for a scene whose end is not known in advance, with the items of each window.

    begin: number of the scene's first item in the stream; spans count from the stream's first. A window is
    yielded as soon as no later item can change it; at most 2 size + 2 multiple items are held.
    """
    cut = _Windows(begin, size, overlap, multiple, align)
    held: list[Item] = []
    first = keep = begin  # numbers of held[0], and of the next item to keep
    for item in items:
        held.append(item)
        if first + len(held) >= cut.known_enough(keep):
            span = cut.window(keep, first + len(held))
            yield span, held[span.start - first : span.stop - first]
            keep = span.keep_stop
            earliest = cut.earliest(keep)
            del held[: earliest - first]
            first = earliest
    end = first + len(held)
    while keep < end:
        span = cut.window(keep, end)
        yield span, held[span.start - first : span.stop - first]
        keep = span.keep_stop


@dataclass(frozen=True, slots=True)
class _Windows:
    """The rules for splitting a scene that begins with `begin`."""

    begin: int
    size: int
    overlap: int
    multiple: int
    align: int | None

    def __post_init__(self) -> None:
        _check(self.size, self.overlap, self.multiple)
        if self.align is not None and self.align < 1:
            raise ValueError(f"align must be at least 1, got {self.align}")

    @property
    def least(self) -> int:
        """Frames of the shortest window, if the scene has as many."""
        return min(self.size // 2, FEW_FRAMES)

    def window(self, keep: int, end: int) -> Span:
        """The window whose kept part begins with `keep`, in a scene that ends before `end`."""
        segment_end = end if self.align is None else min(end, (keep // self.align + 1) * self.align)
        start = self._start(keep)
        keep_stop = min(segment_end, end if end <= start + self.size else start + self.size - self.overlap)
        context = 0 if segment_end == end else self.overlap
        if 0 < segment_end - keep_stop < self.least - self.overlap - context:
            half = -(-(segment_end - keep) // (2 * self.multiple)) * self.multiple
            keep_stop = min(keep_stop, keep + half)
        stop = min(end, keep_stop + self.overlap)
        lacking = self.least - (stop - start)
        if lacking > 0:
            steps = min(-(-lacking // self.multiple), (self.size - (stop - start)) // self.multiple)
            start = max(self.begin, start - steps * self.multiple)
            stop = min(end, max(stop, start + self.least))
        return Span(start, stop, keep, keep_stop)

    def known_enough(self, keep: int) -> int:
        """The number of items up to which the scene has to be known, if it is that long, for `window`."""
        return self._start(keep) + self.size + max(1, self.least - 2 * self.overlap)

    def earliest(self, keep: int) -> int:
        """No window that keeps `keep` or later items begins before this one."""
        return max(self.begin, keep - max(self.overlap, self.least) - self.multiple)

    def _start(self, keep: int) -> int:
        """The latest item to begin with that gives `keep` its context."""
        segment = self.begin if self.align is None else max(self.begin, keep // self.align * self.align)
        return max(self.begin, segment + (keep - segment - self.overlap) // self.multiple * self.multiple)


def _check(size: int, overlap: int, multiple: int) -> None:
    if overlap < 0 or multiple < 1:
        raise ValueError(f"overlap must be at least 0 and multiple at least 1, got {overlap} and {multiple}")
    if size < smallest_size(overlap, multiple):
        raise ValueError(
            f"size {size} leaves nothing to keep: with overlap {overlap} and multiple {multiple} "
            f"it must be at least {smallest_size(overlap, multiple)}"
        )


def _span_at(start: int, keep_start: int, size: int, overlap: int, multiple: int) -> Span:
    """A full span. What it keeps ends half-way into what it shares with the next one."""
    stride = (size - 2 * overlap) // multiple * multiple
    return Span(start, start + size, keep_start, start + stride + (size - stride) // 2)


def _next(span: Span, size: int, overlap: int, multiple: int) -> Span:
    stride = (size - 2 * overlap) // multiple * multiple
    return _span_at(span.start + stride, span.keep_stop, size, overlap, multiple)


def _last(span: Span, length: int, size: int, multiple: int) -> Span:
    """`span` ending at `length`, starting earlier if it would be shorter than half of `size`."""
    earliest = max(0, -(-(length - size) // multiple) * multiple)  # rounded up: no more than `size` items
    wanted = max(0, (length - size // 2) // multiple * multiple)
    return Span(min(span.start, max(earliest, wanted)), length, span.keep_start, length)
