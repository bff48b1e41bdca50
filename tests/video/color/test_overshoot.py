"""Luma beyond the nominal range is kept where the output has room for it, and nothing else changes."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.upscale.output.run_output import prepare_output
from tcnet.video import open_source
from tcnet.video.color.convert import FromRgb, ToRgb
from tcnet.video.color.overshoot import UNIT, exceeds_range, read_overshoot
from tcnet.video.frame import ColorSpec

LIMITED, FULL = ColorSpec(1, full_range=False), ColorSpec(1, full_range=True)
LEVELS = (2, 8, 16, 17, 128, 234, 235, 236, 245, 254)


def picture(pixel_format="yuv420p", levels=LEVELS, *, chroma=(128, 128), size=16):
    """A patch of `size` pixels for each luma level (of 8 bits), in the format's depth."""
    other = {"nv12": "yuv420p", "yuyv422": "yuv422p", "uyvy422": "yuv422p"}  # the same samples in planes
    wanted, pixel_format = pixel_format, other.get(pixel_format, pixel_format)
    frame = av.VideoFrame(size * len(levels), size, pixel_format)
    unit = 4 if "10" in pixel_format else 1
    for plane, values in zip(frame.planes, (levels, chroma[:1], chroma[1:]), strict=False):
        samples = np.frombuffer(memoryview(plane), np.uint16 if unit > 1 else np.uint8)
        samples = samples.reshape(plane.height, -1)
        samples[:, : plane.width] = np.repeat(np.array(values) * unit, plane.width // len(values))
    frame.color_range = 1
    return frame.reformat(format=wanted) if wanted in other else frame


def luma(frame):
    dtype = np.uint16 if "10" in frame.format.name else np.uint8
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)[:, : plane.width]


SOURCES = ("yuv420p", "yuv422p10le", "yuv444p", "yuv420p10le", "nv12", "yuyv422", "uyvy422")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", ["yuv420p", "yuv420p10le", "yuv444p", "yuv444p16le"])
def test_levels_are_kept(source, target):
    given = picture(source)
    pixels = ToRgb(LIMITED)(given)
    assert exceeds_range(given)
    overshoot = read_overshoot(given, pixels, LIMITED)
    encode = FromRgb(target, LIMITED, given.width, given.height)
    written = encode(pixels, overshoot=overshoot).reformat(format="yuv444p16le" if "16" in target else target)
    depth = {"yuv420p10le": 10, "yuv444p16le": 16}.get(target, 8)
    samples = np.frombuffer(memoryview(written.planes[0]), np.uint8 if depth == 8 else np.uint16)
    samples = samples.reshape(given.height, -1)[:, : given.width] / (1 << (depth - 8))
    np.testing.assert_allclose(samples, [np.repeat(LEVELS, 16)] * given.height, atol=0.51)


def test_coloured_highlights_keep_their_luma():
    given = picture(levels=(245, 250), chroma=(110, 140))
    pixels = ToRgb(LIMITED)(given)
    written = FromRgb("yuv444p", LIMITED, given.width, given.height)(
        pixels, overshoot=read_overshoot(given, pixels, LIMITED)
    )
    assert np.abs(luma(written).astype(int) - luma(given)).max() <= 1


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_it_grows_with_the_picture(scale):
    given = picture(levels=(128, 250))
    pixels = ToRgb(LIMITED)(given)
    overshoot = read_overshoot(given, pixels, LIMITED)
    larger = np.repeat(np.repeat(pixels, scale, axis=0), scale, axis=1)
    written = FromRgb("yuv444p", LIMITED, larger.shape[1], larger.shape[0])(larger, overshoot=overshoot)
    values = luma(written)
    edge = 16 * scale
    assert set(values[:, : edge - scale].flat) == {128}
    assert set(values[:, edge + scale :].flat) == {250}
    assert values.min() == 128
    assert values.max() == 250


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le"])
def test_ordinary_pictures_carry_nothing(pixel_format):
    given = picture(pixel_format, levels=(16, 17, 128, 234, 235))
    assert read_overshoot(given, ToRgb(LIMITED)(given), LIMITED) is None
    assert not exceeds_range(given)
    assert exceeds_range(picture(pixel_format))


def test_what_has_no_nominal_range_carries_nothing():
    given = picture()
    assert read_overshoot(given, ToRgb(FULL)(given), FULL) is None
    rgb = given.reformat(format="rgb24")
    assert read_overshoot(rgb, rgb.to_ndarray(), LIMITED) is None
    assert not exceeds_range(rgb)


@pytest.mark.parametrize(("pixel_format", "color"), [("gbrp", LIMITED), ("yuv444p", FULL)])
def test_outputs_without_room_are_as_before(pixel_format, color):
    given = picture()
    pixels = ToRgb(LIMITED)(given)
    overshoot = read_overshoot(given, pixels, LIMITED)
    encode = FromRgb(pixel_format, color, given.width, given.height)
    plain, same = encode(pixels), encode(pixels, overshoot=overshoot)
    for one, other in zip(plain.planes, same.planes, strict=True):
        assert bytes(one) == bytes(other)
    assert UNIT == 256


def write(path, levels=LEVELS):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        frame = picture(levels=levels)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
        stream.codec_context.color_range = 1
        for index in range(3):
            frame = picture(levels=levels)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("codec", ["ffv1", "h264"])
def test_a_file_keeps_it(clips, tmp_path, codec):
    source = write(tmp_path / "a.mkv")
    clips.convert(source, tmp_path / "b.mkv", codec=codec)
    for path in (source, tmp_path / "b.mkv"):
        with av.open(str(path)) as container:
            shown = luma(next(container.decode(video=0))).astype(int)
        middles = shown[8, 8::16]
        assert np.abs(middles - LEVELS).max() <= (0 if path == source else 2)


def test_what_clips_it_says_so(tmp_path):
    source = write(tmp_path / "a.mkv")
    with open_source(source) as reader:
        info = reader.info
    assert info.overshoot
    arguments = {"encode": None, "source": reader, "overwrite": False, "resume": True}
    images = prepare_output(tmp_path / "out" / "%05d.png", info=info, **arguments)
    assert sum("super-white" in line for line in images.notices) == 1
    video = prepare_output(tmp_path / "b.mkv", info=info, **arguments)
    assert not any("super-white" in line for line in video.notices)
    plain = prepare_output(tmp_path / "out" / "%05d.png", info=replace(info, overshoot=False), **arguments)
    assert plain.notices == ()
