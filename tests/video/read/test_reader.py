import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.errors import MediaError
from tcnet.video import open_source
from tcnet.video.color.convert import FromRgb
from tcnet.video.frame import ColorSpec

NTSC = Fraction(1001, 30000)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_frames_come_in_order_with_their_times(clips, tmp_path, suffix):
    path = clips.write(tmp_path / f"a{suffix}", clips.clip())
    with open_source(path) as source:
        frames = list(source)
        info = source.info
    assert [f.seconds for f in frames] == [Fraction(i, 25) for i in range(7)]
    assert [f.duration * f.time_base for f in frames] == [Fraction(1, 25)] * 7
    assert all(f.pixels.shape == (24, 32, 3) and f.pixels.dtype == np.uint8 for f in frames)
    for index, frame in enumerate(frames):
        assert np.abs(frame.pixels.astype(int) - clips.picture(index, (32, 24))).mean() < 12
    assert (info.width, info.height, info.codec, info.bit_depth) == (32, 24, "h264", 8)
    assert (info.frame_rate, info.frame_count, info.duration) == (25, 7, Fraction(7, 25))
    assert source.notices == ()


def test_ntsc_rate_is_a_fraction(clips, tmp_path):
    clip = clips.clip(time_base=NTSC, rate=1 / NTSC)
    path = clips.write(tmp_path / "a.mp4", clip)
    with open_source(path) as source:
        assert [f.seconds for f in source] == [i * NTSC for i in range(7)]
        assert source.info.frame_rate == Fraction(30000, 1001)


def test_variable_rate_non_zero_start_and_last_duration(clips, tmp_path):
    times = (126000, 129000, 135000, 135500, 141000, 147000, 156000)
    path = clips.write(
        tmp_path / "a.mp4",
        clips.clip(times=times, last=5000, time_base=Fraction(1, 90000), options=(("bf", "0"),)),
    )
    frames = clips.read(path)
    assert [f.seconds for f in frames] == [Fraction(t, 90000) for t in times]
    lengths = [b - a for a, b in zip(times, [*times[1:], 161000], strict=True)]
    assert [f.duration * f.time_base for f in frames] == [Fraction(n, 90000) for n in lengths]


def test_iterating_again_starts_over(clips, tmp_path):
    path = clips.write(tmp_path / "a.mkv", clips.clip())
    with open_source(path) as source:
        first = [f.pts for f in source]
        assert [f.pts for f in source] == first


def test_decoding_is_lazy(clips, tmp_path):
    """A damaged end does not keep the first frames from coming."""
    path = clips.write(tmp_path / "a.mkv", clips.clip())
    with open_source(path) as source:
        frames = iter(source)
        assert next(frames).pts == 0
        frames.close()


def test_ten_bits_come_as_sixteen(clips, tmp_path):
    path = clips.write(tmp_path / "a.mkv", clips.clip(pixel_format="yuv420p10le"))
    with open_source(path) as source:
        frame = next(iter(source))
    assert source.info.bit_depth == 10
    assert frame.pixels.dtype == np.uint16
    wanted = clips.picture(0, (32, 24)).astype(int) * 257
    assert np.abs(frame.pixels.astype(int) - wanted).mean() < 12 * 257


