"""What the container of the output cannot hold is converted or left out, and said before the first frame."""

import wave
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.video import open_sink, open_source

TEXTS = {
    "subrip": [b"Hello <i>you</i>", b"Tsch\xc3\xbc\xc3\x9f"],
    "ass": [b"0,0,Default,,0,0,0,,Hello {\\i1}you{\\i0}", b"1,0,Default,,0,0,0,,Tsch\xc3\xbc\xc3\x9f"],
    "webvtt": [b"Hello <i>you</i>", b"Tsch\xc3\xbc\xc3\x9f"],
    "mov_text": [b"\x00\x09Hello you", b"\x00\x08Tsch\xc3\xbc\xc3\x9f"],
    "dvd_subtitle": [bytes(40), bytes(40)],
}


def prepare(source, target):
    """The notices of a sink, all of them before the first frame; and all frames, written by it."""
    with open_source(source) as reader:
        frames, info = list(reader), reader.info
    sink = open_sink(target, info=info, copy_from=source)
    notices = sink.notices
    for frame in frames:
        sink.write(frame)
    sink.finish()
    assert sink.notices == notices
    return notices


def samples(path):
    """(codec, start in seconds, samples (channels, n) in [-1, 1]) of the first sound track."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("dblp", "stereo")
        frames = [same for frame in container.decode(stream) for same in resampler.resample(frame)]
        start = frames[0].pts * frames[0].time_base
        return stream.codec_context.name, start, np.concatenate([frame.to_ndarray() for frame in frames], 1)


@pytest.mark.parametrize(
    ("codec", "source_suffix", "suffix", "now"),
    [
        ("pcm_s16le", ".mkv", ".mp4", "alac"), ("pcm_s24le", ".mkv", ".mp4", "alac"),
        ("pcm_u8", ".mov", ".mp4", "alac"), ("flac", ".mkv", ".mov", "alac"),
    ],
)  # fmt: skip
def test_sound_stays_the_same_to_the_bit(clips, tmp_path, codec, source_suffix, suffix, now):
    clip = clips.clip(times=tuple(range(13)), audio=(codec,), size=(64, 64))
    source = clips.write(tmp_path / f"a{source_suffix}", clip)
    notices = prepare(source, tmp_path / f"b{suffix}")
    assert notices == (f"stream 1 (audio, {codec}) becomes {now}: {suffix[1:]} cannot hold it as it is",)
    before, after = samples(source), samples(tmp_path / f"b{suffix}")
    assert (before[0], after[0]) == (codec, now)
    assert after[1] == before[1]
    np.testing.assert_array_equal(after[2], before[2])


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le", "mp2"])
def test_sound_for_webm_becomes_opus(clips, tmp_path, codec):
    clip = clips.clip(times=tuple(range(26)), audio=(codec,), size=(64, 64))
    source = clips.write(tmp_path / "a.mkv", clip)
    assert "becomes opus" in prepare(source, tmp_path / "b.webm")[0]
    before, after = samples(source), samples(tmp_path / "b.webm")
    assert after[0] == "opus"
    assert abs(after[1] - before[1]) < Fraction(1, 500)
    length = min(before[2].shape[1], after[2].shape[1])
    assert abs(before[2].shape[1] - after[2].shape[1]) < 48 * 25
    assert np.abs(before[2][:, :length] - after[2][:, :length]).max() < 0.05


def test_sound_of_another_rate_and_of_many_channels(tmp_path, clips):
    source = tmp_path / "a.mkv"
    plain = clips.write(tmp_path / "plain.mkv", clips.clip(times=tuple(range(13)), size=(64, 64)))
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((6, 2, 44100, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(0).integers(-9000, 9000, 6 * 22050, np.int16).tobytes())
    with (
        av.open(str(plain)) as old,
        av.open(str(tmp_path / "a.wav")) as wav,
        av.open(str(source), "w") as new,
    ):
        pairs = [
            (old, new.add_stream_from_template(old.streams.video[0])),
            (wav, new.add_stream_from_template(wav.streams.audio[0], opaque=True)),
        ]
        for container, stream in pairs:
            for packet in container.demux(container.streams[0]):
                if packet.size:
                    packet.stream = stream
                    new.mux(packet)
    assert "becomes alac" in prepare(source, tmp_path / "b.mp4")[0]
    with av.open(str(source)) as old, av.open(str(tmp_path / "b.mp4")) as new:
        before, after = (
            np.concatenate([f.to_ndarray().reshape(-1, 6) if f.format.is_packed else f.to_ndarray().T
                            for f in c.decode(audio=0)])
            for c in (old, new)
        )  # fmt: skip
    np.testing.assert_array_equal(after[: len(before)], before)


def with_text(clips, path, codec, *, attachment=False):
    plain = clips.write(
        path.with_name(f"plain{path.suffix}"), clips.clip(times=tuple(range(13)), size=(64, 64))
    )
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        video = new.add_stream_from_template(old.streams.video[0])
        subtitle = new.add_mux_stream(codec, time_base=Fraction(1, 1000))
        subtitle.metadata["language"] = "fra"
        subtitle.disposition = av.stream.Disposition.forced
        if attachment:
            new.add_attachment("font.ttf", "font/ttf", b"\x00\x01\x00\x00some font")
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                new.mux(packet)
        for start, text in zip((80, 300), TEXTS[codec], strict=True):
            packet = av.Packet(text)
            packet.stream, packet.time_base = subtitle, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = 120
            new.mux(packet)
    return path


@pytest.mark.parametrize(
    ("codec", "source_suffix", "suffix", "now"),
    [
        ("subrip", ".mkv", ".mp4", "mov_text"), ("ass", ".mkv", ".mp4", "mov_text"),
        ("webvtt", ".mkv", ".mov", "mov_text"), ("mov_text", ".mp4", ".mkv", "srt"),
        ("subrip", ".mkv", ".webm", "webvtt"),
    ],
)  # fmt: skip
def test_text_is_converted_with_its_times_and_language(clips, tmp_path, codec, source_suffix, suffix, now):
    source = with_text(clips, tmp_path / f"a{source_suffix}", codec)
    notices = prepare(source, tmp_path / f"b{suffix}")
    assert len(notices) == 1
    assert f"becomes {now}" in notices[0]
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        stream = container.streams.subtitles[0]
        assert stream.language == "fra"
        assert stream.disposition & av.stream.Disposition.forced or suffix == ".mov"  # which has no such mark
        found = [
            (p.pts * p.time_base, p.duration * p.time_base, bytes(p))
            for p in container.demux(stream)
            if p.size and bytes(p) != b"\0\0"
        ]
    assert [(start, length) for start, length, _ in found] == [
        (Fraction(8, 100), Fraction(12, 100)), (Fraction(3, 10), Fraction(12, 100))
    ]  # fmt: skip
    plain = found[0][2].replace(b"<i>", b"").replace(b"</i>", b"")
    assert b"Hello you" in plain
    assert b"{" not in plain
    assert "Tschüß".encode() in found[1][2]


def test_slanted_text_stays_slanted(clips, tmp_path):
    source = with_text(clips, tmp_path / "a.mkv", "subrip")
    prepare(source, tmp_path / "b.mp4")
    prepare(tmp_path / "b.mp4", tmp_path / "c.mkv")
    assert clips.packets(tmp_path / "c.mkv", 1)[0][1] == b"Hello <i>you</i>"


def test_pictures_as_subtitles_are_left_out_with_a_notice(clips, tmp_path):
    source = with_text(clips, tmp_path / "a.mkv", "dvd_subtitle")
    notices = prepare(source, tmp_path / "b.mov")
    assert len(notices) == 1
    assert "left out: mov cannot hold it; write .mkv" in notices[0]
    with av.open(str(tmp_path / "b.mov")) as container:
        assert len(container.streams) == 1


def test_an_attachment_is_left_out_with_a_notice(clips, tmp_path):
    source = with_text(clips, tmp_path / "a.mkv", "subrip", attachment=True)
    notices = prepare(source, tmp_path / "b.mp4")
    assert "the attachment font.ttf is left out: mp4 holds none; write .mkv" in notices


def broadcast(clips, path, rate, layout):
    """A second of pictures, and of a tone of 440 Hz in all channels as AAC, in a transport stream."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"mbtree": "0"})
        video.width, video.height, video.pix_fmt = 32, 24, "yuv420p"
        sound = container.add_stream("aac", rate=rate, layout=layout)
        channels = sound.codec_context.layout.nb_channels
        for index in range(25):
            picture = av.VideoFrame.from_ndarray(clips.picture(index, (32, 24)), "rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(video.encode(picture))
            times = (np.arange(rate // 25) + index * (rate // 25)) / rate
            tone = (np.sin(2 * np.pi * 440 * times) * 9000).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(np.repeat(tone, channels)[None], "s16", layout)
            heard.sample_rate, heard.pts, heard.time_base = rate, index * (rate // 25), Fraction(1, rate)
            container.mux(sound.encode(heard))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize(("suffix", "now"), [(".mkv", "flac"), (".mp4", "alac")])
@pytest.mark.parametrize("other", [(44100, "stereo"), (48000, "5.1")], ids=["rate", "speakers"])
def test_aac_that_changes_on_the_way_is_converted(clips, tmp_path, other, suffix, now):
    """As between two broadcasts: copied, it would keep the header of the first."""
    parts = [broadcast(clips, tmp_path / "part.ts", *form) for form in ((48000, "stereo"), other)]
    source = tmp_path / "a.ts"
    source.write_bytes(b"".join(parts))
    with open_source(source) as reader:
        sink = open_sink(tmp_path / f"b{suffix}", info=reader.info, copy_from=source)
        for frame in reader:
            sink.write(frame)
        sink.finish()
    assert "as its rate or speakers change on the way" in sink.notices[0]
    codec, _, heard = samples(tmp_path / f"b{suffix}")
    assert codec == now
    assert heard.shape[1] == pytest.approx(2 * 48000, rel=0.05)
    later = heard[0, 60000:84000]
    spectrum = np.abs(np.fft.rfft(later * np.hanning(len(later))))
    assert spectrum.argmax() * 48000 / len(later) == pytest.approx(440, abs=4)
    source.write_bytes(parts[0] * 2)
    with open_source(source) as reader:
        sink = open_sink(tmp_path / f"c{suffix}", info=reader.info, copy_from=source)
        sink.abort()
    assert not sink.notices
