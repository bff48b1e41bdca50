import zlib
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.errors import MediaError, UsageError
from tcnet.video import ColorSpec, EncodeOptions, Frame, VideoInfo, open_sink, open_source
from tcnet.video.write.encode.codecs import plan_encoding

CASES = {
    "25": {},
    "29.97": {"time_base": Fraction(1001, 30000), "rate": Fraction(30000, 1001)},
    "23.976": {"time_base": Fraction(1, 24000), "rate": Fraction(24000, 1001), "times": tuple(range(0, 9009, 1001)), "last": 1001},
    "variable": {
        "time_base": Fraction(1, 90000),
        "times": (0, 3000, 9000, 9500, 15000, 21000, 30000),
        "last": 5000,
        "options": (("bf", "0"),),
    },
    "late start": {"time_base": Fraction(1, 90000), "times": tuple(range(126000, 158400, 3600)), "last": 3600},
    "milliseconds": {"time_base": Fraction(1, 1000), "times": (0, 33, 67, 100, 133, 167, 200), "last": 33},
}  # fmt: skip


def info_of(width=32, height=24, **changes):
    fields = {
        "width": width,
        "height": height,
        "time_base": Fraction(1, 25),
        "frame_rate": Fraction(25),
        "frame_count": None,
        "duration": None,
        "bit_depth": 8,
        "pixel_format": "yuv420p",
        "color": ColorSpec(6, full_range=False),
        "sample_aspect_ratio": Fraction(1),
        "codec": "h264",
    }
    return VideoInfo(**{**fields, **changes})


def write(path, info, pixels, *, count=3, overwrite=False, **options):
    sink = open_sink(path, info=info, options=EncodeOptions(**options), overwrite=overwrite)
    for index in range(count):
        sink.write(Frame(pixels, index, 1, info.time_base))
    sink.finish()
    return sink


