"""Each channel of a sound track is found again in the speaker of the same name, or the track is left out."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.video.pyav import layout_of
from tcnet.video.source_file import SourceFile
from tcnet.video.write.copied.passthrough import Passthrough
from tcnet.video.write.sound.speakers import exact_placement, near_placements, speaker_names

RATE = 48000
LAYOUTS = [
    *("mono", "stereo", "downmix", "2.1", "3.0", "3.0(back)", "4.0", "quad", "quad(side)", "3.1", "5.0"),
    *("5.0(side)", "4.1", "5.1", "5.1(side)", "6.0", "6.0(front)", "3.1.2", "hexagonal", "6.1", "6.1(back)"),
    *("6.1(front)", "7.0", "7.0(front)", "7.1", "7.1(wide)", "7.1(wide-side)", "5.1.2", "5.1.2(back)"),
    *("octagonal", "cube"),
]  # fmt: skip
# What Opus names otherwise, and what it holds with further, silent channels.
OPUS_NAMES = {
    "downmix": "stereo", "quad(side)": "quad", "5.0(side)": "5.0", "5.1(side)": "5.1",
    "2.1": "5.1", "3.1": "5.1", "hexagonal": "6.1", "6.1(back)": "6.1",
    "3.0(back)": "6.1", "4.0": "6.1", "4.1": "6.1", "6.0": "6.1", "7.0": "7.1",
}  # fmt: skip
OPUS = {"mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"}
RENAMED = {"SL": "BL", "SR": "BR", "BL": "SL", "BR": "SR", "DL": "FL", "DR": "FR"}


def tones(count):
    """(samples, channels) in [-1, 1]: channel i has a tone of its own, 60 + 10 i Hz, and a level of its own."""
    time = np.arange(RATE // 4)[:, None] / RATE
    index = np.arange(count)[None]
    return np.sin(2 * np.pi * (60 + 10 * index) * time) * (0.9 - 0.07 * index)


def channel_of(samples):
    """The number of the channel that `tones` gave the sound of one channel; None for silence."""
    if np.abs(samples).max() < 0.01:
        return None
    spectrum = np.abs(np.fft.rfft(samples[: RATE // 4] * np.hanning(len(samples[: RATE // 4])), RATE))
    return round((int(np.argmax(spectrum[1:])) + 1 - 60) / 10)


def write_sound(path, layout, codec, sample_format="s32", *, bits=24):
    """A picture and a sound track. bits: that mean something in samples of an integer format."""
    samples = tones(av.AudioLayout(layout).nb_channels)
    if sample_format == "flt":
        values = samples.astype(np.float32)
    else:
        width = int(sample_format[1:])
        values = np.rint(samples * (2 ** (bits - 1) - 1)).astype(np.int64) << (width - bits)
    values = values.astype({"s16": np.int16, "s32": np.int32, "flt": np.float32}[sample_format])
    frames = []
    for start in range(0, len(values), 240):  # as many as Blu-ray has in a packet
        part = values[start : start + 240].reshape(1, -1)
        frames.append(av.AudioFrame.from_ndarray(part, sample_format, layout))
        frames[-1].sample_rate, frames[-1].pts, frames[-1].time_base = RATE, start, Fraction(1, RATE)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx" if path.suffix == ".webm" else "mpeg2video", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound = container.add_stream(codec, rate=RATE, layout=layout, options=family(codec, layout))
        sound.codec_context.format = "fltp" if codec in ("aac", "ac3") else sample_format
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        container.mux(video.encode(picture) + video.encode(None))
        for frame in [*frames, None]:
            container.mux(sound.encode(frame))
    return path


def family(codec, layout):
    """FFmpeg's libopus mixes up the channels of these two without it."""
    return {"mapping_family": "1"} if codec == "libopus" and layout in ("5.0", "6.1") else {}


