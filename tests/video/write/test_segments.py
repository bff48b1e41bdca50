"""Segments, each from an encoder of its own, joined to one video."""

import itertools
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.errors import MediaError
from tcnet.video import EncodeOptions, Frame, open_source
from tcnet.video.write.encode.encoder import EncodedPacket
from tcnet.video.write.packet_file import PacketFile, joined, read_packets, read_times
from tcnet.video.write.segments import plan_video_encoding

KINDS = [
    ("h264", ".mp4"), ("h264", ".mkv"), ("hevc", ".mp4"), ("hevc", ".mkv"), ("av1", ".mp4"), ("av1", ".webm"),
    ("ffv1", ".mkv"), ("prores", ".mov"),
]  # fmt: skip
SIZE = (96, 64)


def decode(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(frame.pts * stream.time_base, frame.to_ndarray()) for frame in container.decode(stream)]


@pytest.fixture
def clip(clips, tmp_path):
    """20 frames at a variable rate."""
    times = tuple(3600 * i + 900 * (i % 3) for i in range(20))
    made = clips.clip(times=times, time_base=Fraction(1, 90000), last=3600, size=SIZE)
    return clips.write(tmp_path / "in.mp4", made)


@pytest.mark.parametrize(("codec", "suffix"), KINDS)
@pytest.mark.parametrize("frames", [1, 7])
def test_joined_segments_decode_to_what_each_holds(clips, clip, tmp_path, codec, suffix, frames):
    given = clips.convert_in_segments(clip, tmp_path / f"out{suffix}", frames=frames, codec=codec)
    whole = decode(tmp_path / f"out{suffix}")
    tick = Fraction(1, 1000) if suffix in (".mkv", ".webm") else 0
    assert len(whole) == 20
    assert all(abs(time - f.seconds) <= tick / 2 for (time, _), f in zip(whole, given, strict=True))
    for start in (0, 14):  # alone, the same encoder gives the same pictures
        part = [replace(f, pts=f.pts - given[start].pts) for f in given[start : start + frames]]
        alone = tmp_path / f"alone{start}{suffix}"
        with open_source(clip) as reader:
            info = replace(reader.info, frame_count=None, duration=None)
        plan = plan_video_encoding(alone, info=info, options=EncodeOptions(codec=codec), copy_from=None)
        writer = plan.segment(tmp_path / "alone.segment")
        for frame in part:
            writer.write(frame)
        segment = writer.finish()
        plan.join(alone, [tmp_path / "alone.segment"], segment, segment)
        for (_, picture), (_, expected) in zip(decode(alone), whole[start : start + frames], strict=True):
            np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_decoding_times_rise_and_are_the_encoders_own(clips, clip, tmp_path, codec):
    """For one segment nothing changes; over several each picture is decoded before it is shown."""
    for frames in (100, 7, 2, 1):
        clips.convert_in_segments(clip, tmp_path / "out.mp4", frames=frames, codec=codec)
        files = sorted(tmp_path.glob("*.segment"))
        packets = list(joined(files))
        if frames == 100:
            assert [(p.pts, p.dts) for p in packets] == read_times(files[0])
            assert packets[0].dts < packets[0].pts  # there are B-frames, or this shows nothing
        assert all(a.dts < b.dts for a, b in itertools.pairwise(packets))
        assert all(packet.dts <= packet.pts for packet in packets)
        for file in files:
            file.unlink()


def packets(*times):
    return [EncodedPacket(pts, pts - 2, 1, pts == 0, b"x" * pts) for pts in times]


def write(path, given):
    file = PacketFile(path)
    for packet in given:
        file.add(packet)
    return file.close()


def test_packets_come_back_from_their_file(tmp_path):
    given = packets(0, 40, 20)
    assert len(write(tmp_path / "a", given)) == 64
    assert list(read_packets(tmp_path / "a")) == given
    assert read_times(tmp_path / "a") == [(0, -2), (40, 38), (20, 18)]
    assert list(joined([tmp_path / "a"])) == [
        replace(p, dts=d) for p, d in zip(given, (-20, 0, 20), strict=True)
    ]


@pytest.mark.parametrize("missing", [1, 25, 60])
def test_a_file_that_was_cut_is_an_error(tmp_path, missing):
    write(tmp_path / "a", packets(0, 40, 20))
    data = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(data[:-missing])
    with pytest.raises(MediaError, match="damaged"):
        list(read_packets(tmp_path / "a"))


def test_a_trial_leaves_nothing(clips, clip, tmp_path):
    with open_source(clip) as reader:
        plan = plan_video_encoding(
            tmp_path / "out.mp4", info=reader.info, options=EncodeOptions(), copy_from=reader.file
        )
    assert plan.trial().notices == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_a_frame_out_of_order_is_refused(clips, clip, tmp_path):
    with open_source(clip) as reader:
        plan = plan_video_encoding(
            tmp_path / "o.mkv", info=reader.info, options=EncodeOptions(), copy_from=None
        )
    writer = plan.segment(tmp_path / "a.segment")
    frame = Frame(np.zeros((64, 96, 3), np.uint8), 5, 1, Fraction(1, 25))
    writer.write(frame)
    with pytest.raises(ValueError, match="must increase"):
        writer.write(frame)
    writer.abandon()
