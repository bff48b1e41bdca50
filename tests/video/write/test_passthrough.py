from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.video import Frame, open_sink, open_source


@pytest.mark.parametrize(
    ("audio", "source_suffix", "suffix"),
    [
        (("aac", "flac"), ".mkv", ".mkv"),
        (("aac", "flac"), ".mkv", ".mp4"),
        (("aac", "aac"), ".mp4", ".mp4"),
        (("aac",), ".mp4", ".mkv"),
        (("pcm_s16le", "aac"), ".mov", ".mov"),
        (("pcm_s16le",), ".mov", ".mkv"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["convert", "convert_in_segments"])
def test_sound_is_bit_identical_and_in_place(clips, tmp_path, audio, source_suffix, suffix, way):
    source = clips.write(tmp_path / f"a{source_suffix}", clips.clip(times=tuple(range(13)), audio=audio))
    target = tmp_path / f"b{suffix}"
    getattr(clips, way)(source, target)
    for index in range(1, len(audio) + 1):
        before, after = clips.packets(source, index), clips.packets(target, index)
        assert len(before) > 3
        assert [data for _, data in after] == [data for _, data in before]
        tolerance = Fraction(1, 2000) if suffix == ".mkv" else Fraction(1, 48000)
        assert max(abs(a - b) for (a, _), (b, _) in zip(before, after, strict=True)) <= tolerance
    if source_suffix == suffix:
        with av.open(str(source)) as old, av.open(str(target)) as new:
            assert abs(new.duration - old.duration) <= 1000


def test_sound_that_starts_before_the_picture_does_not_shift_it(clips, tmp_path):
    """The encoder delay of AAC lies before zero; Matroska's writer would move everything for it."""
    source = clips.write(tmp_path / "a.mp4", clips.clip(audio=("aac",)))
    assert clips.packets(source, 1)[0][0] < 0
    clips.convert(source, tmp_path / "b.mkv")
    assert clips.read(tmp_path / "b.mkv")[0].seconds == 0


def test_sound_longer_than_the_picture_is_copied_whole(clips, tmp_path):
    source = clips.write(tmp_path / "a.mkv", clips.clip(audio=("flac",), last=50))
    clips.convert(source, tmp_path / "b.mkv")
    assert clips.packets(tmp_path / "b.mkv", 1) == clips.packets(source, 1)


def test_sound_is_written_along_with_the_picture(clips, tmp_path):
    """Bounded memory: as frames come, so do their packets, and no further."""
    times = tuple(range(250))
    source = clips.write(tmp_path / "a.mkv", clips.clip(times=times, audio=("pcm_s16le",)))
    with open_source(source) as reader:
        info = reader.info
    target = tmp_path / "b.mkv"
    sink = open_sink(target, info=info, copy_from=source)
    black = np.zeros((24, 32, 3), np.uint8)
    sizes = []
    for time in times:
        sink.write(Frame(black, time * 40, 40, Fraction(1, 1000)))
        sizes.append((tmp_path / ".b.part.mkv").stat().st_size)
    sink.finish()
    total = target.stat().st_size
    assert sizes[60] < 0.5 * total
    # What lags behind is the look-ahead of the encoder, a cluster and the file buffer, about 5 s in all.
    assert sizes[249] > 0.35 * total


def test_tags_languages_dispositions_and_chapters(clips, tmp_path):
    def setup(container, video):
        container.metadata.update(title="A film", artist="Someone")
        container.set_chapters(
            [
                {
                    "id": 1,
                    "start": 0,
                    "end": 200,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": "One"},
                },
                {
                    "id": 2,
                    "start": 200,
                    "end": 500,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": "Two"},
                },
            ]
        )
        video.metadata["title"] = "picture"
        first, second = container.streams.audio
        first.metadata.update(language="eng", title="English")
        second.metadata["language"] = "deu"
        first.disposition = av.stream.Disposition.original
        second.disposition = av.stream.Disposition.default | av.stream.Disposition.comment

    source = clips.write(
        tmp_path / "a.mkv", clips.clip(times=tuple(range(13)), audio=("aac", "flac"), setup=setup)
    )
    for suffix in (".mkv", ".mp4"):
        target = tmp_path / f"b{suffix}"
        clips.convert(source, target)
        with av.open(str(source)) as old, av.open(str(target)) as new:
            lowered = {key.lower(): value for key, value in new.metadata.items()}
            assert (lowered["title"], lowered["artist"]) == ("A film", "Someone")
            assert [s.language for s in new.streams.audio] == ["eng", "deu"]
            chapters = [
                (c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
                for c in new.chapters()
            ]
            assert chapters == [("One", 0, Fraction(1, 5)), ("Two", Fraction(1, 5), Fraction(1, 2))]
            if suffix == ".mkv":
                assert new.streams.video[0].metadata["title"] == "picture"
                assert [s.disposition for s in new.streams] == [s.disposition for s in old.streams]


def with_subtitles(clips, path, codec, *, attachment=False):
    """A clip with two lines of text (muxed as packets: no encoder is needed)."""
    texts = {"subrip": b"Hello", "ass": b"0,0,Default,,0,0,0,,Hello", "mov_text": b"\x00\x05Hello"}
    plain = clips.write(path.with_name(f"plain{path.suffix}"), clips.clip(times=tuple(range(13))))
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        video = new.add_stream_from_template(old.streams.video[0])
        subtitle = new.add_mux_stream(codec, time_base=Fraction(1, 1000))
        subtitle.metadata["language"] = "fra"
        if attachment:
            new.add_attachment("font.ttf", "font/ttf", b"\x00\x01\x00\x00some font")
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                new.mux(packet)
        for start in (80, 300):
            packet = av.Packet(texts[codec])
            packet.stream, packet.time_base = subtitle, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = 120
            new.mux(packet)
    return path


def test_subtitles_and_attachments_are_copied(clips, tmp_path):
    source = with_subtitles(clips, tmp_path / "a.mkv", "subrip", attachment=True)
    clips.convert(source, tmp_path / "b.mkv")
    assert clips.packets(tmp_path / "b.mkv", 1) == clips.packets(source, 1)
    assert len(clips.packets(source, 1)) == 2
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.streams.subtitles[0].language == "fra"
        assert container.streams.attachments[0].data == b"\x00\x01\x00\x00some font"
        assert container.streams.attachments[0].name == "font.ttf"


def test_subtitles_of_mp4(clips, tmp_path):
    source = with_subtitles(clips, tmp_path / "a.mp4", "mov_text")
    clips.convert(source, tmp_path / "b.mp4")
    assert clips.packets(tmp_path / "b.mp4", 1) == clips.packets(source, 1)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_rotation_is_carried_over(clips, tmp_path, suffix):
    source = clips.write(
        tmp_path / "a.mp4", clips.clip(setup=lambda container, video: video.set_display_rotation(90))
    )
    with av.open(str(source)) as container:
        assert next(container.decode(video=0)).rotation == 90
    with open_source(source) as reader:
        frames, info = list(reader), reader.info
    sink = open_sink(tmp_path / f"b{suffix}", info=replace(info, width=128, height=96), copy_from=source)
    for frame in frames:
        sink.write(replace(frame, pixels=np.zeros((96, 128, 3), np.uint8)))
    sink.finish()
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert next(container.decode(video=0)).rotation == 90


def test_a_transport_stream_becomes_mp4(clips, tmp_path):
    """ADTS framed AAC is reframed by the muxer; times keep their late start."""
    source = clips.write(tmp_path / "a.ts", clips.clip(times=tuple(range(13)), audio=("aac",)))
    before = clips.convert(source, tmp_path / "b.mp4")
    after = clips.read(tmp_path / "b.mp4")
    assert [f.seconds for f in after] == [f.seconds for f in before]
    old, new = clips.packets(source, 1), clips.packets(tmp_path / "b.mp4", 1)
    assert len(old) == len(new)
    assert all(a[1].endswith(b[1]) for a, b in zip(old, new, strict=True))


def test_a_reset_clock_does_not_stop_the_copy(clips, tmp_path):
    first = clips.write(tmp_path / "a.ts", clips.clip(times=tuple(range(50, 63)), audio=("aac",)))
    second = clips.write(tmp_path / "b.ts", clips.clip(audio=("aac",)))
    joined = tmp_path / "c.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    before = clips.convert(joined, tmp_path / "d.mkv")
    assert len(clips.read(tmp_path / "d.mkv")) == len(before) == 20
    assert len(clips.packets(tmp_path / "d.mkv", 1)) == len(clips.packets(joined, 1))


def jpeg():
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 64, 48, "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 99, np.uint8), "rgb24").reformat(
        format="yuvj420p"
    )
    return b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cover_picture_is_no_video_and_is_copied(clips, tmp_path, suffix):
    """It comes first here; what is upscaled is the film."""
    plain = clips.write(tmp_path / "plain.mkv", clips.clip())
    source = tmp_path / f"a{suffix}"
    picture = jpeg()
    with av.open(str(plain)) as old, av.open(str(source), "w") as new:
        if suffix == ".mkv":
            new.add_attachment("cover.jpg", "image/jpeg", picture)
        else:
            cover = new.add_mux_stream("mjpeg", width=64, height=48, time_base=Fraction(1, 25))
            cover.disposition = av.stream.Disposition.attached_pic
        video = new.add_stream_from_template(old.streams.video[0])
        if suffix == ".mp4":
            packet = av.Packet(picture)
            packet.stream, packet.time_base, packet.pts, packet.dts = cover, Fraction(1, 25), 0, 0
            new.mux(packet)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                new.mux(packet)
    with open_source(source) as reader:
        assert (reader.info.codec, reader.info.width) == ("h264", 32)
    assert len(clips.convert(source, tmp_path / f"b{suffix}")) == 7
    for path in (source, tmp_path / f"b{suffix}"):
        with av.open(str(path)) as container:
            flag = av.stream.Disposition.attached_pic
            found = [s.index for s in container.streams.video if s.disposition & flag]
            assert len(container.streams) == 2
        assert [clips.packets(path, index)[0][1] for index in found] == [picture]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_packets_that_share_a_time(clips, tmp_path, suffix):
    """As those of TrueHD do, of 0.8 ms each on Matroska's clock of 1 ms; MP4 wants each after the last one."""
    plain = clips.write(tmp_path / "plain.mp4", clips.clip(times=tuple(range(25)), audio=("ac3",)))
    source = tmp_path / "a.mkv"
    with av.open(str(plain)) as old, av.open(str(source), "w") as new:
        streams = [new.add_stream_from_template(stream) for stream in old.streams]
        packets = [packet for packet in old.demux() if packet.size]
        sound = [packet for packet in packets if packet.stream_index == 1]
        for first, second in zip(sound[::2], sound[1::2], strict=False):
            second.pts = second.dts = first.pts
        for packet in packets:
            packet.stream = streams[packet.stream_index]
            new.mux(packet)
    clips.convert(source, tmp_path / f"b{suffix}")
    before, after = clips.packets(source, 1), clips.packets(tmp_path / f"b{suffix}", 1)
    assert [data for _, data in before] == [data for _, data in after]
    assert len({time for time, _ in before}) < len(before)
    assert max(abs(a - b) for (a, _), (b, _) in zip(before, after, strict=True)) <= Fraction(1, 24000)
