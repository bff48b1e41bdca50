"""The filter in VapourSynth itself: scripts, vspipe, other filters around it. Needs Python 3.12 or later."""

# ruff: noqa: E402 - what is imported last needs VapourSynth

import os
import random
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

vs = pytest.importorskip(
    "vapoursynth", reason="needs VapourSynth, whose wheels are for Python 3.12 and later"
)

import tcnet
from fake_networks import Nearest, TemporalBox
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.vapoursynth import upscale
from tcnet.video.frame import Frame

OPTIONS = {"device": "cpu", "precision": "fp32"}


def moving(count, width=40, height=24, **changes):
    """A clip of a pattern that moves, RGBS."""
    random_codes = np.random.default_rng(0).integers(0, 65536, (height, width + count, 3)) / np.float32(65535)
    blank = vs.core.std.BlankClip(
        format=changes.pop("format", vs.RGBS), width=width, height=height, length=count, fpsnum=25, fpsden=1
    )

    def paint(n, f):
        made = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(made[plane]), random_codes[:, n : n + width, plane], casting="same_kind")
        return made

    return blank.std.ModifyFrame(blank, paint)


def pictures(clip, numbers=None):
    """Planes (3, H, W) of frames."""
    found = {}
    for number in numbers if numbers is not None else range(clip.num_frames):
        with clip.get_frame(number) as frame:
            found[number] = np.stack([np.array(frame[plane]) for plane in range(3)])
    return found


def codes(picture):
    return np.rint(picture.astype(np.float32) * 65535).astype(np.uint16).transpose(1, 2, 0)


def expected(clip, network, align, marks=(), **options):
    """What `Upscaler` makes of the same frames, uint16."""
    upscaler = Upscaler(network, UpscaleOptions(**OPTIONS, **options))
    lr = (
        Frame(codes(picture), number, 1, Fraction(1, 25), cut=number in marks)
        for number, picture in pictures(clip).items()
    )
    return [frame.pixels for frame in upscaler.stream(lr, align=align)]


@pytest.mark.parametrize("size", [(40, 24), (35, 27)], ids=["even", "odd"])
def test_frames_equal_those_of_the_upscaler_bit_for_bit(size):
    clip = moving(9, *size).std.SetFrameProps(_SceneChangePrev=0)
    large = upscale(clip, "tcnet-lite", window=13, **OPTIONS)  # kept: 5
    assert (large.width, large.height, large.num_frames) == (4 * size[0], 4 * size[1], 9)
    lr = [Frame(codes(p), n, 1, Fraction(1, 25), cut=False) for n, p in pictures(clip).items()]
    first = [*Upscaler("tcnet-lite", UpscaleOptions(**OPTIONS)).stream(lr)][:5]
    found = pictures(large)
    for number in range(5):
        np.testing.assert_array_equal(codes(found[number]), first[number].pixels)


@pytest.mark.parametrize("model", [TemporalBox(5), TemporalBox(1)], ids=["wide", "narrow"])
def test_windows_and_scenes_equal_those_of_the_upscaler_bit_for_bit(model):
    clip = moving(11, 16, 16).std.SetFrameProps(_SceneChangePrev=0)
    cut = clip.std.SetFrameProps(_SceneChangePrev=1)
    clip = clip[:7] + cut[7] + clip[8:]
    large = upscale(clip, model, window=8, overlap=2, **OPTIONS)
    found = pictures(large)
    for number, pixels in enumerate(expected(clip, model, 2, (7,), window=8, overlap=2)):
        np.testing.assert_array_equal(codes(found[number]), pixels)


def test_any_order_and_requests_at_once_give_the_same_frames():
    clip = moving(30)
    network = TemporalBox(6)
    in_order = pictures(upscale(clip, network, window=12, overlap=4, **OPTIONS))
    shuffled = random.Random(0).sample(range(30), 30)
    for numbers in (range(29, -1, -1), shuffled):
        for number, picture in pictures(
            upscale(clip, network, window=12, overlap=4, **OPTIONS), numbers
        ).items():
            np.testing.assert_array_equal(picture, in_order[number])
    together = upscale(clip, network, window=12, overlap=4, **OPTIONS).frames(prefetch=12)
    for number, frame in enumerate(together):
        np.testing.assert_array_equal(np.array(frame[0]), in_order[number][0])


def test_a_scene_change_by_either_property_ends_what_frames_share():
    plain = moving(10).std.SetFrameProps(_SceneChangePrev=0, _SceneChangeNext=0)
    before, after = plain.std.SetFrameProps(_SceneChangeNext=1), plain.std.SetFrameProps(_SceneChangePrev=1)
    results = [
        pictures(upscale(clip, TemporalBox(2), window=16, overlap=4, **OPTIONS))
        for clip in (plain[:4] + before[4] + plain[5:], plain[:5] + after[5] + plain[6:], plain)
    ]
    for number in range(10):
        np.testing.assert_array_equal(results[0][number], results[1][number])
    assert not np.array_equal(results[0][4], results[2][4])
    alone = pictures(upscale(plain[:5], TemporalBox(2), window=16, overlap=4, **OPTIONS))
    np.testing.assert_array_equal(results[0][4], alone[4])


