import struct
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type as SideDataType

from tcnet.video import ColorSpec, EncodeOptions, HdrMetadata, open_sink, open_source
from tcnet.video.color.hdr import encoder_parameters, is_hdr, side_data_of
from tcnet.video.write.encode.codecs import plan_encoding

BT2020_PQ = ColorSpec(9, full_range=False, primaries=9, transfer=16)
BT2020_HLG = ColorSpec(9, full_range=False, primaries=9, transfer=18)
P3 = HdrMetadata(
    primaries=(
        (Fraction(34000, 50000), Fraction(16000, 50000)),
        (Fraction(13250, 50000), Fraction(34500, 50000)),
        (Fraction(7500, 50000), Fraction(3000, 50000)),
    ),
    white_point=(Fraction(15635, 50000), Fraction(16450, 50000)),
    luminance=(Fraction(1, 10000), Fraction(1000)),
    max_content=980,
    max_average=412,
)


def close(found, wanted):
    """Within what AV1 rounds to: 16 bits of chromaticity, 14 of the least luminance."""
    points = zip([*found.primaries, found.white_point], [*wanted.primaries, wanted.white_point], strict=True)
    assert all(abs(a - b) < 2e-5 for pair in points for a, b in zip(*pair, strict=True))
    assert abs(found.luminance[0] - wanted.luminance[0]) < 1e-4
    assert abs(found.luminance[1] - wanted.luminance[1]) < 1e-2
    assert (found.max_content, found.max_average) == (wanted.max_content, wanted.max_average)


@pytest.fixture
def source(clips, tmp_path):
    """A 10-bit HEVC clip in PQ with metadata."""

    def setup(container, video):
        context = video.codec_context
        context.color_range, context.colorspace = 1, 9
        context.color_primaries, context.color_trc = 9, 16

    parameters = encoder_parameters("libx265", P3)["x265-params"]
    clip = clips.clip(
        codec="libx265",
        pixel_format="yuv420p10le",
        size=(64, 64),
        setup=setup,
        options=(("x265-params", f"log-level=error:{parameters}"), ("crf", "10")),
    )
    return clips.write(tmp_path / "in.mp4", clip)


def test_what_the_file_says_is_read(source):
    with open_source(source) as reader:
        info, frames = reader.info, list(reader)
    assert info.color == BT2020_PQ
    assert info.hdr == P3
    assert info.bit_depth == 10
    assert all(frame.pixels.dtype == np.uint16 for frame in frames)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [
        *[(".mkv", "hevc", "yuv420p10le"), (".mp4", "hevc", "yuv420p10le"), (".mov", "hevc", "yuv420p10le")],
        *[(".mkv", "h264", "yuv420p10le"), (".mkv", "av1", "yuv420p10le"), (".mp4", "av1", "yuv420p10le")],
        *[(".mkv", None, "yuv420p10le"), (".mp4", None, "yuv420p10le"), (".webm", None, "yuv420p10le")],
    ],
)
def test_metadata_and_tags_are_carried_over(clips, tmp_path, source, suffix, codec, pixel_format):
    before = clips.convert(source, tmp_path / f"out{suffix}", codec=codec)
    with open_source(tmp_path / f"out{suffix}") as reader:
        info, after = reader.info, list(reader)
    assert info.color == BT2020_PQ
    assert info.pixel_format == pixel_format
    assert info.codec == (codec or {".webm": "av1"}.get(suffix, "hevc"))
    close(info.hdr, P3)
    error = np.mean(
        [np.abs(a.pixels.astype(int) - b.pixels).mean() for a, b in zip(before, after, strict=True)]
    )
    assert error / 257 < 4


@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("prores", ".mov")])
def test_a_codec_that_cannot_state_the_metadata_says_so(clips, tmp_path, source, codec, suffix):
    clips.convert(source, tmp_path / f"out{suffix}", codec=codec)
    with open_source(tmp_path / f"out{suffix}") as reader:
        assert reader.info.color == BT2020_PQ
    with open_source(source) as reader:
        info = reader.info
    sink = open_sink(tmp_path / f"b{suffix}", info=info, options=EncodeOptions(codec=codec))
    sink.abort()
    assert sink.notices == (
        f"{codec} cannot state the mastering display and light levels of the input; hevc and av1 can",
    )


@pytest.mark.parametrize("color", [BT2020_PQ, BT2020_HLG])
@pytest.mark.parametrize("depth", [10, 12])
def test_the_default_codec_holds_hdr(source, color, depth):
    with open_source(source) as reader:
        info = replace(reader.info, color=color, bit_depth=depth, hdr=None)
    assert is_hdr(color)
    plan = plan_encoding(info, EncodeOptions(), "h264")
    assert (plan.codec, plan.pixel_format) == ("hevc", f"yuv420p{depth}le")
    assert plan.notices == ("written with hevc: few players show HDR in H.264",)
    asked = plan_encoding(info, EncodeOptions(codec="h264", pixel_format="yuv420p"), "h264")
    assert asked.notices == ("HDR in the 8 bits of yuv420p shows bands; hevc, av1, ffv1 and prores take 10",)
    usual = plan_encoding(replace(info, color=ColorSpec(1, full_range=False)), EncodeOptions(), "h264")
    assert usual.codec == "h264"


