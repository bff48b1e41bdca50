"""Cutting a length into overlapping spans, in integers only: for time, height and width alike.

Every span is computed as a whole and only its kept part is used: the overlap is context that is dropped,
never blended.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


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


def plan_spans(length: int, size: int, overlap: int, multiple: int = 1) -> list[Span]:
    """Cut [0, length) into spans of at most `size` computed items.

    The kept parts partition [0, length). Each kept item has at least `overlap` computed items on either
    side, or all that there are up to the clip's end. Every start is a multiple of `multiple`. All spans but
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
    """The smallest size in [least, size] that cuts `length` into no more spans than `size` does.

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


def iter_windows(
    items: Iterable[Item], size: int, overlap: int, multiple: int = 1
) -> Iterator[tuple[Span, list[Item]]]:
    """`plan_spans` for a length that is not known in advance, with the items of each span.

    Gives exactly the spans that plan_spans gives for the final length. It reads one item beyond a window
    before it hands the window out (to know that it is not the last) and holds at most
    3/2 size + multiple + 1 items.
    """
    _check(size, overlap, multiple)
    span = _span_at(0, 0, size, overlap, multiple)
    held: list[Item] = []
    first = 0  # position of held[0] in the clip
    for item in items:
        held.append(item)
        if first + len(held) > span.stop:
            yield span, held[span.start - first : span.stop - first]
            known = span.stop + 1
            span = _next(span, size, overlap, multiple)
            # The next window reaches back furthest if it turns out to end with what is known already.
            earliest = _last(span, known, size, multiple).start
            del held[: earliest - first]
            first = earliest
    length = first + len(held)
    if length:
        span = _last(span, length, size, multiple)
        yield span, held[span.start - first :]


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
    """`span` cut off at `length`, begun earlier if it would be shorter than half of `size`."""
    earliest = max(0, -(-(length - size) // multiple) * multiple)  # rounded up: no more than `size` items
    wanted = max(0, (length - size // 2) // multiple * multiple)
    return Span(min(span.start, max(earliest, wanted)), length, span.keep_start, length)
