import itertools

from hypothesis import given
from hypothesis import strategies as st

from tcnet.video.timing import RisingTimes


@given(st.lists(st.integers(-1000, 1000), min_size=1), st.integers(0, 500), st.integers(0, 50))
def test_always_strictly_increasing(times, restart, step):
    rising = RisingTimes(restart=restart)
    placed = [rising.place(time, step) for time in times]
    assert all(b > a for a, b in itertools.pairwise(placed))
    if all(b > a for a, b in itertools.pairwise(times)):
        assert placed == times
        assert (rising.moved, rising.restarts) == (0, 0)


def test_a_small_step_back_moves_one_frame_by_the_least():
    rising = RisingTimes(restart=100)
    assert [rising.place(time, 10) for time in (0, 10, 9, 20)] == [0, 10, 11, 20]
    assert (rising.moved, rising.restarts) == (1, 0)


def test_a_reset_shifts_all_that_follows():
    rising = RisingTimes(restart=100)
    assert [rising.place(time, 10) for time in (500, 510, 0, 10, 20)] == [500, 510, 520, 530, 540]
    assert (rising.moved, rising.restarts) == (0, 1)
