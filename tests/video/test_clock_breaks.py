"""Transport streams whose clock breaks in the middle: single streams, stray times, amid a group of pictures."""

import itertools
import re
from fractions import Fraction
from io import BytesIO

import av
import pytest

from tcnet.video import open_sink, open_source
from tcnet.video.transport import find_renumbering

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


def recording(clips, path, *, swapped=False, codec="libx264", audio=("aac",), **options):
    """40 pictures with sound in a transport stream. swapped: sound comes first, under the picture's number."""
    settings = tuple((f"mpegts_{name}", str(value)) for name, value in options.items())
    clip = clips.clip(times=tuple(range(40)), codec=codec, audio=audio, container_options=settings)
    clips.write(path, clip)
    if swapped:
        with av.open(str(path)) as before, av.open(str(path.with_name("swapped.ts")), "w") as after:
            streams = sorted(before.streams, key=lambda stream: stream.type)
            copies = {stream.index: after.add_stream_from_template(stream) for stream in streams}
            for packet in before.demux():
                if packet.dts is not None:
                    packet.stream = copies[packet.stream_index]
                    after.mux(packet)
        path = path.with_name("swapped.ts")
    return path.read_bytes()


def joined(clips, folder, *parts):
    path = folder / "joined.ts"
    path.write_bytes(b"".join(recording(clips, folder / "part.ts", **part) for part in parts))
    return path


OTHER_NUMBERS = {
    "swapped": {"swapped": True},
    "other": {"start_pid": 512},
    "another programme": {"service_id": 7, "start_pid": 512, "pmt_start_pid": 768},
    "Blu-ray": {"m2ts_mode": 1},
}


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("kind", OTHER_NUMBERS)
def test_recordings_whose_streams_have_other_numbers_are_one(clips, tmp_path, kind, suffix):
    """As those of two channels or two devices: FFmpeg takes what follows for further streams, or for damage."""
    usual = {"m2ts_mode": 1} if kind == "Blu-ray" else {}
    other = OTHER_NUMBERS[kind] | ({"start_pid": 512} if usual else {})
    source = joined(clips, tmp_path, usual, other, usual)
    shown = [frame.seconds for frame in clips.convert(source, tmp_path / f"b{suffix}")]
    assert len(shown) == 120
    assert max(b - a for a, b in itertools.pairwise(shown)) < Fraction(2, 25)
    with open_source(source) as reader:
        assert reader.info.frame_count == 120
        list(reader)
        assert reader.notices == ("the clock was reset 2 times; time goes on without a gap",)
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        heard = [float(p.pts * p.time_base) for p in container.demux(audio=0) if p.size and not p.is_discard]
    assert max(b - a for a, b in itertools.pairwise(heard)) < 0.05
    assert 4.7 < heard[-1] - heard[0] < 4.9


def test_a_recording_that_is_cut_between_packets_is_followed(clips, tmp_path):
    source = joined(clips, tmp_path, {}, {"swapped": True})
    data = source.read_bytes()
    source.write_bytes(data[:30000] + data[30077:])  # the second one begins amid a packet of the first
    with open_source(source) as reader:
        assert len(list(reader)) > 70


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            {"audio": ("mp2",)},
            r"^the sound in mp2, not aac as before, is left out: from 1\.\d\d s on, 1\.\d\d s long;",
        ),
        (
            {"codec": "mpeg2video"},
            r"^the picture in mpeg2video, not h264 as before, is left out: from 1\.\d\d s on, 1",
        ),
    ],
)
def test_what_another_format_leaves_out_is_said(clips, tmp_path, other, told):
    source = joined(clips, tmp_path, {}, other, {})
    with open_source(source) as reader:
        assert len(list(reader)) == (80 if "codec" in other else 120)
        assert sum(re.search(told, line) is not None for line in reader.notices) == 1
        sink = open_sink(tmp_path / "b.mkv", info=reader.info, copy_from=source)
        for frame in reader:
            sink.write(frame)
        sink.finish()
    assert not any("cannot hold" in line for line in sink.notices)
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        sound = [packet for packet in container.demux(audio=0) if packet.size]
        assert all(packet.decode() for packet in sound[1:])


def test_tables_that_change_within_one_recording_change_nothing(clips, tmp_path):
    """A programme that begins with another table, as at the turn of two broadcasts."""
    begin = recording(clips, tmp_path / "a.ts", start_pid=512, audio=("mp2",))[: 188 * 4]
    contents = begin + 4 * recording(clips, tmp_path / "a.ts")
    found = find_renumbering(BytesIO(contents), len(contents))
    assert found is not None
    assert not found.is_needed
    assert not found.strangers


def test_recordings_that_cannot_be_read_on_are_said_to_be_left_out(clips, tmp_path, monkeypatch):
    """Joined in FLV: a second header ends it."""
    monkeypatch.setattr("tcnet.video.source_file._UNREAD_BYTES", 1 << 13)  # of so small a file
    part = clips.write(tmp_path / "part.flv", clips.clip(times=tuple(range(40)), audio=("aac",)))
    source = tmp_path / "a.flv"
    source.write_bytes(part.read_bytes() * 2)
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
