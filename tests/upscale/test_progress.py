import pytest

from tcnet.upscale.progress import Progress, RateMeter


def test_the_probe_stands_in_until_the_first_window():
    meter = RateMeter(100, 0.5, now=10.0)
    assert meter.progress(0, 10.0) == Progress(0, 100, 2.0, 50.0)
    assert meter.progress(3, 14.0).eta_seconds == 46.0


def test_afterwards_whole_windows_count():
    meter = RateMeter(100, 0.5, now=0.0)
    meter.window_done(20, now=20.0)  # twice as slow as the probe said
    assert meter.progress(20, 20.0) == Progress(20, 100, 1.0, 80.0)
    # a burst of frames changes nothing; time goes on
    assert meter.progress(25, 22.0).eta_seconds == 78.0
    assert meter.progress(39, 22.1).eta_seconds == pytest.approx(77.9)


def test_only_recent_windows_count():
    meter = RateMeter(1000, None, now=0.0)
    for i in range(1, 10):
        meter.window_done(10 * i, now=10.0 * i)
    for i in range(1, 9):
        meter.window_done(90 + 10 * i, now=90.0 + 20.0 * i)  # the machine is hot now
    assert meter.progress(170, 250.0).fps == 0.5


def test_no_figure_is_given_that_would_be_a_guess():
    assert RateMeter(100, None, 0.0).progress(0, 1.0) == Progress(0, 100, None, None)
    assert RateMeter(None, 0.5, 0.0).progress(7, 1.0) == Progress(7, None, 2.0, None)
    late = RateMeter(10, 0.5, 0.0).progress(1, 100.0)  # 5 s were promised
    assert late.eta_seconds is None
    too_many = RateMeter(10, 0.5, 0.0).progress(11, 1.0)  # the container was wrong
    assert (too_many.frames_total, too_many.eta_seconds) == (None, None)


def test_the_last_frame_has_nothing_left():
    meter = RateMeter(10, 0.5, 0.0)
    assert meter.progress(10, 30.0).eta_seconds == 0.0


def test_work_inside_a_window_counts_and_the_time_left_falls():
    """A run of twice the time that the probe said, told eight times a frame: the ETA comes near and then falls."""
    meter = RateMeter(100, 0.5, now=0.0)
    told = []
    for step in range(1, 801):
        computed = step / 8
        told.append(meter.progress(48 * int(computed // 48), float(computed), computed))
        if computed % 48 == 0:
            meter.window_done(int(computed), float(computed))
    assert told[0].fraction == pytest.approx(1 / 800)
    assert [now.fraction for now in told] == sorted(now.fraction for now in told)
    left = [now.eta_seconds for now in told]
    for computed, seconds in zip(range(1, 801), left, strict=True):
        if computed > 8 * 16:
            assert seconds == pytest.approx(100 - computed / 8, rel=0.12)
    late = left[8 * 16 :]
    assert late == sorted(late, reverse=True)
    assert left[-1] == 0


def test_a_resumed_run_counts_from_what_is_there():
    meter = RateMeter(100, 0.5, now=0.0, frames_done=48)
    # The window in which it continues is computed from its beginning, below what is there.
    assert meter.progress(48, 1.0, 40.0).fraction == 0.48
    assert meter.progress(48, 5.0, 58.0).eta_seconds == pytest.approx(42 * 7 / 14)