def read_sound(path):
    """(codec, layout, samples (n, channels) in [-1, 1]) of the only sound track; None where there is none."""
    if not path.exists():  # no stream was left to write
        return None
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        layouts = [layout_of(frame) for frame in frames]  # of each, see there
        layout = layouts[0]
        if speaker_names(layout):
            layout = av.AudioLayout(exact_placement(layout).layout)
        # Packed, since PyAV reads beyond the planes of eight channels.
        resampler = av.AudioResampler("dbl", layout, frames[0].sample_rate)
        packed = [same for frame in [*frames, None] for same in resampler.resample(frame) if same]
        count = layout.nb_channels
        samples = np.concatenate([frame.to_ndarray().reshape(-1, count) for frame in packed])
        return stream.codec_context.name, layout, samples


def copy_sound(source, target):
    """The notices of `Passthrough` on what it makes of the sound."""
    with av.open(str(target), "w") as output:
        passthrough = Passthrough(SourceFile(source), output)
        try:
            if output.streams:
                output.start_encoding()
                passthrough.mux_until(None)
        finally:
            passthrough.close()
    assert passthrough.notices == tuple(dict.fromkeys(passthrough.notices))
    return passthrough.notices


def by_name(layout, samples):
    """The number of the tone that each speaker plays; silent ones are left out."""
    heard = {name: channel_of(samples[:, index]) for index, name in enumerate(speaker_names(layout))}
    return {name: tone for name, tone in heard.items() if tone is not None}