def flat_clip(path, color, pixel_format, rgb, *, tag=True, size=(32, 24)):
    """FFV1, so that codes arrive as they were written."""
    encode = FromRgb(pixel_format, color, *size)
    depth = 16 if "10" in pixel_format else 8
    pixels = np.full(
        (size[1], size[0], 3),
        np.array(rgb) * (257 if depth == 16 else 1),
        np.uint16 if depth == 16 else np.uint8,
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        if tag:
            stream.codec_context.colorspace = color.matrix
            stream.codec_context.color_range = 2 if color.full_range else 1
        for index in range(2):
            frame = encode(pixels)
            if not tag:
                frame.colorspace, frame.color_range = 2, 0
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
def test_colour_tags_of_the_file_are_obeyed(tmp_path, matrix, full, pixel_format):
    color = ColorSpec(matrix, full_range=full)
    path = flat_clip(tmp_path / "a.mkv", color, pixel_format, (191, 0, 191))
    with open_source(path) as source:
        frame = next(iter(source))
    assert (source.info.color.matrix, source.info.color.full_range) == (matrix, full)
    gain = 257 if frame.pixels.dtype == np.uint16 else 1
    assert np.abs(frame.pixels / gain - [191, 0, 191]).max() <= 1


@pytest.mark.parametrize(("height", "matrix"), [(24, 6), (720, 1)])
def test_untagged_video_is_read_by_height(tmp_path, height, matrix):
    color = ColorSpec(matrix, full_range=False)
    path = flat_clip(tmp_path / "a.mkv", color, "yuv420p", (0, 191, 0), tag=False, size=(32, height))
    with open_source(path) as source:
        frame = next(iter(source))
    assert source.info.color.matrix == matrix
    assert np.abs(frame.pixels.astype(int) - [0, 191, 0]).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (15, 15)])
def test_tiny_and_odd_sizes_are_read(clips, tmp_path, size):
    path = clips.write(tmp_path / "a.mkv", clips.clip(codec="ffv1", size=size))
    frames = clips.read(path)
    assert len(frames) == 7
    assert frames[0].pixels.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("pixel_format", ["gray", "bgra", "yuva420p", "yuv422p", "gbrp10le", "ya8"])
def test_other_pixel_formats_decode(clips, tmp_path, pixel_format):
    path = clips.write(tmp_path / "a.mkv", clips.clip(codec="ffv1", pixel_format=pixel_format))
    with open_source(path) as source:
        frames = list(source)
    assert len(frames) == 7
    assert not source.info.alpha  # all of it is opaque
    assert all(frame.alpha is None for frame in frames)
    assert source.notices == ()


def test_sample_aspect_ratio(clips, tmp_path):
    path = clips.write(tmp_path / "a.mkv", clips.clip(sample_aspect_ratio=Fraction(16, 15)))
    with open_source(path) as source:
        assert source.info.sample_aspect_ratio == Fraction(16, 15)


def test_a_reset_clock_is_told_and_time_goes_on(clips, tmp_path):
    first = clips.write(tmp_path / "a.ts", clips.clip(times=tuple(range(50, 63))))
    second = clips.write(tmp_path / "b.ts", clips.clip(times=tuple(range(7))))
    joined = tmp_path / "c.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    with open_source(joined) as source:
        frames = list(source)
    times = [f.pts for f in frames]
    assert len(frames) == 20
    assert all(b > a for a, b in itertools.pairwise(times))
    assert frames[-1].seconds - frames[0].seconds < 2
    assert any("reset" in line for line in source.notices)


def test_damaged_packets_are_skipped_and_counted(clips, tmp_path):
    path = clips.write(tmp_path / "a.mkv", clips.clip(codec="ffv1", times=tuple(range(20))))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    at, size = places[9]
    data[at + 20 : at + size] = b"\xff" * (size - 20)
    path.write_bytes(bytes(data))
    with open_source(path) as source:
        frames = list(source)
    assert 18 <= len(frames) <= 20
    assert any("damaged" in line or "errors" in line for line in source.notices)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_clip_cut_short_gives_what_is_there_and_a_notice(clips, tmp_path, suffix):
    options = (("movflags", "faststart"),) if suffix == ".mp4" else ()
    clip = clips.clip(times=tuple(range(40)), container_options=options, options=(("crf", "5"),))
    path = clips.write(tmp_path / f"a{suffix}", clip)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with open_source(path) as source:
        frames = list(source)
    assert 5 < len(frames) < 38
    assert any("cut short" in line for line in source.notices)


