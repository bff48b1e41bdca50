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