def test_own_encoder_parameters_come_behind_those_of_the_metadata(source):
    with open_source(source) as reader:
        info = reader.info
    options = EncodeOptions(codec="hevc", encoder_options={"x265-params": "max-cll=1,1:log-level=none"})
    plan = plan_encoding(info, options, "h264")
    assert plan.options["x265-params"].endswith(":max-cll=980,412:max-cll=1,1:log-level=none")


def element_at(data, kind):
    """(place of the size, start and end of the content) of the first element of a kind at this level."""
    start = 0
    while start < len(data):
        size_at = start + 9 - data[start].bit_length()
        content = size_at + 9 - data[size_at].bit_length()
        size = int.from_bytes(data[size_at:content], "big") - (1 << 7 * (content - size_at))
        if int.from_bytes(data[start:size_at], "big") == kind:
            return size_at, content, content + size
        start = content + size
    raise AssertionError(f"no element {kind:x}")


def with_added(data, kinds, added):
    if not kinds:
        return data + added
    size_at, start, end = element_at(data, kinds[0])
    inner = with_added(data[start:end], kinds[1:], added)
    return data[:size_at] + b"\x01" + len(inner).to_bytes(7, "big") + inner + data[end:]


@pytest.mark.parametrize("codec", ["libvpx-vp9", "ffv1"])
def test_metadata_that_only_the_container_has_is_read(clips, tmp_path, codec):
    """As in HDR video in VP9, which has no place for it in its own stream."""

    def setup(container, video):
        context = video.codec_context
        context.color_range, context.colorspace = 1, 9
        context.color_primaries, context.color_trc = 9, 16

    clip = clips.clip(codec=codec, size=(64, 64), setup=setup, container_options=(("write_crc32", "0"),))
    path = clips.write(tmp_path / "a.mkv", clip)
    points = [part for point in (*P3.primaries, P3.white_point) for part in point]
    numbers = [float(n) for n in (*points, P3.luminance[1], P3.luminance[0])]
    display = b"".join(struct.pack(">HBd", 0x55D1 + i, 0x88, number) for i, number in enumerate(numbers))
    light = struct.pack(">HBH", 0x55BC, 0x82, P3.max_content) + struct.pack(
        ">HBH", 0x55BD, 0x82, P3.max_average
    )
    added = struct.pack(">HH", 0x55D0, 0x4000 | len(display)) + display + light
    place = (0x18538067, 0x1654AE6B, 0xAE, 0xE0, 0x55B0)  # Segment, Tracks, TrackEntry, Video, Colour
    path.write_bytes(with_added(path.read_bytes(), place, added))
    with open_source(path) as reader:
        assert reader.info.hdr == P3
        assert reader.info.color == BT2020_PQ


def test_light_levels_alone():
    light = HdrMetadata(max_content=600, max_average=100)
    assert encoder_parameters("libx265", light) == {"x265-params": "max-cll=600,100"}
    assert encoder_parameters("libsvtav1", light) == {"svtav1-params": "content-light=600,100"}
    assert encoder_parameters("prores_ks", light) is None


@pytest.mark.parametrize("transfer", [16, 18])
def test_codes_of_hdr_pass_through_in_sixteen_bits(clips, tmp_path, transfer):
    """Every 10-bit code of a grey ramp, in FFV1: nothing is mapped, cut or rounded to 8 bits."""
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 16, "yuv444p10le"
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries = 1, 9, 9
        context.color_trc = transfer
        picture = av.VideoFrame(64, 16, "yuv444p10le")
        codes = 64 + np.arange(1024).clip(0, 876).reshape(16, 64)
        for index, values in enumerate((codes, np.full_like(codes, 512), np.full_like(codes, 512))):
            plane = picture.planes[index]
            samples = np.frombuffer(memoryview(plane), np.uint16).reshape(16, -1)
            samples[:, :64] = values
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    clips.convert(path, tmp_path / "out.mkv", codec="ffv1")
    with open_source(tmp_path / "out.mkv") as reader:
        assert (reader.info.color.matrix, reader.info.color.primaries) == (9, 9)
        assert reader.info.color.transfer == transfer
    with av.open(str(tmp_path / "out.mkv")) as container:
        picture = next(container.decode(video=0))
        for index, wanted in enumerate((codes, 512, 512)):
            samples = np.frombuffer(memoryview(picture.planes[index]), np.uint16).reshape(16, -1)[:, :64]
            assert (samples == wanted).all()


@pytest.mark.parametrize(("transfer", "warned"), [(2, True), (16, False), (18, False), (1, False)])
def test_dolby_vision_without_a_picture_of_its_own_is_warned_of(
    monkeypatch, clips, tmp_path, transfer, warned
):
    """No encoder here writes the metadata: it is put beside what was decoded."""

    def setup(container, video):
        video.codec_context.color_trc = transfer

    path = clips.write(tmp_path / "in.mkv", clips.clip(setup=setup))
    decoded = side_data_of
    monkeypatch.setattr(
        "tcnet.video.read.probe.side_data_of",
        lambda picture: {SideDataType.DOVI_METADATA: b"", **decoded(picture)},
    )
    with open_source(path) as reader:
        assert reader.info.color.transfer == transfer
        assert reader.notices[0] == "not carried over: Dolby Vision metadata"
        assert [line.startswith("colours will be wrong") for line in reader.notices[1:]] == [True] * warned
