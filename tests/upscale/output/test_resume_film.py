"""Telecined film: a run that was cut off and continued puts the same film frames together as one run."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from cut_runs import assert_same, cut, pictures, run

from tcnet.inference.plan import MeasuredSpeed
from tcnet.video import EncodeOptions

PICTURE, FILM = Fraction(1001, 30000), Fraction(1001, 24000)
CYCLE = ((0, 0), (1, 1), (1, 2), (2, 3), (3, 3))
FILM_FRAMES = 28
LOSSLESS = {"encode": EncodeOptions(codec="ffv1")}


def film_frame(number):
    """A box that moves 5 pixels a frame over a textured ground."""
    x, y = np.arange(64)[None, :], np.arange(48)[:, None]
    left = 2 + 5 * number % 46
    box = (x >= left) & (x < left + 12) & (y >= 8) & (y < 40)
    return np.where(box, 200, 60 + (x * 3 + y * 2) % 17).astype(np.uint8)


def woven(top, bottom):
    picture = top.copy()
    picture[1::2] = bottom[1::2]
    return picture


def telecined():
    frames = [film_frame(number) for number in range(FILM_FRAMES)]
    return [
        woven(frames[start + first], frames[start + second])
        for start in range(0, FILM_FRAMES, 4)
        for first, second in CYCLE
    ]


@pytest.fixture
def film(tmp_path):
    """Film, then as many pictures of video, in which each field is a moment of its own."""
    path = tmp_path / "film.nut"
    video = [woven(film_frame(2 * index), film_frame(2 * index + 1)) for index in range(24)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1 / PICTURE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = PICTURE
        for pts, picture in enumerate([*telecined(), *video]):
            frame = av.VideoFrame.from_ndarray(picture, "gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = pts, PICTURE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("deinterlace", ["auto", "double"])
def test_a_continued_run_gives_what_one_run_gives(film, tmp_path, deinterlace, monkeypatch):
    monkeypatch.setattr("tcnet.inference.plan.measure_speed", lambda compute, layout: MeasuredSpeed(1e-6))
    options = {**LOSSLESS, "deinterlace": deinterlace}
    whole = run(film, tmp_path / "whole.mkv", **options)
    times = [time for time, _, _ in pictures(tmp_path / "whole.mkv")]
    steps = [after - before for before, after in pairwise(times[:24])]
    assert all(abs(step - FILM) < Fraction(1, 500) for step in steps)  # Matroska counts milliseconds
    assert whole.frames > FILM_FRAMES + (40 if deinterlace == "double" else 20)
    out = tmp_path / "out.mkv"
    for at in (11, 34):  # in the film, in the video
        cut(film, out, at, **options)
    result = run(film, out, **options)
    assert result.frames == whole.frames
    assert set(whole.plan.notices) < set(result.plan.notices)
    assert_same(out, tmp_path / "whole.mkv")
