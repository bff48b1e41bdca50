import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcnet.inference.upscale_options import DEFAULT_KEPT, DEFAULT_OVERLAP
from tcnet.inference.windows import (
    FEW_FRAMES,
    Span,
    even_size,
    iter_windows,
    plan_spans,
    plan_windows,
    smallest_size,
)
from tcnet.upscale.segment_length import SEGMENT_FRAMES


@st.composite
def cuts(draw):
    """length, size, overlap, multiple with a size that can advance."""
    overlap = draw(st.integers(0, 12))
    multiple = draw(st.sampled_from([1, 2, 3, 4, 8, 16]))
    size = draw(st.integers(smallest_size(overlap, multiple), smallest_size(overlap, multiple) + 40))
    return draw(st.integers(0, 300)), size, overlap, multiple


@given(cuts())
def test_kept_parts_partition_the_length(cut):
    kept = [i for span in plan_spans(*cut) for i in range(span.keep_start, span.keep_stop)]
    assert kept == list(range(cut[0]))


@given(cuts())
def test_each_span_is_within_size_and_starts_on_the_grid(cut):
    length, size, _, multiple = cut
    for span in plan_spans(*cut):
        assert 0 <= span.start < span.stop <= length
        assert span.stop - span.start <= size
        assert span.start % multiple == 0
        assert span.start <= span.keep_start < span.keep_stop <= span.stop


@given(cuts())
def test_kept_items_have_their_context_unless_at_the_ends(cut):
    length, _, overlap, _ = cut
    for span in plan_spans(*cut):
        assert span.start == 0 or span.keep_start - span.start >= overlap
        assert span.stop == length or span.stop - span.keep_stop >= overlap


