"""Segments are shorter where frames are slow; test_resume.py has what holds when a run is continued."""

from dataclasses import replace

import pytest

from fake_networks import Nearest, make_info
from tcnet.inference import UpscaleOptions, plan_upscale
from tcnet.upscale.segment_length import segment_length, segment_seconds, with_segments

CPU = UpscaleOptions(device="cpu", precision="fp32")


def planned(seconds, frames=1000, network=None, **options):
    """A plan whose frames take `seconds` each, without context."""
    plan = plan_upscale(
        make_info(frames, 90, 160), network or Nearest(), replace(CPU, **options), measure=False
    )
    return replace(
        plan, seconds_per_pixel=seconds / (90 * 160), seconds_per_frame=seconds, seconds=frames * seconds
    )


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.1, 48), (34, 48), (35, 24), (63, 24), (64, 16), (170, 16), (180, 8), (3000, 8)]
)
def test_the_slower_frames_are_the_shorter_segments_are(seconds, frames):
    assert segment_length(planned(seconds), Nearest()) == frames


def test_at_minutes_a_frame_no_segment_takes_an_hour():
    for seconds in range(5, 290, 5):
        plan = planned(seconds)
        assert segment_seconds(plan, Nearest(), segment_length(plan, Nearest())) <= 3600


def test_a_short_video_is_not_cut_up_for_nothing():
    assert segment_length(planned(60, frames=24), Nearest()) == 48
    assert segment_length(planned(60, frames=60), Nearest()) == 24


def test_a_segment_has_a_group_at_least():
    for group, frames in ((12, 12), (64, 48)):
        network = Nearest(group_size=group)
        assert segment_length(planned(3000, network=network), network) == frames


def test_streams_have_no_context_to_pay_for():
    plan = planned(36, network=Nearest("forward"))
    told = with_segments(plan, Nearest("forward"))
    assert (told.segment_frames, told.seconds) == (48, plan.seconds)


def test_the_plan_says_what_an_interruption_costs_and_counts_the_context():
    fast, slow = with_segments(planned(1), Nearest()), with_segments(planned(200), Nearest())
    assert fast.notices == ()
    assert slow.notices == (
        "frames are slow: segments have 8 of them instead of 48, so that an interruption costs about 40 min of "
        "work at most",
    )
    assert slow.seconds_per_frame / 200 == pytest.approx(1.42 * fast.seconds_per_frame, rel=0.01)
    assert slow.seconds == pytest.approx(1000 * slow.seconds_per_frame)


def test_without_a_speed_segments_are_as_long_as_usual():
    plan = plan_upscale(make_info(1000), Nearest(), CPU, measure=False)
    assert with_segments(plan, Nearest()).segment_frames == 48
