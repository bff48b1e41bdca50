from fractions import Fraction

import av
import pytest
from av.sidedata.sidedata import Type as SideDataType
from hypothesis import given
from hypothesis import strategies as st

from tcnet.errors import MediaError
from tcnet.video import EncodeOptions, ReadOptions, open_source
from tcnet.video.pyav import side_data
from tcnet.video.write.encode.captions import _escaped, with_captions
from tcnet.video.write.segments import plan_video_encoding

FORMATS = [("h264", ".mp4"), ("h264", ".mkv"), ("hevc", ".mov"), ("hevc", ".mkv")]


def triplets(index, count):
    """What looks like captions of picture `index`; zeros, which have to be escaped, among them."""
    return b"".join(bytes((0xFC + (i % 2), (index * i) % 4, 0 if i % 3 else 128 + i)) for i in range(count))


GIVEN = [triplets(0, 2), b"", triplets(2, 20), triplets(3, 31), b"", triplets(5, 1), triplets(6, 70)]


def captions_of(path):
    """As FFmpeg's decoder finds them, in order of presentation."""
    with av.open(str(path)) as container:
        found = []
        for picture in container.decode(video=0):
            found.append(side_data(picture).get(SideDataType.A53_CC, b""))
    return found


@pytest.fixture
def captioned(clips, tmp_path):
    """Writes a clip, whose pictures are not encoded in their order, with captions put in packet by packet."""

    def write(given=GIVEN, codec="h264"):
        path, order = tmp_path / "in.mkv", []
        with av.open(str(path), "w") as container:
            options = {"h264": {"mbtree": "0", "g": "20"}, "hevc": {"x265-params": "log-level=error"}}[codec]
            video = container.add_stream(
                {"h264": "libx264", "hevc": "libx265"}[codec], rate=25, options=options
            )
            video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
            for index in range(len(given) + 1):
                picture = None
                if index < len(given):
                    picture = av.VideoFrame.from_ndarray(clips.picture(index, (64, 64)), "rgb24")
                    picture.pts, picture.time_base = index, Fraction(1, 25)
                for packet in video.encode(picture):
                    order.append(round(packet.pts * packet.time_base * 25))
                    data = bytes(packet)
                    if captions := given[order[-1]]:
                        data = with_captions(data, codec, captions)
                    filled = av.Packet(data)
                    filled.pts, filled.dts, filled.time_base = packet.pts, packet.dts, packet.time_base
                    filled.stream, filled.is_keyframe = video, packet.is_keyframe
                    container.mux(filled)
        assert order != sorted(order)
        return path

    return write


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_decoders_find_what_is_put_in(captioned, codec):
    path = captioned(codec=codec)
    assert captions_of(path) == GIVEN
    with open_source(path) as reader:
        assert reader.info.captions
        assert reader.notices == ()
        assert [frame.captions for frame in reader] == GIVEN


@pytest.mark.parametrize(("codec", "suffix"), FORMATS)
def test_captions_stay_with_their_pictures(clips, tmp_path, captioned, codec, suffix):
    source = captioned()
    target = tmp_path / f"out{suffix}"
    clips.convert(source, target, codec=codec)
    assert captions_of(target) == GIVEN
    joined = tmp_path / f"joined{suffix}"
    clips.convert_in_segments(source, joined, codec=codec)
    assert captions_of(joined) == GIVEN


def test_captions_that_begin_later_are_found(captioned):
    given = [b""] * 200
    given[130:170] = [triplets(1, 4)] * 40
    with open_source(captioned(given=given)) as reader:
        assert reader.info.captions


def test_a_deinterlaced_picture_keeps_its_captions(captioned):
    with open_source(captioned(), ReadOptions(deinterlace="on")) as reader:
        assert [frame.captions for frame in reader] == GIVEN


@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("prores", ".mov"), ("av1", ".mkv")])
def test_a_codec_that_cannot_hold_them_says_so(clips, tmp_path, captioned, codec, suffix):
    source = captioned()
    with open_source(source) as reader:
        info = reader.info
    plan = plan_video_encoding(
        tmp_path / f"out{suffix}", info=info, options=EncodeOptions(codec=codec), copy_from=reader.file
    )
    (notice,) = plan.trial().notices
    assert notice.startswith(f"closed captions inside the video stream are dropped: {codec} cannot hold them")


def test_a_packet_without_a_picture_is_refused():
    with pytest.raises(MediaError, match="without a picture"):
        with_captions(b"\0\0\0\1\x67\x64\0\x1f", "h264", b"\xfc\x80\x80")


@given(st.lists(st.integers(0, 5), max_size=40).map(bytes))
def test_no_start_of_a_unit_stands_in_what_is_escaped(body):
    escaped = _escaped(body)
    assert not any(bytes((0, 0, n)) in escaped for n in range(3))
    unescaped, zeros = bytearray(), 0
    for byte in escaped:
        if zeros == 2 and byte == 3:
            zeros = 0
            continue
        unescaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    assert bytes(unescaped) == body