def stream_lengths(path):
    with av.open(str(path)) as container:
        return container.duration, [
            None if s.duration is None else s.duration * s.time_base for s in container.streams
        ]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("source_suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("way", ["convert", "convert_in_segments"])
def test_times_and_durations_survive(clips, tmp_path, case, source_suffix, suffix, way):
    source = clips.write(tmp_path / f"in{source_suffix}", clips.clip(**CASES[case]))
    target = tmp_path / f"out{suffix}"
    before = getattr(clips, way)(source, target)
    after = clips.read(target)
    assert len(after) == len(before)
    tick = Fraction(1, 1000)  # Matroska's
    exact = suffix != ".mkv" or source_suffix == ".mkv"
    for old, new in zip(before, after, strict=True):
        if exact:
            assert new.seconds == old.seconds
            assert new.duration * new.time_base == old.duration * old.time_base
        else:
            assert abs(new.seconds - old.seconds) <= tick / 2
            assert abs(new.duration * new.time_base - old.duration * old.time_base) <= tick
    if source_suffix == suffix:  # the formats count differently: from the start, or from time zero
        old_length, old_streams = stream_lengths(source)
        new_length, new_streams = stream_lengths(target)
        assert abs(new_length - old_length) <= 1  # microseconds
        if suffix != ".mkv":
            assert new_streams == old_streams


def test_the_rate_is_stated(clips, tmp_path):
    source = clips.write(tmp_path / "a.mp4", clips.clip(**CASES["29.97"]))
    for suffix in (".mp4", ".mkv"):
        clips.convert(source, tmp_path / f"b{suffix}")
        with open_source(tmp_path / f"b{suffix}") as reader:
            assert reader.info.frame_rate == Fraction(30000, 1001)


def test_the_default_encoder_uses_b_frames(clips, tmp_path):
    """So that the tests above say something about them."""
    source = clips.write(tmp_path / "a.mkv", clips.clip(times=tuple(range(13))))
    clips.convert(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        kinds = [frame.pict_type for frame in container.decode(video=0)]
    assert av.video.frame.PictureType.B in kinds


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("h264", ".mkv"), ("hevc", ".mp4"), ("av1", ".mkv"), ("ffv1", ".mkv"), ("prores", ".mov")],
)
@pytest.mark.parametrize("depth", [8, 10])
def test_codecs_depths_and_tags(tmp_path, codec, suffix, depth):
    color = ColorSpec(9, full_range=False, primaries=9, transfer=16)
    info = info_of(64, 64, bit_depth=depth, color=color)
    kind = np.uint8 if depth == 8 else np.uint16
    pixels = np.full((64, 64, 3), 120 if depth == 8 else 120 * 257 + 90, kind)
    path = tmp_path / f"a{suffix}"
    write(path, info, pixels, codec=codec)
    with open_source(path) as reader:
        frames = list(reader)
    assert [f.pts * f.time_base for f in frames] == [0, Fraction(1, 25), Fraction(2, 25)]
    assert reader.info.codec == codec
    assert reader.info.bit_depth == (10 if codec == "prores" else depth)
    assert reader.info.color == color
    gain = 1 if frames[0].pixels.dtype == np.uint8 else 257
    level = 120 if depth == 8 else 120 + 90 / 257
    assert np.abs(frames[0].pixels / gain - level).max() <= 1


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("codec", ["ffv1", "h264"])
def test_flat_colours_come_back(tmp_path, matrix, full, depth, codec):
    """75 % bars, greys and skin in one picture of flat patches, through writer and reader."""
    colours = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (64, 64, 64), (128, 128, 128), (224, 172, 105), (141, 85, 36), (255, 255, 255)]  # fmt: skip
    gain, kind = (1, np.uint8) if depth == 8 else (257, np.uint16)
    pixels = np.zeros((48, 64, 3), kind)
    for index, colour in enumerate(colours):
        row, column = divmod(index, 4)
        pixels[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] = np.array(colour) * gain
    info = info_of(64, 48, bit_depth=depth, color=ColorSpec(matrix, full_range=full))
    options = {"crf": 0} if codec == "h264" else {}  # lossless at 8 bits, nearly so at 10
    write(tmp_path / "a.mkv", info, pixels, codec=codec, **options)
    with open_source(tmp_path / "a.mkv") as reader:
        back = next(iter(reader)).pixels
    assert (reader.info.color.matrix, reader.info.color.full_range) == (matrix, full)
    assert back.dtype == kind
    for index, colour in enumerate(colours):
        row, column = divmod(index, 4)
        middle = back[row * 16 + 6 : row * 16 + 10, column * 16 + 6 : column * 16 + 10] / gain
        assert np.abs(middle - colour).max() <= 1, colour


@pytest.mark.parametrize("codec", ["h264", "hevc", "ffv1"])
@pytest.mark.parametrize("size", [(68, 84), (132, 100)])
def test_two_runs_give_the_same_picture(clips, tmp_path, codec, size):
    """Resuming relies on it. x264 was not so for sizes that are no multiple of 16."""
    pictures = [clips.picture(index, size) for index in range(30)]
    runs = set()
    for run in range(4):
        path = tmp_path / f"{run}.mkv"
        sink = open_sink(path, info=info_of(*size), options=EncodeOptions(codec=codec))
        for index, pixels in enumerate(pictures):
            sink.write(Frame(pixels, index, 1, Fraction(1, 25)))
        sink.finish()
        runs.add(b"".join(data for _, data in clips.packets(path, 0)))
    assert len(runs) == 1


def test_hevc_in_mp4_has_the_tag_that_all_players_take(tmp_path):
    write(tmp_path / "a.mp4", info_of(64, 64), np.zeros((64, 64, 3), np.uint8), codec="hevc")
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_sample_aspect_ratio_is_kept(clips, tmp_path):
    source = clips.write(tmp_path / "a.mkv", clips.clip(sample_aspect_ratio=Fraction(16, 15)))
    for suffix in (".mkv", ".mp4"):
        clips.convert(source, tmp_path / f"b{suffix}")
        with open_source(tmp_path / f"b{suffix}") as reader:
            assert reader.info.sample_aspect_ratio == Fraction(16, 15)