@pytest.mark.parametrize(
    ("flags", "pictures"),
    [("", 7), ("empty_moov+default_base_moof+frag_keyframe", 21)],
    ids=["plain", "fragments"],
)
def test_files_joined_byte_by_byte(clips, tmp_path, flags, pictures):
    """Of plain files FFmpeg reads the first alone; of fragments it would leave out those that go back in time."""
    settings = (("movflags", flags),) if flags else ()
    clip = clips.clip(audio=("aac",), options=(("g", "3"),), container_options=settings)
    part = clips.write(tmp_path / "a.mp4", clip)
    with open_source(part) as source:
        assert not source.notices
    joined = tmp_path / "b.mp4"
    joined.write_bytes(part.read_bytes() * 3)
    frames = clips.convert(joined, tmp_path / "c.mkv")
    assert len(frames) == pictures
    assert all(b.pts > a.pts for a, b in itertools.pairwise(frames))
    sound, joined_sound = (len(clips.packets(path, 1)) for path in (part, tmp_path / "c.mkv"))
    assert joined_sound == sound * pictures / 7
    with open_source(joined) as source:
        assert source.notices[0].startswith("this is 3 MP4 or MOV files joined byte by byte")
        assert "ffmpeg -f concat" in source.notices[0]


def test_a_file_without_a_frame_is_an_error(clips, tmp_path):
    path = clips.write(tmp_path / "a.mkv", clips.clip(codec="ffv1"))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                data[packet.pos + 20 : packet.pos + packet.size] = b"\xff" * (packet.size - 20)
    path.write_bytes(bytes(data))
    with open_source(path) as source, pytest.raises(MediaError, match="no frame could be decoded"):
        list(source)


def test_what_is_no_video_is_one_line(clips, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 50)
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    sound = tmp_path / "sound.mkv"
    with av.open(str(sound), "w") as container:
        clips.tone(container, container.add_stream("flac", rate=48000, layout="stereo"), Fraction(1, 5), 0)
    whole = clips.write(tmp_path / "whole.mp4", clips.clip())
    headless = tmp_path / "headless.mp4"
    headless.write_bytes(whole.read_bytes()[:600])
    for path, words in (
        (text, "cannot be read as video"),
        (empty, "empty"),
        (tmp_path / "nothing.mp4", "no such file"),
        (sound, "no video stream"),
        (headless, "cannot be read as video"),
    ):
        with pytest.raises(MediaError, match=words) as caught:
            open_source(path)
        assert "\n" not in str(caught.value)
        assert path.name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.ts\n#EXT-X-ENDLIST\n"),
        (
            "list.mp4",
            "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        ),
        ("list.ffconcat", "ffconcat version 1.0\nfile a.ts\n"),
    ],
)
def test_playlists_are_not_followed(clips, tmp_path, name, text):
    clips.write(tmp_path / "a.ts", clips.clip())
    (tmp_path / name).write_text(text)
    with pytest.raises(MediaError):
        open_source(tmp_path / name)


def test_an_absurd_size_is_refused(clips, tmp_path):
    """The size in the header of an uncompressed AVI, made 20000 pixels wide."""
    path = clips.write(tmp_path / "a.avi", clips.clip(codec="rawvideo"))
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 12
    data[at : at + 4] = (20000).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(MediaError, match="20000x24"):
        open_source(path)


def test_names_with_spaces_and_other_scripts(clips, tmp_path):
    folder = tmp_path / "mein Ordner %d 映像"
    folder.mkdir()
    path = clips.write(folder / "ein film: é 100%.mkv", clips.clip())
    assert len(clips.read(path)) == 7


def test_frames_without_times_follow_from_the_rate(clips, tmp_path):
    """A raw H.264 stream has no timestamps at all."""
    path = clips.write(tmp_path / "a.h264", clips.clip(options=(("bf", "0"),)))
    frames = clips.read(path)
    times = [f.seconds for f in frames]
    assert len(frames) == 7
    assert {b - a for a, b in itertools.pairwise(times)} == {Fraction(1, 25)}
