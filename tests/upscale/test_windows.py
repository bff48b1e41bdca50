import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcnet.upscale.windows import Span, even_size, iter_windows, plan_spans, smallest_size


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


@given(cuts())
def test_windows_of_unknown_length_are_the_planned_ones(cut):
    length, size, overlap, multiple = cut
    windows = list(iter_windows(range(length), size, overlap, multiple))
    assert [span for span, _ in windows] == plan_spans(*cut)
    assert all(items == list(range(span.start, span.stop)) for span, items in windows)


@given(cuts())
def test_windows_read_no_further_than_they_must(cut):
    length, size, overlap, multiple = cut
    read = 0

    def items():
        nonlocal read
        for i in range(length):
            read += 1
            yield i

    for span, _ in iter_windows(items(), size, overlap, multiple):
        assert read == min(length, span.stop + 1)


class Item:
    """Counts how many of its kind are alive."""

    alive = 0

    def __init__(self):
        Item.alive += 1

    def __del__(self):
        Item.alive -= 1


@given(cuts())
def test_windows_hold_a_bounded_number_of_items(cut):
    length, size, overlap, multiple = cut
    Item.alive = 0
    most = 0
    for _, items in iter_windows((Item() for _ in range(length)), size, overlap, multiple):
        del items
        most = max(most, Item.alive)
    assert most <= size + size // 2 + multiple + 1


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
