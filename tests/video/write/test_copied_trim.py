"""What is copied beside a part of the video: sound, subtitles and chapters of the same span, as far from it as before."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.video import EncodeOptions, ReadOptions, TrimRange, open_sink, open_source
from tcnet.video.images import encode_png
from tcnet.video.write.copied.copied_trim import Cutter

START, END = Fraction(3, 5), Fraction(6, 5)
STEP = Fraction(1024, 48000)


def cut(source, target, **options):
    with open_source(source, ReadOptions(**options)) as reader:
        sink = open_sink(target, info=reader.info, options=EncodeOptions(crf=10), copy_from=source)
        frames = list(reader)
        for frame in frames:
            sink.write(frame)
        sink.finish()
    return frames


@pytest.mark.parametrize("times", [range(50), range(250, 300)], ids=["from zero", "late"])
@pytest.mark.parametrize(("source_suffix", "suffix"), [(".mkv", ".mkv"), (".mp4", ".mp4"), (".mkv", ".mp4")])
@pytest.mark.parametrize("codec", ["aac", "flac"])
@pytest.mark.parametrize(("start", "end"), [(START, END), (None, END), (START, None)])
def test_sound_is_cut_with_the_picture(clips, tmp_path, times, source_suffix, suffix, codec, start, end):
    source = clips.write(tmp_path / f"a{source_suffix}", clips.clip(times=tuple(times), audio=(codec,)))
    target = tmp_path / f"b{suffix}"
    cut(source, target, start=start, end=end)
    first = clips.read(source)[0].seconds
    frames = clips.read(target)
    assert len(frames) == ((end or 2) - (start or 0)) * 25
    assert frames[0].seconds == first
    before = {data: time for time, data in clips.packets(source, 1)}
    after = clips.packets(target, 1)
    tick = Fraction(1, 1000)
    for time, data in after:
        assert abs(time + (start or 0) - before[data]) <= tick
    length = Fraction(4608, 48000) if codec == "flac" else STEP
    assert after[0][0] <= first + (tick if start else STEP)
    assert after[0][0] > first - length - tick - (STEP if start is None else 0)
    assert after[-1][0] < first + (end or 2) - (start or 0)
    if end is not None:
        assert after[-1][0] >= first + end - (start or 0) - length - tick


def test_the_end_of_the_sound_is_as_long_as_it_was(clips, tmp_path):
    """Matroska's last packet is cut by the length of the stream, also where the start was moved."""
    source = clips.write(tmp_path / "a.mkv", clips.clip(times=tuple(range(50)), audio=("flac",)))
    cut(source, tmp_path / "b.mkv", start=START)
    with av.open(str(source)) as old, av.open(str(tmp_path / "b.mkv")) as new:
        samples = [sum(frame.samples for frame in c.decode(audio=0)) for c in (old, new)]
        lengths = [c.duration for c in (old, new)]
    assert abs(lengths[0] - lengths[1] - 600000) <= 2000
    assert 0 <= samples[1] - (samples[0] - 28800) <= 4608


def with_texts(clips, tmp_path, lines):
    plain = clips.write(tmp_path / "plain.mkv", clips.clip(times=tuple(range(50))))
    path = tmp_path / "a.mkv"
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        video = new.add_stream_from_template(old.streams.video[0])
        subtitle = new.add_mux_stream("subrip", time_base=Fraction(1, 1000))
        chapter = {"id": 1, "time_base": Fraction(1, 1000), "metadata": {}}
        new.set_chapters(
            [
                {**chapter, "start": 0, "end": 700, "metadata": {"title": "One"}},
                {**chapter, "id": 2, "start": 700, "end": 900, "metadata": {"title": "Two"}},
                {**chapter, "id": 3, "start": 900, "end": 1300, "metadata": {"title": "Three"}},
                {**chapter, "id": 4, "start": 1300, "end": 2000, "metadata": {"title": "Four"}},
            ]
        )
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                new.mux(packet)
        for start, end, text in lines:
            packet = av.Packet(text)
            packet.stream, packet.time_base = subtitle, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = end - start
            new.mux(packet)
    return path


def test_texts_show_while_they_would_have(clips, tmp_path):
    lines = [
        (100, 300, b"gone"),
        (400, 700, b"begins before"),
        (800, 900, b"within"),
        (1100, 1400, b"goes on"),
    ]
    source = with_texts(clips, tmp_path, [*lines, (1500, 1600, b"later")])
    cut(source, tmp_path / "b.mkv", start=START, end=END)
    with av.open(str(tmp_path / "b.mkv")) as container:
        packets = [(p.pts, p.duration, bytes(p)) for p in container.demux(subtitles=0) if p.size]
        chapters = [
            (c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
            for c in container.chapters()
        ]
    assert packets == [(0, 100, b"begins before"), (200, 100, b"within"), (500, 100, b"goes on")]
    assert chapters == [
        ("One", 0, Fraction(1, 10)),
        ("Two", Fraction(1, 10), Fraction(3, 10)),
        ("Three", Fraction(3, 10), Fraction(3, 5)),
    ]


def test_a_cover_picture_belongs_to_any_part(clips, tmp_path):
    def setup(container, video):
        container.add_attachment("cover.png", "image/png", encode_png(np.zeros((8, 8, 3), np.uint8)))

    source = clips.write(tmp_path / "a.mkv", clips.clip(times=tuple(range(50)), setup=setup))
    cut(source, tmp_path / "b.mkv", start=START, end=END)
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert len(container.streams.video) == 2


def test_packets_without_length_count_as_instants():
    cutter = Cutter(TrimRange(start=Fraction(1), end=Fraction(2), shift=Fraction(1)))
    kept = []
    with av.open("unused.mkv", "w", format="null") as container:
        stream = container.add_stream("pcm_s16le", rate=48000)
        for time in (999, 1000, 1999, 2000):
            packet = av.Packet(b"1234")
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = time
            if cutter.keep(packet):
                kept.append((packet.pts, packet.dts))
    assert kept == [(0, 0), (999, 999)]
