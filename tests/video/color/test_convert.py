"""The conversions against the equations of H.273, written out here a second time and independently."""

import av
import numpy as np
import pytest

from tcnet.video.color.convert import WRITABLE_FORMATS, FromRgb, ToRgb
from tcnet.video.color.h273 import bit_depth, is_rgb_like
from tcnet.video.frame import ColorSpec

WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
# 75 % bars, greys, black and white, skin tones; 8-bit R'G'B'.
PATCHES = [
    *[(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)],
    *[
        (0, 0, 0),
        (16, 16, 16),
        (64, 64, 64),
        (128, 128, 128),
        (200, 200, 200),
        (235, 235, 235),
        (255, 255, 255),
    ],
    *[(141, 85, 36), (198, 134, 66), (224, 172, 105), (241, 194, 125), (255, 219, 172)],
]


def expected_codes(rgb, matrix, full, depth):
    red, green, blue = (value / 255 for value in rgb)
    kr, kb = WEIGHTS[matrix]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    if full:
        top, middle = 2**depth - 1, 2 ** (depth - 1)
        return luma * top, cb * top + middle, cr * top + middle
    unit = 2 ** (depth - 8)
    return (219 * luma + 16) * unit, (224 * cb + 128) * unit, (224 * cr + 128) * unit


def samples(frame, index):
    plane = frame.planes[index]
    kind = np.uint8 if bit_depth(frame.format.name) == 8 else np.uint16
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
    return rows[: plane.height, : plane.width]


def flat(rgb, depth, size=(22, 14)):
    kind, gain = (np.uint8, 1) if depth == 8 else (np.uint16, 257)
    return np.full((size[1], size[0], 3), np.array(rgb) * gain, kind)


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p12le"])
def test_patches_follow_the_equations_both_ways(matrix, full, pixel_format):
    depth = bit_depth(pixel_format)
    encode = FromRgb(pixel_format, ColorSpec(matrix, full_range=full), 22, 14)
    decode = ToRgb(ColorSpec(6, full_range=False))  # the tags on the frame must win over this
    for rgb in PATCHES:
        frame = encode(flat(rgb, depth))
        for index, code in enumerate(expected_codes(rgb, matrix, full, depth)):
            assert np.abs(samples(frame, index) - np.clip(code, 0, 2**depth - 1)).max() < 0.55, (rgb, index)
        back = decode(frame)
        assert back.shape == (14, 22, 3)
        assert back.dtype == (np.uint8 if depth == 8 else np.uint16)
        error = np.abs(back.astype(int) - flat(rgb, depth)).max() / (1 if depth == 8 else 257)
        assert error <= (1 if depth == 8 else 0.4), rgb


@pytest.mark.parametrize("pixel_format", sorted(WRITABLE_FORMATS))
def test_every_writable_format_comes_back(pixel_format):
    depth = bit_depth(pixel_format)
    encode = FromRgb(pixel_format, ColorSpec(1, full_range=False), 22, 14)
    decode = ToRgb(encode.color)
    back = decode(encode(flat((200, 120, 60), depth)))
    error = np.abs(back.astype(int) - flat((200, 120, 60), depth)).max() / (1 if depth == 8 else 257)
    assert error <= (0.13 if is_rgb_like(pixel_format) else 1)


@pytest.mark.parametrize("matrix", [4, 7, 8])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj444p", "yuv422p10le"])
def test_rarer_matrices_come_back(matrix, pixel_format):
    depth = bit_depth(pixel_format)
    encode = FromRgb(pixel_format, ColorSpec(matrix, full_range=False), 22, 14)
    for rgb in PATCHES:
        back = ToRgb(encode.color)(encode(flat(rgb, depth)))
        assert np.abs(back.astype(int) - flat(rgb, depth)).max() <= (1 if depth == 8 else 100), rgb


def test_untagged_frames_take_the_streams_colour_and_not_bt601():
    frame = FromRgb("yuv420p", ColorSpec(1, full_range=False), 22, 14)(flat((0, 191, 0), 8))
    frame.colorspace, frame.color_range = 2, 0
    assert np.abs(ToRgb(ColorSpec(1, full_range=False))(frame).astype(int) - [0, 191, 0]).max() <= 1
    assert np.abs(ToRgb(ColorSpec(6, full_range=False))(frame).astype(int) - [0, 191, 0]).max() > 10


@pytest.mark.parametrize(
    ("pixel_format", "level", "color_range", "expected"),
    [
        *[("gray", 255, 0, 255), ("gray", 235, 1, 255), ("gray", 16, 1, 0), ("gray", 100, 2, 100)],
        *[("gray10le", 1023, 0, 65535), ("gray10le", 940, 1, 65535), ("gray16le", 30000, 2, 30000)],
    ],
)
def test_grey(pixel_format, level, color_range, expected):
    kind = np.uint8 if pixel_format == "gray" else np.uint16
    frame = av.VideoFrame.from_ndarray(np.full((6, 10), level, kind), pixel_format)
    frame.color_range = color_range
    pixels = ToRgb(ColorSpec(0, full_range=True))(frame)
    assert pixels.shape == (6, 10, 3)
    assert (pixels == expected).all()


def test_alpha_and_palette_decode():
    rgba = np.zeros((6, 10, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = (10, 200, 30), 77
    to_rgb = ToRgb(ColorSpec(0, full_range=True))
    assert (to_rgb(av.VideoFrame.from_ndarray(rgba, "rgba")) == [10, 200, 30]).all()
    palette = np.zeros((256, 4), np.uint8)
    palette[7] = (255, 10, 200, 30)  # ARGB
    frame = av.VideoFrame.from_ndarray((np.full((6, 10), 7, np.uint8), palette), "pal8")
    assert (to_rgb(frame) == [10, 200, 30]).all()


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv420p10le"])
def test_chroma_stays_where_it_is(pixel_format):
    """A ramp of colour, written and read by a decoder that says "left", must not move (0.5 px = 1.5 codes)."""
    depth = bit_depth(pixel_format)
    ramp = np.full((16, 64, 3), 100, np.uint8)
    ramp[..., 2] = 60 + 3 * np.arange(64)
    pixels = ramp if depth == 8 else ramp.astype(np.uint16) * 257
    frame = FromRgb(pixel_format, ColorSpec(1, full_range=False), 64, 16)(pixels)
    back = ToRgb(ColorSpec(1, full_range=False), left_sited=True)(frame)
    shift = (back.astype(float) / (1 if depth == 8 else 257) - ramp)[4:12, 8:-8, 2].mean()
    assert abs(shift) < 0.6


def test_wrong_pixels_are_refused():
    encode = FromRgb("yuv420p", ColorSpec(1, full_range=False), 22, 14)
    with pytest.raises(ValueError, match=r"\(14, 21, 3\)"):
        encode(np.zeros((14, 21, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        encode(np.zeros((14, 22, 3), np.float32))
    with pytest.raises(ValueError, match="nv12"):
        FromRgb("nv12", ColorSpec(1, full_range=False), 22, 14)


def test_large_pictures_in_bands_equal_small_ones():
    """Rows beyond the first band of the numpy engine, odd sizes included."""
    generator = np.random.default_rng(3)
    pixels = generator.integers(0, 65536, (517, 9, 3), dtype=np.uint16)
    frame = FromRgb("yuv420p10le", ColorSpec(1, full_range=False), 9, 517)(pixels)
    tail = FromRgb("yuv420p10le", ColorSpec(1, full_range=False), 9, 5)(pixels[512:])
    for index in range(3):
        rows = samples(tail, index).shape[0]
        assert (samples(frame, index)[-rows:] == samples(tail, index)).all()