@given(cuts())
def test_last_span_is_at_least_half_a_span(cut):
    length, size, _, multiple = cut
    spans = plan_spans(*cut)
    if len(spans) > 1:
        # An odd grid can make half a span impossible within `size`; then the last is as long as the grid lets it.
        longest_on_grid = length - -(-(length - size) // multiple) * multiple
        assert spans[-1].stop - spans[-1].start >= min(size // 2, longest_on_grid)


@st.composite
def scenes(draw):
    """begin, end, size, overlap, multiple, align: a scene somewhere in a stream."""
    length, size, overlap, multiple = draw(cuts())
    begin = draw(st.integers(0, 100))
    return begin, begin + length, size, overlap, multiple, draw(st.none() | st.integers(1, 60))


@given(scenes())
def test_kept_frames_partition_the_scene_and_end_where_segments_do(scene):
    begin, end, *_, align = scene
    windows = plan_windows(*scene)
    assert [i for span in windows for i in range(span.keep_start, span.keep_stop)] == [*range(begin, end)]
    stops = {span.keep_stop for span in windows}
    assert align is None or stops.issuperset(i for i in range(begin + 1, end) if i % align == 0)


@given(scenes())
def test_windows_are_within_size_scene_and_steps(scene):
    begin, end, size, _, multiple, align = scene
    for span in plan_windows(*scene):
        assert begin <= span.start <= span.keep_start < span.keep_stop <= span.stop <= end
        assert span.stop - span.start <= size
        segment = begin if align is None else max(begin, span.keep_start // align * align)
        assert span.start == begin or (span.start - segment) % multiple == 0


@given(scenes())
def test_kept_frames_have_their_context_unless_the_scene_has_not(scene):
    begin, end, _, overlap, *_ = scene
    for span in plan_windows(*scene):
        assert span.start == begin or span.keep_start - span.start >= overlap
        assert span.stop == end or span.stop - span.keep_stop >= overlap


@given(scenes())
def test_windows_are_not_a_few_frames(scene):
    begin, end, size, _, multiple, _ = scene
    for span in plan_windows(*scene):
        # Steps may leave it a little short of half of a size that is hardly more than a step.
        least = min(size // 2, FEW_FRAMES, size - multiple + 1)
        assert span.stop - span.start >= min(least, end - begin)


@given(scenes(), st.integers(0, 200))
def test_what_a_segment_needs_does_not_depend_on_the_rest_of_the_scene(scene, more):
    """A cluster computes segments apart, and a run that continues begins with one."""
    begin, end, size, overlap, multiple, align = scene
    align = align or 48
    windows = plan_windows(begin, end, size, overlap, multiple, align)
    longer = plan_windows(begin, end + more, size, overlap, multiple, align)
    settled = [span for span in windows if (span.keep_start // align + 1) * align + size <= end]
    assert longer[: len(settled)] == settled
    later = plan_windows(begin + align, end + align, size, overlap, multiple, align)
    assert [(s.start + align, s.stop + align, s.keep_start + align) for s in windows] == [
        (s.start, s.stop, s.keep_start) for s in later
    ]


@given(scenes())
def test_windows_of_a_scene_of_unknown_end_are_the_planned_ones(scene):
    begin, end, size, overlap, multiple, align = scene
    windows = [*iter_windows(iter(range(begin, end)), size, overlap, multiple, begin=begin, align=align)]
    assert [span for span, _ in windows] == plan_windows(*scene)
    assert all(items == list(range(span.start, span.stop)) for span, items in windows)


class Item:
    """Counts how many of its kind are alive."""

    alive = 0

    def __init__(self):
        Item.alive += 1

    def __del__(self):
        Item.alive -= 1


@given(scenes())
def test_windows_hold_a_bounded_number_of_items(scene):
    begin, end, size, overlap, multiple, align = scene
    Item.alive = 0
    most = 0

    def items():
        nonlocal most
        for _ in range(begin, end):
            item = Item()
            most = max(most, Item.alive)
            yield item
            del item

    for _, window in iter_windows(items(), size, overlap, multiple, begin=begin, align=align):
        del window
    assert most <= 2 * size + 2 * multiple


def test_a_segment_is_one_default_window_or_two_of_the_next_length():
    default = DEFAULT_KEPT + 2 * DEFAULT_OVERLAP
    assert plan_windows(0, 200, default, DEFAULT_OVERLAP, 4, SEGMENT_FRAMES)[:3] == [
        Span(0, 52, 0, 48),
        Span(44, 100, 48, 96),
        Span(92, 148, 96, 144),
    ]
    assert plan_windows(0, 200, 32, 4, 4, 48)[:4] == [
        Span(0, 32, 0, 28),
        Span(24, 52, 28, 48),
        Span(44, 76, 48, 72),
        Span(68, 100, 72, 96),
    ]


def test_what_is_left_of_a_segment_is_shared_by_two_windows():
    assert plan_windows(0, 33, 32, 4, 4) == [Span(0, 24, 0, 20), Span(16, 33, 20, 33)]
    assert plan_windows(46, 60, 32, 4, 4, 48) == [Span(46, 60, 46, 48), Span(46, 60, 48, 60)]


@given(cuts(), st.integers(1, 20))
def test_even_size_needs_no_more_spans_and_less_or_equal_memory(cut, least):
    length, size, overlap, multiple = cut
    even = even_size(length, size, overlap, multiple, least)
    assert min(size, least) <= even <= size
    assert len(plan_spans(length, even, overlap, multiple)) == len(
        plan_spans(length, size, overlap, multiple)
    )
    smaller = max(even - 1, least)
    if smallest_size(overlap, multiple) <= smaller < even:
        assert len(plan_spans(length, smaller, overlap, multiple)) > len(
            plan_spans(length, size, overlap, multiple)
        )


def test_one_span_when_all_fits():
    assert plan_spans(32, 32, 4, 4) == [Span(0, 32, 0, 32)]
    assert plan_spans(1, 32, 4, 4) == [Span(0, 1, 0, 1)]
    assert plan_spans(0, 32, 4, 4) == []


def test_a_last_window_of_one_new_frame_reaches_back():
    assert plan_spans(33, 32, 4, 4) == [Span(0, 32, 0, 28), Span(16, 33, 28, 33)]


def test_size_too_small_to_advance_is_refused_with_the_values():
    with pytest.raises(ValueError, match=r"size 9 .* overlap 4 and multiple 4 it must be at least 12"):
        plan_spans(100, 9, 4, 4)
    with pytest.raises(ValueError, match="got -1 and 1"):
        plan_spans(100, 9, -1)
    with pytest.raises(ValueError, match="got -5"):
        plan_spans(-5, 9, 0)
    with pytest.raises(ValueError, match="at least 12"):
        plan_windows(0, 100, 9, 4, 4)
    with pytest.raises(ValueError, match="align must be at least 1, got 0"):
        plan_windows(0, 100, 9, 4, 1, 0)