def test_frame_properties_are_those_of_the_input():
    clip = moving(6).std.SetFrameProps(Name="a", Number=7, _SARNum=16, _SARDen=15, _Matrix=0)
    large = upscale(clip, Nearest(), **OPTIONS)
    for number in (0, 5):
        assert dict(large.get_frame(number).props) == dict(clip.get_frame(number).props)
    assert large.fps == clip.fps


def test_half_precision_in_and_out():
    large = upscale(moving(3, format=vs.RGBH), Nearest(), scale=2, **OPTIONS)
    assert large.format.id == vs.RGBH
    assert (large.width, large.height) == (80, 48)
    whole = pictures(upscale(moving(3, format=vs.RGBH), Nearest(), **OPTIONS))
    source = pictures(moving(3, format=vs.RGBH))
    np.testing.assert_allclose(whole[2][:, ::4, ::4], source[2], atol=1e-4)


def test_one_frame_and_two_filters_in_one_script():
    clip = moving(1)
    first, second = upscale(clip, Nearest(), **OPTIONS), upscale(clip, "tcnet-lite", scale=2, **OPTIONS)
    twice = upscale(first, Nearest(), **OPTIONS)
    np.testing.assert_allclose(pictures(twice)[0][:, ::16, ::16], pictures(clip)[0], atol=1e-6)
    assert pictures(second)[0].shape == (3, 48, 80)


def test_values_beyond_the_range_are_clipped():
    clip = vs.core.std.BlankClip(format=vs.RGBS, width=32, height=32, length=2, color=[-0.5, 0.25, 1.5])
    picture = pictures(upscale(clip, Nearest(), **OPTIONS))[1]
    assert picture[:, 0, 0].tolist() == [0, pytest.approx(0.25, abs=1e-5), 1]


def test_other_formats_are_refused_with_the_line_that_converts():
    clip = moving(2).resize.Bicubic(format=vs.YUV420P8, matrix_s="709")
    with pytest.raises(vs.Error, match="clip is YUV420P8, it must be RGBS or RGBH") as caught:
        upscale(clip, Nearest(), **OPTIONS)
    line = str(caught.value).partition("RGBH: ")[2]
    converted = eval(line, {"clip": clip, "vs": vs})  # the very line
    assert upscale(converted, Nearest(), **OPTIONS).get_frame(1).width == 160
    with pytest.raises(vs.Error, match="clip is RGB24"):
        upscale(moving(2).resize.Bicubic(format=vs.RGB24), Nearest())
    variable = vs.core.std.Splice([moving(2), moving(2, 48, 48)], mismatch=True)
    with pytest.raises(vs.Error, match="changes format or size"):
        upscale(variable, Nearest())
    with pytest.raises(vs.Error, match="must be a video clip, got str"):
        upscale("clip", Nearest())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "tcnet-none"}, "unknown model"),
        ({"scale": 5}, "scale is 5"),
        ({"window": 3, "overlap": 4}, "window of 3 frames is too short"),
        ({"device": "tpu"}, "unknown device"),
        ({"tile": 8}, "tiles of 8 pixels are too small"),
    ],
)
def test_what_does_not_fit_is_an_error_of_vapoursynth(options, message):
    with pytest.raises(vs.Error, match=f"^tcnet: .*{message}"):
        upscale(moving(2), **{"model": Nearest(), **options})
    with pytest.raises(vs.Error, match="the model needs at least 16x16"):
        upscale(moving(2, 12, 12), Nearest())


def test_an_error_in_a_frame_is_told_without_the_way_to_it():
    def spoil(n, f):
        made = f.copy()
        np.asarray(made[1])[3, 4] = np.nan if n == 1 else 0.5
        return made

    clip = moving(3)
    with pytest.raises(vs.Error, match="tcnet: frame 1 has values that are not finite") as caught:
        upscale(clip.std.ModifyFrame(clip, spoil), Nearest(), **OPTIONS).get_frame(0)
    assert "random_access" not in str(caught.value)


PAGE = Path(__file__).parents[1] / "docs" / "vapoursynth.md"


def test_vspipe_runs_the_script_of_the_page(tmp_path):
    script = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL).group(1)
    script = script.replace("width=160, height=96", "width=64, height=48")
    (tmp_path / "script.vpy").write_text(script, encoding="utf-8")
    vspipe = Path(sys.executable).with_name("vspipe")
    done = subprocess.run(
        [vspipe, "-c", "y4m", tmp_path / "script.vpy", tmp_path / "out.y4m"],
        capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},  # it writes down which Python it found
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with tcnet.open_source(tmp_path / "out.y4m") as source:
        assert (source.info.width, source.info.height) == (128, 96)
        assert len([*source]) == 5
