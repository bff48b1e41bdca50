from fractions import Fraction

import av
import numpy as np
import pytest
from av.filter import Graph

from tcnet.video import ReadOptions, open_source
from tcnet.video.color.convert import ToRgb
from tcnet.video.frame import ColorSpec
from tcnet.video.read.decoder import TimedPicture
from tcnet.video.read.deinterlace import Deinterlacer
from tcnet.video.read.scan import Scan

WIDTH, HEIGHT = 64, 48
INTERLACED = 0x40000 | 0x20000000  # AV_CODEC_FLAG_INTERLACED_DCT and _ME
CODECS = {
    "h264": ("a.mkv", "libx264", "yuv420p"),
    "mpeg2": ("a.ts", "mpeg2video", "yuv420p"),
    "mpeg4": ("a.avi", "mpeg4", "yuv420p"),
    "prores": ("a.mov", "prores_ks", "yuv422p10le"),
    "ffv1": ("a.mkv", "ffv1", "yuv420p"),
}


def moment(time):
    """Luma of a box that moves 3 pixels a field over a textured ground."""
    x, y = np.arange(WIDTH)[None, :], np.arange(HEIGHT)[:, None]
    ground = 60 + (x * 3 + y * 2) % 17
    left = 4 + 3 * time % 44
    return np.where((x >= left) & (x < left + 12) & (y >= 8) & (y < 40), 200, ground).astype(np.uint8)


def woven(index, order="tff"):
    """A frame whose fields are the moments 2 index and 2 index + 1."""
    first, second = moment(2 * index), moment(2 * index + 1)
    picture = np.empty_like(first)
    picture[0::2], picture[1::2] = (
        (first[0::2], second[1::2]) if order == "tff" else (second[0::2], first[1::2])
    )
    return picture


def whole(index, order="tff"):
    return moment(2 * index)


def write_fields(path, codec, pixel_format, make, *, mark=None, order="tff", count=16, options=None):
    """mark: the field order that the pictures are marked with; None: progressive."""
    marking = Graph()
    start = marking.add_buffer(
        width=WIDTH, height=HEIGHT, format=av.VideoFormat(pixel_format), time_base=Fraction(1, 25)
    )
    middle, end = marking.add("setfield", mark or "prog"), marking.add("buffersink")
    start.link_to(middle)
    middle.link_to(end)
    marking.configure()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.color_range = 1
        if mark:
            stream.codec_context.flags |= INTERLACED if codec != "ffv1" else 0x40000
        if codec in ("mpeg2video", "mpeg4"):
            stream.codec_context.qmax = 2
        for index in range(count):
            gray = av.VideoFrame.from_ndarray(make(index, order), "gray")
            picture = gray.reformat(format=pixel_format)
            picture.pts, picture.time_base = index, Fraction(1, 25)
            marking.vpush(picture)
            picture = marking.vpull()
            picture.pict_type = 0
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def read(path, deinterlace="auto"):
    with open_source(path, ReadOptions(deinterlace=deinterlace)) as source:
        frames = list(source)
    return source, frames


def distance(frames, make):
    """Mean difference of the green channel from what the first field shows, in 8-bit codes."""
    shown = [f.pixels[..., 1] / (257 if f.pixels.dtype == np.uint16 else 1) for f in frames]
    wanted = [make(i).astype(float) for i in range(len(frames))]
    return float(np.mean([np.abs(a - b)[:, 2:-2].mean() for a, b in zip(shown, wanted, strict=True)]))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("order", ["tff", "bff"])