def heard_as(before, expected, after):
    """What `by_name` should give of a copy: names of the source, or the other ones of the same speakers."""
    names = speaker_names(after)
    want = by_name(before, expected)
    return {name if name in names else RENAMED[name]: tone for name, tone in want.items()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sound_stays_in_its_speakers(tmp_path, layout):
    for suffix, codec, others in (
        (".mkv", "flac", (".mp4", ".mov", ".webm")),
        (".mov", "pcm_s24le", (".mkv",)),
    ):
        source = write_sound(tmp_path / f"a{suffix}", layout, codec)
        _, before, expected = read_sound(source)
        for target in (tmp_path / f"{suffix[1:]}{other}" for other in others):
            notices = copy_sound(source, target)
            found = read_sound(target)
            if found is None:
                assert f"webm cannot hold it with its speakers ({layout})" in notices[0]
                assert target.suffix == ".webm"
                assert before.name not in OPUS | set(OPUS_NAMES)
                continue
            codec_now, after, samples = found
            assert by_name(after, samples) == heard_as(before, expected, after)
            if target.suffix == ".webm":
                assert after.name == OPUS_NAMES.get(before.name, before.name)
                assert "becomes opus (lossy" in notices[0]
                renamed = not set(speaker_names(before)) <= set(speaker_names(after))
                assert renamed == ("are written as" in notices[0])
            else:
                assert speaker_names(after) == speaker_names(before) or before.name == "downmix"
                np.testing.assert_array_equal(samples[: len(expected)], expected)
                assert not notices or f"becomes {codec_now}" in notices[0]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize(
    ("source_suffix", "codec", "sample_format", "layouts"),
    [
        (".m2ts", "pcm_bluray", "s16", ("stereo", "3.0", "4.0", "quad(side)", "5.0(side)", "5.1(side)", "7.0", "7.1")),
        (".vob", "pcm_dvd", "s16", ("stereo", "5.1(side)", "7.1")),
        (".webm", "libopus", "flt", ("quad", "5.0", "5.1", "6.1", "7.1")),
        (".mkv", "aac", "flt", ("3.0", "4.0", "5.0", "5.1")),
        (".mkv", "ac3", "flt", ("2.1", "quad(side)", "5.0(side)", "5.1(side)")),
    ],
)  # fmt: skip
def test_sound_of_other_codecs_stays_in_its_speakers(
    tmp_path, source_suffix, codec, sample_format, layouts, suffix
):
    for layout in layouts:
        source = write_sound(tmp_path / f"a{source_suffix}", layout, codec, sample_format, bits=16)
        _, before, expected = read_sound(source)
        notices = copy_sound(source, tmp_path / f"b{suffix}")
        codec_now, after, samples = read_sound(tmp_path / f"b{suffix}")
        assert by_name(after, samples) == heard_as(before, expected, after)
        renamed = not set(speaker_names(before)) <= set(speaker_names(after))
        assert renamed == any("are written as" in notice for notice in notices)
        if codec.startswith("pcm") and codec_now != "opus":
            np.testing.assert_array_equal(samples[: len(expected)], expected)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("layout", ["stereo", "3.0", "quad", "5.1", "6.1", "7.1"])
def test_channels_without_names_keep_their_order(tmp_path, layout, suffix):
    """PCM in Matroska says how many there are, no more."""
    source = write_sound(tmp_path / "a.mkv", layout, "pcm_s16le", "s16", bits=16)
    notices = copy_sound(source, tmp_path / f"b{suffix}")
    codec_now, after, samples = read_sound(tmp_path / f"b{suffix}")
    count = av.AudioLayout(layout).nb_channels
    assert after.nb_channels == count
    if codec_now == "opus":
        assert after.name == layout
    heard = [channel_of(samples[:, index]) for index in range(count)]
    names = speaker_names(av.AudioLayout(layout))
    if codec_now == "opus" and "LFE" in names and layout == "6.1":
        heard[names.index("LFE")] = names.index("LFE")
    assert heard == list(range(count))
    assert (count > 2 and "becomes" in "".join(notices)) == ("are taken for" in "".join(notices))


@pytest.mark.parametrize(
    ("codec", "sample_format", "bits", "suffix", "now"),
    [
        ("pcm_f32le", "flt", 0, ".mkv", "wavpack"),
        ("pcm_s32le", "s32", 32, ".mkv", "wavpack"),
        ("pcm_f32le", "flt", 0, ".mp4", "pcm_f32le"),
        ("pcm_s32le", "s32", 32, ".mp4", "pcm_s32le"),
    ],
)
@pytest.mark.parametrize("layout", ["stereo", "5.1", "7.1"])
def test_no_bit_is_lost_that_the_container_can_hold(
    tmp_path, codec, sample_format, bits, suffix, now, layout
):
    source = write_sound(tmp_path / "a.mov", layout, codec, sample_format, bits=bits)
    _, before, expected = read_sound(source)
    copy_sound(source, tmp_path / f"b{suffix}")
    codec_now, after, samples = read_sound(tmp_path / f"b{suffix}")
    assert codec_now in (codec, now)
    assert speaker_names(after) == speaker_names(before)
    np.testing.assert_array_equal(samples[: len(expected)], expected)


def test_channels_in_an_order_of_their_own_find_their_speakers(tmp_path):
    """As film sound is laid down in QuickTime: L C R Ls Rs LFE."""
    source = write_sound(tmp_path / "a.mov", "5.1", "pcm_s24le")
    tag = bytearray(source.read_bytes())
    place = tag.index(b"chan") + 8
    tag[place : place + 8] = bytes([0, 123, 0, 6, 0, 0, 0, 0])  # kAudioChannelLayoutTag_MPEG_5_1_C, no bitmap
    source.write_bytes(tag)
    assert copy_sound(source, tmp_path / "b.mov") == ()
    with av.open(str(tmp_path / "b.mov")) as container:
        names = speaker_names(layout_of(container.streams.audio[0].codec_context))
        assert names == ("FL", "FC", "FR", "SL", "SR", "LFE")
    for suffix in (".mkv", ".mp4", ".webm"):
        notices = copy_sound(source, tmp_path / f"b{suffix}")
        _, after, samples = read_sound(tmp_path / f"b{suffix}")
        want = {"FL": 0, "FC": 1, "FR": 2, "SL": 3, "SR": 4, "LFE": 5}
        if suffix == ".webm":
            want = {RENAMED.get(name, name): tone for name, tone in want.items()}
        assert by_name(after, samples) == want, (suffix, notices)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_placements(layout):
    names = speaker_names(av.AudioLayout(layout))
    exact = exact_placement(av.AudioLayout(layout))
    assert exact.layout == layout
    assert exact.channels == tuple(range(len(names)))
    samples = np.arange(1, len(names) + 1)[None]
    for near in near_placements(av.AudioLayout(layout)):
        placed = near.place(samples)[0]
        assert sorted(value for value in placed if value) == list(samples[0])
        found = dict(zip(speaker_names(av.AudioLayout(near.layout)), placed, strict=True))
        for name, value in zip(names, samples[0], strict=True):
            assert value in (
                found.get(name),
                found.get(RENAMED.get(name)),
                found.get({"BL": "SL", "BR": "SR"}.get(name)),
            )