@pytest.mark.parametrize("ratio", [Fraction(16, 15), Fraction(8, 9), Fraction(64, 45)])
@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        *((codec, ".mkv") for codec in ("h264", "hevc", "av1", "ffv1", "prores")),
        *((codec, ".mp4") for codec in ("h264", "hevc", "av1", "ffv1")),
        *((codec, ".mov") for codec in ("h264", "hevc", "prores")),
        ("av1", ".webm"),
    ],
)
def test_sample_aspect_ratio_in_every_container(tmp_path, codec, suffix, ratio):
    size = (90, 64) if suffix == ".webm" else (66, 64)  # WebM states whole pixels only
    info = info_of(*size, sample_aspect_ratio=ratio)
    path = tmp_path / f"a{suffix}"
    write(path, info, np.zeros((size[1], size[0], 3), np.uint8), codec=codec)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == ratio
        assert "title" not in stream.metadata
        assert len(list(container.decode(stream))) == 3


@pytest.mark.parametrize("ratio", [Fraction(1), Fraction(16, 15)])  # the first is FFmpeg's own work
def test_the_header_keeps_its_checksum(tmp_path, ratio):
    write(
        tmp_path / "a.mkv", info_of(sample_aspect_ratio=ratio), np.zeros((24, 32, 3), np.uint8), codec="ffv1"
    )
    data = (tmp_path / "a.mkv").read_bytes()
    # Tracks, its size in two bytes (0x4000 marks them), a checksum of four bytes, what it is of.
    at = data.rindex(b"\x16\x54\xae\x6b")  # the index at the front names it too
    size = int.from_bytes(data[at + 4 : at + 6], "big") - 0x4000
    body = data[at + 6 : at + 6 + size]
    assert body[:2] == b"\xbf\x84"
    assert zlib.crc32(body[6:]) == int.from_bytes(body[2:6], "little")


def test_the_name_of_a_track_survives_the_aspect_ratio(clips, tmp_path):
    def name(_, video):
        video.metadata["title"] = "Hauptfilm é"

    clip = clips.clip(sample_aspect_ratio=Fraction(16, 15), setup=name, audio=("aac",))
    source = clips.write(tmp_path / "a.mkv", clip)
    clips.convert(source, tmp_path / "b.mkv", codec="ffv1")
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.streams.video[0].metadata["title"] == "Hauptfilm é"
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)
    assert clips.packets(tmp_path / "b.mkv", 1) == clips.packets(source, 1)


def test_chosen_pixel_format_and_options(tmp_path):
    pixels = np.full((25, 33, 3), 90, np.uint8)
    write(
        tmp_path / "a.mkv",
        info_of(33, 25),
        pixels,
        pixel_format="yuv444p",
        crf=30,
        encoder_options={"preset": "ultrafast"},
    )
    with open_source(tmp_path / "a.mkv") as reader:
        assert (reader.info.pixel_format, reader.info.width, reader.info.height) == ("yuv444p", 33, 25)


def test_another_preset_goes_without_what_refines_the_default_one():
    usual = plan_encoding(info_of(), EncodeOptions(encoder_options={"bf": "1"}), "h264").options
    assert usual == {"crf": "16", "preset": "faster", "refs": "1", "subq": "2", "motion-est": "dia", "mbtree": "0", "bf": "1"}  # fmt: skip
    chosen = plan_encoding(info_of(), EncodeOptions(encoder_options={"preset": "slow"}), "h264").options
    assert chosen == {"crf": "16", "preset": "slow", "mbtree": "0"}