def test_marked_fields_become_whole_pictures_at_their_times(tmp_path, codec, order):
    name, encoder, pixel_format = CODECS[codec]
    options = {"crf": "4"} if codec == "h264" else {}
    path = write_fields(
        tmp_path / name, encoder, pixel_format, woven, mark=order, order=order, options=options
    )
    left, combed = read(path, "off")
    source, frames = read(path)
    assert len(frames) == len(combed) == 16
    assert [(f.pts, f.duration) for f in frames] == [(f.pts, f.duration) for f in combed]
    assert source.info.scan == "interlaced"
    assert left.info.scan == "interlaced"
    assert distance(frames, whole) < 0.55 * distance(combed, whole)
    field = {"tff": "top", "bff": "bottom"}[order]
    assert source.notices[0].startswith(f"the input is interlaced ({field} field first): it is deinterlaced")
    assert any("its combs are enlarged" in line for line in left.notices)


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_fields_that_nothing_tells_of_are_found(tmp_path, order):
    path = write_fields(tmp_path / "a.mkv", "ffv1", "yuv420p", woven, order=order)
    source, frames = read(path)
    assert source.info.scan == "interlaced"
    assert distance(frames, whole) < 0.5 * distance(read(path, "off")[1], whole)


def test_fields_marked_in_the_wrong_order_are_taken_in_the_right_one(tmp_path):
    path = write_fields(tmp_path / "a.mkv", "ffv1", "yuv420p", woven, mark="bff", order="tff")
    right = write_fields(tmp_path / "b.mkv", "ffv1", "yuv420p", woven, mark="tff", order="tff")
    for wrong, good in zip(read(path)[1], read(right)[1], strict=True):
        np.testing.assert_array_equal(wrong.pixels, good.pixels)


@pytest.mark.parametrize("codec", CODECS)
def test_progressive_pictures_marked_interlaced_are_left_alone(tmp_path, codec):
    name, encoder, pixel_format = CODECS[codec]
    path = write_fields(tmp_path / name, encoder, pixel_format, whole, mark="tff")
    _, before = read(path, "off")
    source, after = read(path)
    assert source.info.scan == "interlaced"  # so it says
    assert source.notices[1].startswith("0 of 16 frames were interlaced")
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old.pixels, new.pixels)


def test_chroma_of_progressive_pictures_is_not_split_into_fields():
    """FFmpeg enlarges the chroma of each field on its own where a picture is marked as interlaced."""
    still = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    still[HEIGHT:] = 60 + 12 * np.arange(HEIGHT // 2)[:, None] % 97
    to_rgb = ToRgb(ColorSpec(1, full_range=False))
    filter_ = Deinterlacer(Scan(flagged=True), only_combed=True)
    shown = []
    for index in range(8):
        still[:HEIGHT] = whole(index)
        plain = av.VideoFrame.from_ndarray(still, "yuv420p")
        shown.append(to_rgb(plain))
        marked = av.VideoFrame.from_ndarray(still, "yuv420p")
        shown_marked = list(filter_.feed(TimedPicture(_marked(marked), index, 1)))
        for entry in shown_marked:
            np.testing.assert_array_equal(to_rgb(entry.picture), shown[entry.pts])
    assert [entry.pts for entry in filter_.flush()][-1] == 7
    assert (to_rgb(_marked(plain)) != shown[-1]).any()


def _marked(picture):
    graph = Graph()
    start = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 25)
    )
    middle, end = graph.add("setfield", "tff"), graph.add("buffersink")
    start.link_to(middle)
    middle.link_to(end)
    graph.configure()
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    graph.vpush(picture)
    return graph.vpull()


def test_progressive_video_is_not_touched(tmp_path):
    def noisy(index, order):
        noise = np.random.default_rng(index).normal(0, 8, (HEIGHT, WIDTH))
        return np.clip(whole(index) + noise, 16, 235).astype(np.uint8)

    path = write_fields(tmp_path / "a.mkv", "ffv1", "yuv420p", noisy)
    source, frames = read(path)
    assert source.info.scan == "progressive"
    assert source.notices == ()
    for old, new in zip(read(path, "off")[1], frames, strict=True):
        np.testing.assert_array_equal(old.pixels, new.pixels)


def test_on_deinterlaces_whatever_it_is(tmp_path):
    path = write_fields(tmp_path / "a.mkv", "ffv1", "yuv420p", whole)
    source, frames = read(path, "on")
    assert len(frames) == 16
    assert any((a.pixels != b.pixels).any() for a, b in zip(frames, read(path, "off")[1], strict=True))
    assert source.info.scan == "progressive"


