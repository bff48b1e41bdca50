"""Odd clocks: as many frames out as in, each at its time."""

import itertools
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.video import open_source

NTSC = {"23.976": Fraction(24000, 1001), "29.97": Fraction(30000, 1001), "59.94": Fraction(60000, 1001)}


def boxes(data, start, end):
    """(kind, start, end) of the boxes between two offsets of an MP4 file."""
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        yield kind.decode("latin1"), start, start + size
        start += size


def find_box(data, *kinds):
    start, end = 0, len(data)
    for kind in kinds:
        start, end = next((a + 8, b) for name, a, b in boxes(data, start, end) if name == kind)
    return start, end


def set_edit(path, skipped_ticks, shown_milliseconds):
    """Rewrites the one entry of the video's edit list."""
    data = bytearray(path.read_bytes())
    start, _ = find_box(data, "moov", "trak", "edts", "elst")
    version, count = data[start], struct.unpack_from(">I", data, start + 4)[0]
    assert (version, count) == (0, 1)
    _, media_time = struct.unpack_from(">Ii", data, start + 8)
    struct.pack_into(">Ii", data, start + 8, shown_milliseconds, media_time + skipped_ticks)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_an_edit_list_that_skips_the_start(clips, tmp_path, suffix):
    """Frames before it are decoded, as others refer to them, but they are no part of the video."""
    path = clips.write(tmp_path / "a.mp4", clips.clip(times=tuple(range(40)), time_base=Fraction(1, 25)))
    everything = clips.read(path)
    with av.open(str(path)) as container:
        ticks = container.streams.video[0].time_base.denominator // 25
    set_edit(path, 10 * ticks, 30 * ticks)  # the movie's clock is the stream's here
    frames = clips.convert(path, tmp_path / f"b{suffix}")
    with open_source(path) as source:
        assert source.info.frame_count == 30
    assert [f.seconds for f in frames] == [Fraction(i, 25) for i in range(30)]
    np.testing.assert_array_equal(frames[0].pixels, everything[10].pixels)
    after = clips.read(tmp_path / f"b{suffix}")
    assert [f.seconds for f in after] == [f.seconds for f in frames]
    assert [f.duration * f.time_base for f in after] == [Fraction(1, 25)] * 30


@pytest.mark.parametrize("rate", NTSC)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_ntsc_rates_stay_fractions(clips, tmp_path, rate, suffix):
    clip = clips.clip(time_base=1 / NTSC[rate], rate=NTSC[rate], times=tuple(range(30)))
    path = clips.write(tmp_path / f"a{suffix}", clip)
    clips.convert(path, tmp_path / f"b{suffix}")
    with open_source(tmp_path / f"b{suffix}") as source:
        assert [f.seconds for f in source] == [i / NTSC[rate] for i in range(30)]
        assert (source.info.frame_rate, source.info.frame_count) == (NTSC[rate], 30)
        assert source.info.duration == 30 / NTSC[rate]


@pytest.mark.parametrize("options", ["bframes=0", "bframes=3:b-pyramid=normal", "bframes=8:b-adapt=0"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.mov"])
def test_reordered_frames_come_once_each(clips, tmp_path, options, name):
    clip = clips.clip(times=tuple(range(50, 80)), options=(("x264-params", options),))
    frames = clips.convert(clips.write(tmp_path / name, clip), tmp_path / "b.mp4")
    assert len(frames) == 30
    steps = {float(b.seconds - a.seconds) for a, b in itertools.pairwise(frames)}
    assert all(abs(step - 0.04) < 0.0011 for step in steps)
    assert [f.seconds for f in clips.read(tmp_path / "b.mp4")] == [f.seconds for f in frames]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 40, 40, 80], [0, 40, 41, 80]),
        ([0, 80, 40, 120], [0, 80, 81, 120]),
        ([100, 100, 100, 100], [100, 101, 102, 103]),
        ([500, 540, 580, 620], [500, 540, 580, 620]),
    ],
)
def test_times_that_do_not_increase_move_by_the_least(clips, tmp_path, times, expected):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w", container_options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, time in enumerate(times):
            picture = av.VideoFrame.from_ndarray(clips.picture(index, (32, 24)), "rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 1000)
            for packet in stream.encode(picture):
                packet.pts, packet.dts = time, index
                container.mux(packet)
    frames = clips.convert(path, tmp_path / "b.mkv", codec="ffv1")
    assert [f.pts for f in frames] == expected
    assert [f.pts for f in clips.read(tmp_path / "b.mkv")] == expected
    with open_source(path) as source:
        list(source)
    moved = sum(a != b for a, b in zip(times, expected, strict=True))
    assert source.notices == (
        (f"{moved} timestamps did not increase and were moved by the least amount",) if moved else ()
    )


def test_a_transport_stream_whose_clock_wraps(clips, tmp_path):
    """33 bits of 90 kHz: every 26.5 hours. FFmpeg goes on counting."""
    begin = 2**33 - 10 * 3600
    times = tuple(range(begin, begin + 30 * 3600, 3600))
    clip = clips.clip(times=times, last=3600, time_base=Fraction(1, 90000), options=(("bf", "0"),))
    path = clips.write(tmp_path / "a.ts", clip)
    frames = clips.convert(path, tmp_path / "b.mkv")
    assert len(frames) == 30
    assert {b.pts - a.pts for a, b in itertools.pairwise(frames)} == {3600}


@pytest.mark.parametrize(
    ("suffix", "start"), [(".mp4", 7), (".mp4", 25 * 3600), (".mkv", -3), (".mkv", 7), (".mkv", 25 * 3600)]
)
def test_the_start_stays_where_it_is(clips, tmp_path, start, suffix):
    times = tuple(range(start, start + 12))
    options = (("avoid_negative_ts", "disabled"),) if suffix == ".mkv" else ()
    path = clips.write(tmp_path / f"a{suffix}", clips.clip(times=times, container_options=options))
    frames = clips.convert(path, tmp_path / f"b{suffix}")
    assert len(frames) == 12
    assert [f.seconds for f in clips.read(tmp_path / f"b{suffix}")] == [f.seconds for f in frames]
