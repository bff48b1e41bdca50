from fractions import Fraction

from compare_clips import Source, frames

from tcnet.compare.pairing import Pairing


def levels(pairing):
    """The grey of each frame of each moment."""
    return [tuple(int(f.pixels[0, 0, 0]) for f in moment.frames) for moment in pairing]


def test_equal_times():
    pairing = Pairing([Source(frames([1, 2, 3])), Source(frames([11, 12, 13]))], ["a", "b"])
    assert levels(pairing) == [(1, 11), (2, 12), (3, 13)]
    assert levels(pairing) == [(1, 11), (2, 12), (3, 13)]  # and again
    assert pairing.notices == ()


def test_times_count_from_each_ones_first_frame():
    later = Source(frames([11, 12, 13], begin=1400))
    pairing = Pairing([Source(frames([1, 2, 3])), later], ["a", "b"])
    assert levels(pairing) == [(1, 11), (2, 12), (3, 13)]
    assert [moment.seconds for moment in pairing] == [0, Fraction(1, 25), Fraction(2, 25)]


def test_times_that_are_off_by_rounding_still_pair():
    first = Source(frames([1, 2, 3, 4], step=33))
    other = Source(frames([11, 12, 13, 14], step=34))
    pairing = Pairing([first, other], ["a", "b"])
    assert levels(pairing) == [(1, 11), (2, 12), (3, 13), (4, 14)]
    assert pairing.notices == ()


def test_a_lost_frame_is_seen_and_said():
    other = frames([11, 12, 13, 14])
    del other[1]
    pairing = Pairing([Source(frames([1, 2, 3, 4])), Source(other)], ["a", "b"])
    assert [pair[0] for pair in levels(pairing)] == [1, 2, 3, 4]
    assert pairing.notices == ("b has no frame of its own for 1 of 4 frames of a; the nearest is shown",)


def test_half_and_double_the_rate():
    slow, fast = Source(frames([1, 3], step=80)), Source(frames([11, 12, 13, 14]))
    pairing = Pairing([slow, fast], ["slow", "fast"])
    assert levels(pairing) == [(1, 11), (3, 13)]
    assert pairing.notices == (
        "fast goes on after the end of slow; the rest is not shown",
        "1 frames of fast are not shown: slow has none at their time",
    )
    back = Pairing([fast, slow], ["fast", "slow"])
    assert [pair[0] for pair in levels(back)] == [11, 12, 13, 14]
    assert back.notices == ("slow has no frame of its own for 2 of 4 frames of fast; the nearest is shown",)


def test_it_ends_with_the_shortest():
    pairing = Pairing([Source(frames([1, 2, 3, 4])), Source(frames([11, 12]))], ["a", "b"])
    assert levels(pairing) == [(1, 11), (2, 12)]
    assert pairing.notices == ("b ends at 0.08 s, before a: no more is shown",)


def test_start_and_end():
    pairing = Pairing(
        [Source(frames(range(10))), Source(frames(range(100, 110)))], ["a", "b"],
        start=Fraction(3, 25), end=Fraction(6, 25),
    )  # fmt: skip
    assert levels(pairing) == [(3, 103), (4, 104), (5, 105)]
    assert pairing.notices == ()


def test_two_frames_of_each_are_in_memory():
    first, other = Source(frames(range(50))), Source(frames(range(50)))
    for count, _ in enumerate(Pairing([first, other], ["a", "b"]), 1):
        assert first.taken == count
        assert other.taken <= count + 1