@pytest.mark.parametrize(
    ("options", "changes", "name", "words"),
    [
        ({"codec": "vp8"}, {}, "a.mkv", "h264, hevc, av1, ffv1, prores"),
        ({"pixel_format": "nv12"}, {}, "a.mkv", "choose yuv420p"),
        ({"encoder_options": {"perset": "slow"}}, {}, "a.mkv", "perset.*preset"),
        ({"encoder_options": {"preset": "warp"}}, {}, "a.mkv", "preset=warp"),
        ({"crf": 99}, {}, "a.mkv", "0 to 51"),
        ({"crf": 9, "codec": "ffv1"}, {}, "a.mkv", "no crf"),
        ({}, {"width": 33}, "a.mkv", "34x24"),
        ({}, {"height": 25}, "a.mkv", "32x26"),
        ({}, {}, "a.avi", ".mkv, .mp4"),
        ({"codec": "prores"}, {}, "a.mp4", "cannot hold prores"),
        ({"codec": "hevc"}, {}, "a.mkv", "under 64x64"),
        ({"codec": "av1"}, {"width": 64, "height": 64}, "a.mov", "cannot hold av1"),
    ],
)
def test_wrong_wishes_are_refused_and_leave_nothing(tmp_path, options, changes, name, words):
    with pytest.raises(UsageError, match=words) as caught:
        open_sink(tmp_path / name, info=info_of(**changes), options=EncodeOptions(**options))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_deep_pictures_are_reduced_with_a_notice_only(tmp_path):
    pixels = np.full((24, 32, 3), 30000, np.uint16)
    sink = write(tmp_path / "a.mkv", info_of(bit_depth=16), pixels)
    assert sink.notices == ("16-bit pictures are written with 10 bits, all that h264 takes",)


def test_nothing_stands_under_the_name_before_the_end(tmp_path):
    path = tmp_path / "ein film é.mkv"
    sink = open_sink(path, info=info_of())
    assert [p.name for p in tmp_path.iterdir()] == [".ein film é.part.mkv"]
    sink.write(Frame(np.zeros((24, 32, 3), np.uint8), 0, 1, Fraction(1, 25)))
    assert not path.exists()
    sink.finish()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    sink.abort()
    assert path.exists()


def test_abort_leaves_nothing(tmp_path):
    sink = open_sink(tmp_path / "a.mp4", info=info_of())
    sink.write(Frame(np.zeros((24, 32, 3), np.uint8), 0, 1, Fraction(1, 25)))
    with pytest.raises(ValueError, match=r"\(24, 32, 3\)"):
        sink.write(Frame(np.zeros((24, 30, 3), np.uint8), 1, 1, Fraction(1, 25)))
    with pytest.raises(ValueError, match="must increase"):
        sink.write(Frame(np.zeros((24, 32, 3), np.uint8), 0, 1, Fraction(1, 25)))
    sink.abort()
    sink.abort()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="aborted"):
        sink.write(Frame(np.zeros((24, 32, 3), np.uint8), 2, 1, Fraction(1, 25)))


def test_without_a_frame_there_is_no_file(tmp_path):
    sink = open_sink(tmp_path / "a.mkv", info=info_of())
    with pytest.raises(MediaError, match="no frame"):
        sink.finish()
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_safe(clips, tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes(b"precious")
    with pytest.raises(MediaError, match="exists already"):
        open_sink(path, info=info_of())
    sink = open_sink(path, info=info_of(), overwrite=True)
    assert path.read_bytes() == b"precious"
    sink.abort()
    assert path.read_bytes() == b"precious"
    write(path, info_of(), np.zeros((24, 32, 3), np.uint8), overwrite=True)
    assert len(clips.read(path)) == 3


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    sink = open_sink(tmp_path / "a.mkv", info=info_of())
    sink.write(Frame(np.zeros((24, 32, 3), np.uint8), 0, 1, Fraction(1, 25)))
    (tmp_path / "a.mkv").write_bytes(b"precious")
    with pytest.raises(MediaError, match="exists already"):
        sink.finish()
    sink.abort()
    assert (tmp_path / "a.mkv").read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mkv"]


def test_the_input_is_never_the_output(clips, tmp_path):
    source = clips.write(tmp_path / "a.mkv", clips.clip())
    before = source.read_bytes()
    (tmp_path / "link.mkv").symlink_to(source)
    for target in (source, tmp_path / "link.mkv"):
        with pytest.raises(MediaError, match="same file"):
            open_sink(target, info=info_of(), copy_from=source, overwrite=True)
    assert source.read_bytes() == before


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(MediaError, match="no such folder"):
        open_sink(tmp_path / "missing" / "a.mkv", info=info_of())
    (tmp_path / "file").write_text("x")
    with pytest.raises(MediaError, match="is a file"):
        open_sink(tmp_path / "file" / "a.mkv", info=info_of())
