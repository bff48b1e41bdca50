"""Depth, pixel format and pixel aspect that change in mid-stream: one for all frames, and a notice."""

import re
from fractions import Fraction

import numpy as np
import pytest

from tcnet.video import open_source
from tcnet.video.frame import ColorSpec, VideoInfo
from tcnet.video.read.changes import Changes

DEPTHS = {"yuv420p": np.uint8, "yuv422p": np.uint8, "yuv420p10le": np.uint16, "yuv444p": np.uint8}


def joined(clips, tmp_path, parts, suffix=".ts"):
    """Clips one after the other, as broadcasts are cut together."""
    data = b""
    for number, options in enumerate(parts):
        part = clips.clip(times=tuple(range(7 * number, 7 * number + 7)), **options)
        data += clips.write(tmp_path / f"{number}{suffix}", part).read_bytes()
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "formats",
    [
        ("yuv420p", "yuv420p10le"),
        ("yuv420p10le", "yuv420p"),
        ("yuv420p", "yuv444p"),
        ("yuv420p", "yuv420p10le", "yuv420p"),
        ("yuv422p", "yuv420p10le"),
    ],
)
def test_all_frames_have_the_first_ones_depth(clips, tmp_path, formats):
    path = joined(clips, tmp_path, [{"pixel_format": name} for name in formats])
    with open_source(path) as reader:
        frames, info, notices = list(reader), reader.info, reader.notices
    assert len(frames) == 7 * len(formats)
    assert info.pixel_format == formats[0]
    assert {frame.pixels.dtype.type for frame in frames} == {DEPTHS[formats[0]]}
    peak = np.iinfo(DEPTHS[formats[0]]).max
    for number in range(len(formats)):
        first = frames[7 * number].pixels / peak
        assert np.abs(first - frames[0].pixels / peak).mean() < 0.06  # the same picture, coded otherwise
    other = [name for name in formats if DEPTHS[name] != DEPTHS[formats[0]]]
    told = "of another bit depth were converted" if other else "have another pixel format"
    assert sum(told in line for line in notices) == 1
    clips.convert(path, tmp_path / "out.mkv")


@pytest.mark.parametrize(
    ("transfers", "told"),
    [((1, 16), "not in SDR as"), ((18, 1), r"not in HDR \(HLG\) as"), ((1, 6), None), ((18, 18), None)],
)
def test_hdr_that_begins_or_ends_is_said(clips, tmp_path, transfers, told):
    def tagged(number):
        return lambda container, video: setattr(video.codec_context, "color_trc", number)

    path = joined(clips, tmp_path, [{"setup": tagged(number)} for number in transfers])
    with open_source(path) as reader:
        assert len(list(reader)) == 14
        lines = [line for line in reader.notices if "as the first ones" in line]
    assert len(lines) == (told is not None)
    assert told is None or re.search(f"^7 frames are {told}", lines[0])


def test_an_unchanging_stream_says_nothing(clips, tmp_path):
    path = clips.write(
        tmp_path / "a.ts", clips.clip(times=tuple(range(20)), sample_aspect_ratio=Fraction(4, 3))
    )
    with open_source(path) as reader:
        list(reader)
        assert reader.notices == ()


NOT_STATED, SQUARE, WIDE = Fraction(0), Fraction(1), Fraction(4, 3)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([(SQUARE, (32, 24)), (WIDE, (32, 24))], "(1:1, then 4:3)"),
        ([(NOT_STATED, (32, 24)), (WIDE, (32, 24))], "(1:1, then 4:3)"),
        ([(WIDE, (32, 24)), (NOT_STATED, (32, 24))], "(4:3, then 1:1)"),
        ([(NOT_STATED, (32, 24)), (SQUARE, (32, 24))], None),
        ([(SQUARE, (32, 24)), (SQUARE, (48, 24))], "(1:1, then 3:2)"),  # scaled to the first frames' size
        ([(SQUARE, (32, 24)), (WIDE, (24, 24))], None),  # the same picture in fewer columns
    ],
)
def test_pixel_aspect_that_changes_is_said(clips, tmp_path, parts, told):
    path = joined(clips, tmp_path, [{"sample_aspect_ratio": aspect, "size": size} for aspect, size in parts])
    with open_source(path) as reader:
        frames = list(reader)
        found = [line for line in reader.notices if "shape of the input's pixels changes" in line]
    assert len(frames) == 14
    assert len(found) == (told is not None)
    assert all(told in line for line in found)


@pytest.mark.parametrize("depth", [8, 10])
def test_depths_are_converted_exactly(depth):
    info = VideoInfo(
        4, 4, Fraction(1, 25), None, None, None, depth, "yuv420p", ColorSpec(1, False), Fraction(1), "h264"
    )
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    deep = codes.astype(np.uint16) * 257
    changes = Changes(info)
    given, kept = (deep, codes) if depth == 8 else (codes, deep)
    np.testing.assert_array_equal(changes.of_first_depth(given), kept)
    assert changes.of_first_depth(kept) is kept
    assert not changes.notices()  # neither was a picture's colours
    changes.of_first_depth(np.stack([given] * 3, axis=2))
    assert changes.notices() == [
        f"1 frames of another bit depth were converted to the {depth} bits of the first ones"
    ]
