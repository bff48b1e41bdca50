"""Frames that are shrunk before the network: the output keeps its size, and the network has less to do."""

from dataclasses import replace

import numpy as np
import pytest
from cut_runs import OPTIONS, assert_same, cut, run

from blown_up import HELD, write_blown_up
from fake_networks import Nearest, make_frames, make_info
from tcnet.errors import UsageError
from tcnet.inference import UpscaleOptions, Upscaler, plan_upscale
from tcnet.inference.pixels import resize_pixels
from tcnet.upscale import plan_video, upscale_video
from tcnet.upscale.shrinking import resolve_shrinking
from tcnet.video import open_source

SHRUNK = replace(OPTIONS, shrink_first=16)


@pytest.fixture
def blown_up(tmp_path):
    return write_blown_up(tmp_path / "blown.mkv")


def test_the_output_has_the_size_that_it_would_have_had(source, tmp_path):
    for size, expected in (({}, (96, 128)), ({"scale": 2}, (48, 64)), ({"height": 24}, (24, 32))):
        model = Nearest()
        out = tmp_path / f"{expected[0]}.mkv"
        result = run(source, out, model=model, options=replace(SHRUNK, **size))
        assert {clip[1:] for clip in model.clips if clip[1] <= 24} <= {(16, 16), (16, 22)}  # a probe is 16x16
        with open_source(out) as reader:
            assert (reader.info.height, reader.info.width) == expected
            assert len(list(reader)) == result.frames == 30
        assert "frames are shrunk to 22x16 first" in result.notices
        assert any("are interpolated from the 88x64" in line for line in result.notices) == (not size)


def test_pixels_are_those_of_the_shrunk_frames():
    frames = list(make_frames(5))
    small = [resize_pixels(frame.pixels, (16, 22), np.dtype(np.uint8)) for frame in frames]
    options = {"device": "cpu", "precision": "fp32", "scene_cuts": False}
    found = list(Upscaler(Nearest(), scale=2, shrink_first=16, **options).stream(frames))
    pictures = list(Upscaler(Nearest(), **options).stream(small))
    for frame, picture, given in zip(found, pictures, frames, strict=True):
        exact = resize_pixels(picture.astype(np.uint16) * 257, (48, 64), np.dtype(np.uint8))
        np.testing.assert_array_equal(frame.pixels, exact)
        assert (frame.pts, frame.duration) == (given.pts, given.duration)


def test_alpha_and_streams_are_shrunk_too():
    frames = [replace(frame, alpha=frame.pixels[..., 0]) for frame in make_frames(6)]
    upscaler = Upscaler(Nearest("forward"), shrink_first=20, device="cpu", precision="fp32")
    for frame in upscaler.stream(frames):
        assert frame.pixels.shape == (96, 128, 3)
        assert frame.alpha.shape == (96, 128)


def test_tiles_are_those_of_the_shrunk_frames():
    info = make_info(10, 240, 320)
    options = UpscaleOptions(device="cpu", precision="fp32", tile=64, tile_overlap=8)
    whole, shrunk = (
        plan_upscale(info, Nearest(), replace(options, shrink_first=lines), measure=False)
        for lines in (None, 60)
    )
    assert (shrunk.output_height, shrunk.output_width) == (whole.output_height, whole.output_width)
    assert (whole.tiles, shrunk.tiles) == (35, 2)
    assert shrunk.memory < whole.memory


def test_a_run_is_continued_with_the_size_it_began_with(source, tmp_path):
    run(source, tmp_path / "whole.mkv", options=SHRUNK)
    out = tmp_path / "out.mkv"
    cut(source, out, 17, options=SHRUNK)
    with pytest.raises(UsageError, match=r"shrink first \(then 16, now the default\)"):
        run(source, out)
    run(source, out, options=SHRUNK)
    assert_same(out, tmp_path / "whole.mkv")


def test_what_was_blown_up_is_found_and_shrunk(blown_up, tmp_path):
    plan = plan_video(blown_up, tmp_path / "out.mkv", model=Nearest(), options=OPTIONS)
    assert plan.source.held_height == HELD
    assert plan.options.shrink_first is None
    suggestion = "holds no more than about 214x160: --shrink-first auto upscales that, 5 times faster"
    assert suggestion in plan.notices
    model = Nearest()
    result = upscale_video(
        blown_up, tmp_path / "out.mkv", model=model, options=replace(OPTIONS, height=360), shrink_first="auto"
    )
    assert result.plan.options.shrink_first == HELD
    assert (9, 160, 214) in model.clips
    assert suggestion not in result.notices


def test_what_is_not_known_to_be_blown_up_is_not_shrunk(source, tmp_path):
    result = run(source, tmp_path / "out.mkv", options=replace(OPTIONS, shrink_first="auto"))
    assert result.plan.options.shrink_first is None
    assert any("nothing shows that this holds less" in line for line in result.notices)


@pytest.mark.parametrize("lines", [24, 25, 1000])
def test_shrinking_to_more_lines_than_there_are_is_refused(lines):
    with pytest.raises(UsageError, match=rf"shrink first to {lines} lines: this input has 24; give fewer"):
        resolve_shrinking(make_info(5), UpscaleOptions(shrink_first=lines))


def test_frames_are_not_measured():
    with pytest.raises(UsageError, match="shrink first auto is for files"):
        list(Upscaler(Nearest(), shrink_first="auto", device="cpu").stream(make_frames(2)))


@pytest.mark.parametrize("value", ["480p", "", 0, 1, -480])
def test_what_is_no_number_of_lines_is_refused(value):
    with pytest.raises(UsageError, match="give auto, or the lines"):
        UpscaleOptions(shrink_first=value)
