"""Transport streams whose clock breaks in the middle: single streams, stray times, amid a group of pictures."""

import itertools
from fractions import Fraction

import av
import pytest

from tcnet.video import open_sink, open_source

SECOND = 90000
FULL = 1 << 33
VIDEO, SOUND = 256, 257  # as FFmpeg's muxer numbers them


def read_time(data, at):
    return (
        (data[at] >> 1 & 7) << 30
        | data[at + 1] << 22
        | data[at + 2] >> 1 << 15
        | data[at + 3] << 7
        | data[at + 4] >> 1
    )


def write_time(data, at, time):
    time %= FULL
    data[at] = data[at] & 0xF0 | time >> 29 & 0x0E | 1
    data[at + 1], data[at + 2] = time >> 22 & 0xFF, time >> 14 & 0xFE | 1
    data[at + 3], data[at + 4] = time >> 7 & 0xFF, time << 1 & 0xFE | 1


def move_times(path, move):
    """Rewrites the times of all packets (ISO 13818-1, 2.4.3.7) by move(programme id, time of decoding)."""
    data = bytearray(path.read_bytes())
    for start in range(0, len(data), 188):
        number = (data[start + 1] & 0x1F) << 8 | data[start + 2]
        head = start + 4 + (1 + data[start + 4] if data[start + 3] & 0x20 else 0)
        if not data[start + 1] & 0x40 or number not in (VIDEO, SOUND):
            continue
        assert data[head : head + 3] == b"\0\0\1"
        places = [head + 9, head + 14][: {2: 1, 3: 2}.get(data[head + 7] >> 6, 0)]
        by = move(number, read_time(data, places[-1])) if places else 0
        for at in places:
            write_time(data, at, read_time(data, at) + by)
    path.write_bytes(bytes(data))


HALF = 102 * SECOND + 126000  # two seconds into the recording, with what the muxer adds
BREAKS = {
    "both back": lambda pid, time: -90 * SECOND * (time >= HALF),
    "both ahead": lambda pid, time: 12 * SECOND * (time >= HALF),
    "sound back": lambda pid, time: -90 * SECOND * (pid == SOUND and time >= HALF),
    "sound ahead": lambda pid, time: 5000 * SECOND * (pid == SOUND and time >= HALF),
    "picture back": lambda pid, time: -90 * SECOND * (pid == VIDEO and time >= HALF),
    "full": lambda pid, time: FULL - HALF,
    "stray picture": lambda pid, time: 777 * SECOND * (pid == VIDEO and abs(time - HALF) < 3700),
    "stray sound": lambda pid, time: -77 * SECOND * (pid == SOUND and abs(time - HALF) < 3700),
}


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("kind", BREAKS)
def test_what_was_whole_comes_out_whole(clips, tmp_path, kind, suffix):
    clip = clips.clip(times=tuple(range(2500, 2600)), audio=("aac",), options=(("bf", "2"), ("g", "60")))
    path = clips.write(tmp_path / "a.ts", clip)
    move_times(path, BREAKS[kind])
    frames = clips.convert(path, tmp_path / f"b{suffix}")
    assert {b.seconds - a.seconds for a, b in itertools.pairwise(frames)} == {Fraction(1, 25)}
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        stream = container.streams.audio[0]
        heard = [p.pts * p.time_base for p in container.demux(stream) if p.size and not p.is_discard]
    assert {round((b - a) * 48000 / 1024, 1) for a, b in itertools.pairwise(heard)} <= {0.9, 1, 1.1}
    assert abs(heard[0] - frames[0].seconds) < Fraction(1, 25)
    assert abs(heard[-1] - frames[-1].seconds) < Fraction(2, 25)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_recordings_whose_streams_have_other_numbers(clips, tmp_path, suffix):
    """As those of two channels or two devices. FFmpeg takes what follows for further streams, and gives the
    last picture under the old number when all is over: it is lost."""
    data = b""
    for number in (0x100, 0x200):
        options = (("mpegts_start_pid", hex(number)),)
        clip = clips.clip(times=tuple(range(40)), audio=("aac",), container_options=options)
        data += clips.write(tmp_path / "part.ts", clip).read_bytes()
    source = tmp_path / "a.ts"
    source.write_bytes(data)
    frames = clips.convert(source, tmp_path / f"b{suffix}")
    shown = [frame.seconds for frame in frames]
    assert len(shown) == 79
    assert max(b - a for a, b in itertools.pairwise(shown)) < Fraction(3, 25)
    with open_source(source) as reader:
        assert reader.info.frame_count == 79
        list(reader)
        assert "1 damaged packets were skipped" in reader.notices
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        heard = [float(p.pts * p.time_base) for p in container.demux(audio=0) if p.size and not p.is_discard]
    assert max(b - a for a, b in itertools.pairwise(heard)) < 0.05
    assert 3.1 < heard[-1] - heard[0] < 3.25


@pytest.mark.parametrize(
    ("suffix", "other"),
    [
        # Another programme, and tables under other numbers too: its streams come up when all others have ended.
        (".ts", (("mpegts_service_id", "7"), ("mpegts_start_pid", "512"), ("mpegts_pmt_start_pid", "768"))),
        (".flv", ()),  # a second header ends it
    ],
)
def test_recordings_that_cannot_be_read_on_are_said_to_be_left_out(
    clips, tmp_path, monkeypatch, suffix, other
):
    monkeypatch.setattr("tcnet.video.source_file._UNREAD_BYTES", 1 << 13)  # of so small a file
    data = b""
    for options in ((), other):
        clip = clips.clip(times=tuple(range(40)), audio=("aac",), container_options=options)
        data += clips.write(tmp_path / f"part{suffix}", clip).read_bytes()
    source = tmp_path / f"a{suffix}"
    source.write_bytes(data)
    with open_source(source) as reader:
        assert "% of the file are left out" in reader.notices[0]
        assert len(list(reader)) == 40
        assert "% of the file are left out" in reader.notices[0]
    clips.convert(source, tmp_path / "b.mkv")


def test_a_reset_of_sound_alone_is_said(clips, tmp_path):
    path = clips.write(tmp_path / "a.ts", clips.clip(times=tuple(range(2500, 2600)), audio=("aac",)))
    move_times(path, BREAKS["sound back"])
    with open_source(path) as reader:
        sink = open_sink(tmp_path / "b.mkv", info=reader.info, copy_from=path)
        for frame in reader:
            sink.write(frame)
        sink.finish()
    assert [line for line in sink.notices if "stream 1 (audio, aac) was reset 1 times" in line]
