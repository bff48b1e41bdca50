"""SR frames in any order: the same as in order, and as `Upscaler.stream` gives them."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_networks import Nearest, RunningMean, TemporalBox, make_frames, make_scenes
from tcnet.errors import MediaError, UsageError
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.windows import FEW_FRAMES, kept_frames, plan_windows, smallest_size
from tcnet.random_access import Clip, RandomAccess

OPTIONS = {"device": "cpu", "precision": "fp32", "scene_cuts": False}
WIDE = 7
"""Radius beyond all overlaps here: frames then depend on where their window begins and ends."""


def clip_of(frames, reads=None):
    frames = list(frames)
    height, width, _ = frames[0].pixels.shape

    def read(number):
        if reads is not None:
            reads.append(number)
        return frames[number]

    return Clip(len(frames), height, width, frames[0].pixels.itemsize, read)


def accessed(network, frames, reads=None, **options):
    return RandomAccess(Upscaler(network, UpscaleOptions(**{**OPTIONS, **options})), clip_of(frames, reads))


def assert_equal(frame, other):
    assert frame.pts == other.pts
    np.testing.assert_array_equal(frame.pixels, other.pixels)


@given(
    overlap=st.integers(0, 12),
    multiple=st.integers(1, 8),
    longer=st.integers(0, 40),
    begin=st.integers(0, 60),
    length=st.integers(1, 200),
    at=st.integers(0, 199),
)
def test_windows_of_a_segment_do_not_depend_on_what_is_far_before_it(
    overlap, multiple, longer, begin, length, at
):
    size = smallest_size(overlap, multiple) + longer
    kept = kept_frames(size, overlap, multiple)
    assert 0 < kept < size or overlap == 0
    segment = (begin + at % length) // kept
    near = max(begin, segment * kept - max(overlap, FEW_FRAMES) - multiple)
    whole, clipped = (
        [
            span
            for span in plan_windows(start, begin + length, size, overlap, multiple, kept)
            if span.keep_start // kept == segment and span.keep_start >= near
        ]
        for start in (begin, near)
    )
    assert whole == clipped


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_any_order_gives_the_frames_of_the_order_of_time(propagation):
    network = RunningMean() if propagation == "forward" else TemporalBox(WIDE)
    lr = list(make_scenes(9, 14, 11))
    options = {"window": 12, "overlap": 2, "scene_cuts": True}
    in_order = accessed(network, lr, **options)
    expected = [in_order.frame(number) for number in range(len(lr))]
    assert [frame.pts for frame in expected] == [frame.pts for frame in lr]
    shuffled = random.Random(0).sample(range(len(lr)), len(lr))
    for order in ((33, 23, 22, 9, 8, 0), shuffled[:8]):
        frames = accessed(network, lr, **options)
        for number in order:
            assert_equal(frames.frame(number), expected[number])


@pytest.mark.parametrize(("window", "overlap"), [(12, 2), (11, 3), (56, 4)])
def test_frames_equal_those_of_the_stream(window, overlap):
    network = TemporalBox(WIDE)
    options = {"window": window, "overlap": overlap, "scene_cuts": True}
    lr = list(make_scenes(27, 6, 20))
    upscaler = Upscaler(network, UpscaleOptions(**OPTIONS | options))
    frames = accessed(network, lr, **options)
    stream = upscaler.stream(lr, align=frames.kept)
    for number, expected in enumerate(stream):
        assert_equal(frames.frame(number), expected)
    assert upscaler.statistics.cuts == 2


def test_a_forward_network_begins_a_little_before_each_segment():
    frames = accessed(RunningMean(), make_frames(30), window=14, overlap=4)
    assert frames.kept == 10
    lr = list(make_frames(30))
    upscaler = Upscaler(RunningMean(), UpscaleOptions(**OPTIONS))
    expected = [*upscaler.stream(lr[16:30])][4:]
    for number in (25, 20, 29):
        assert_equal(frames.frame(number), expected[number - 20])


def test_frames_in_order_are_computed_and_read_once():
    network, reads = Nearest(), []
    frames = accessed(network, make_frames(70), reads, window=28, overlap=4)
    for number in range(70):
        frames.frame(number)
    assert reads == list(range(70))
    assert len(network.clips) == 4  # 20 kept frames each


def test_a_request_that_overtakes_others_costs_nothing():
    network = Nearest()
    frames = accessed(network, make_frames(40), window=28, overlap=4)
    for number in (*range(17), 20, 17, 21, 18, 19, *range(22, 40)):
        frames.frame(number)
    assert len(network.clips) == 2


def test_frames_that_were_computed_are_kept_up_to_a_limit(monkeypatch):
    network = Nearest()
    frames = accessed(network, make_frames(40), window=28, overlap=4)
    for number in (*range(40), *range(39, -1, -1)):
        frames.frame(number)
    assert len(network.clips) == 2
    monkeypatch.setattr("tcnet.random_access.CACHED_BYTES", 0)
    frames = accessed(network, make_frames(40), window=28, overlap=4)
    for number in (*range(40), 0):
        frames.frame(number)
    assert len(network.clips) == 5


def test_after_a_jump_nothing_of_elsewhere_is_held():
    reads = []
    frames = accessed(Nearest(), make_frames(200), reads, window=28, overlap=4)
    for number in (199, 60, 0, 100):
        reads.clear()
        frames.frame(number)
        assert reads == list(range(reads[0], reads[-1] + 1))
        assert number - 20 - 32 <= reads[0] <= number
        assert max(frames._lr, default=number) <= number + 60


def test_frames_tell_their_cuts():
    lr = [replace(frame, cut=number in (5, 12)) for number, frame in enumerate(make_frames(20))]
    upscaler = Upscaler(
        TemporalBox(2), UpscaleOptions(**OPTIONS | {"scene_cuts": True, "window": 16, "overlap": 4})
    )
    frames = [*upscaler.stream(lr)]
    assert upscaler.statistics.cuts == 2
    codes = np.stack([frame.pixels for frame in lr]).astype(float)
    for number, members in ((4, (2, 3, 4)), (5, (5, 6, 7)), (11, (9, 10, 11)), (12, (12, 13, 14))):
        mean = codes[list(members)].mean(0).repeat(4, 0).repeat(4, 1)
        assert np.abs(frames[number].pixels - mean).max() <= 0.51


def test_an_error_leaves_the_next_request_a_new_beginning():
    lr = list(make_frames(30))
    broken = [True]

    def read(number):
        if number == 7 and broken[0]:
            raise MediaError("damaged")
        return lr[number]

    upscaler = Upscaler(Nearest(), UpscaleOptions(**OPTIONS, window=12, overlap=2))
    frames = RandomAccess(upscaler, replace(clip_of(lr), read=read))
    with pytest.raises(MediaError, match="damaged"):
        frames.frame(3)
    broken[0] = False
    np.testing.assert_array_equal(frames.frame(3).pixels[::4, ::4], lr[3].pixels)


@pytest.mark.parametrize("number", [-1, 30])
def test_frames_that_are_not_there(number):
    with pytest.raises(IndexError, match=f"frame {number} of a clip of 30 frames"):
        accessed(Nearest(), make_frames(30)).frame(number)


def test_a_window_that_is_all_lead_is_refused():
    with pytest.raises(UsageError, match=r"window of 8 frames is too short.*overlap of 8"):
        accessed(RunningMean(), make_frames(30), window=8)


def test_one_frame():
    lr = list(make_frames(1))
    np.testing.assert_array_equal(accessed(Nearest(), lr).frame(0).pixels[::4, ::4], lr[0].pixels)