def test_fields_that_begin_late_are_found_by_their_marks(tmp_path):
    """Behind the places that are looked into: half a second of them in the middle of a long still picture."""

    def mixed(index, order):
        return woven(index) if 60 <= index < 76 else moment(0)

    path = write_fields(
        tmp_path / "a.mkv", "libx264", "yuv420p", mixed, mark="tff", count=80, options={"crf": "4"}
    )
    _, combed = read(path, "off")
    _, frames = read(path)
    assert len(frames) == 80
    assert (frames[70].pixels != combed[70].pixels).any()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_clips_keep_all_their_frames(tmp_path, count):
    path = write_fields(tmp_path / "a.mkv", "ffv1", "yuv420p", woven, mark="tff", count=count)
    for request in ("auto", "on"):
        _, frames = read(path, request)
        assert [f.seconds for f in frames] == [Fraction(i, 25) for i in range(count)]


@pytest.mark.parametrize("pixel_format", ["bgr0", "yuva420p", "gray", "yuv444p16le", "gbrp10le", "gray10le"])
def test_any_pixel_format_is_deinterlaced(tmp_path, pixel_format):
    path = write_fields(tmp_path / "a.mkv", "ffv1", pixel_format, woven, mark="tff")
    _, combed = read(path, "off")
    source, frames = read(path)
    assert source.info.scan == "interlaced"
    assert [f.pixels.dtype for f in frames] == [f.pixels.dtype for f in combed]
    assert all((a.pixels != b.pixels).any() for a, b in zip(frames[1:], combed[1:], strict=True))


@pytest.mark.parametrize(
    ("scan", "kind", "parity"),
    [
        (Scan(), "progressive", "auto"),
        (Scan(flagged=True), "interlaced", "auto"),
        (Scan(top_first=20, progressive=4), "interlaced", "tff"),
        (Scan(bottom_first=20, top_first=2), "interlaced", "bff"),
        (Scan(top_first=20, bottom_first=9), "progressive", "auto"),  # scrolling patterns
        (Scan(top_first=3), "progressive", "auto"),
        (Scan(top_first=10, progressive=14), "progressive", "tff"),
    ],
)
def test_what_counts_as_interlaced(scan, kind, parity):
    assert (scan.kind, scan.parity) == (kind, parity)


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_double_makes_a_frame_of_each_field_at_its_time(tmp_path, order):
    path = write_fields(tmp_path / "a.mkv", "ffv1", "yuv420p", woven, mark=order, order=order, count=24)
    source, frames = read(path, "double")
    assert source.info.frame_rate == 50
    assert source.info.frame_count == len(frames) == 48
    assert [frame.seconds for frame in frames] == [Fraction(i, 50) for i in range(48)]
    assert all(frame.duration * frame.time_base == Fraction(1, 50) for frame in frames)
    assert "at twice the rate" in source.notices[0]
    repeated = [frame for frame in frames[::2] for _ in range(2)]
    assert distance(frames, moment) < 0.5 * distance(repeated, moment)


def test_double_leaves_progressive_video_and_parts_keep_their_times(tmp_path):
    plain = write_fields(tmp_path / "a.mkv", "ffv1", "yuv420p", whole, count=24)
    source, frames = read(plain, "double")
    assert len(frames) == 24
    assert "stays as it is" in source.notices[0]
    path = write_fields(tmp_path / "b.mkv", "ffv1", "yuv420p", woven, mark="tff", count=40)
    everything = read(path, "double")[1]
    options = ReadOptions(deinterlace="double", start=Fraction("0.5"), end=Fraction("1.1"))
    with open_source(path, options) as source:
        part = list(source)
    for ours, theirs in zip(part, everything[25:55], strict=True):
        assert ours.seconds + Fraction(1, 2) == theirs.seconds
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
