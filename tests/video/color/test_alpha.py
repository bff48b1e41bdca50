from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.video import EncodeOptions, Frame, open_sink, open_source, write_png
from tcnet.video.color.alpha import read_alpha
from tcnet.video.color.convert import FromRgb
from tcnet.video.color.h273 import bit_depth
from tcnet.video.frame import ColorSpec

SIZE = (24, 32)
SOURCES = {
    "VP9": ("a.webm", "libvpx-vp9", "yuva420p", {"lossless": "1"}),
    "VP8": ("a.webm", "libvpx", "yuva420p", {"auto-alt-ref": "0", "crf": "4", "b": "2M"}),
    "VP9 in Matroska": ("a.mkv", "libvpx-vp9", "yuva420p", {"lossless": "1"}),
    "ProRes 4444": ("a.mov", "prores_ks", "yuva444p10le", {"profile": "4"}),
    "FFV1": ("a.mkv", "ffv1", "yuva420p", {}),
    "FFV1 RGB": ("a.mkv", "ffv1", "bgra", {}),
    "FFV1 16 bits": ("a.mkv", "ffv1", "gbrap12le", {}),
    "animation": ("a.mov", "qtrle", "argb", {}),
}


def ramp(index, kind=np.uint8):
    """Alpha from 0 to opaque, other in each frame."""
    steps = (np.arange(SIZE[1])[None, :] * 8 + np.arange(SIZE[0])[:, None] + 5 * index) % 256
    return steps.astype(kind) * (257 if kind == np.uint16 else 1)


def write_source(path, encoder, pixel_format, options, *, alpha=ramp, count=4):
    deep = bit_depth(pixel_format) > 8
    kind = np.uint16 if deep else np.uint8
    wanted = pixel_format if pixel_format != "argb" else "rgba"
    encode = FromRgb(wanted, ColorSpec(6, full_range=False), SIZE[1], SIZE[0])
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], pixel_format
        if path.suffix in (".webm", ".mkv") and "vp" in encoder:
            stream.metadata["alpha_mode"] = "1"
        for index in range(count):
            picture = encode(np.full((*SIZE, 3), 120 * (257 if deep else 1), kind), alpha(index, kind))
            if wanted != pixel_format:
                picture = picture.reformat(format=pixel_format)
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def opaque(index, kind):
    return np.full(SIZE, np.iinfo(kind).max, kind)


@pytest.mark.parametrize("source", SOURCES)
def test_alpha_is_read(tmp_path, source):
    name, encoder, pixel_format, options = SOURCES[source]
    path = write_source(tmp_path / name, encoder, pixel_format, options)
    with open_source(path) as reader:
        frames = list(reader)
        assert reader.info.alpha
        assert reader.notices == ()
    assert [f.seconds for f in frames] == [Fraction(i, 25) for i in range(4)]
    for index, frame in enumerate(frames):
        kind = frame.pixels.dtype
        assert frame.alpha.dtype == kind
        unit = 257 if kind == np.uint16 else 1
        lossy = {"VP8": 12, "ProRes 4444": 1}.get(source, 0.6)  # in 8-bit codes; 12 bits round a little
        assert np.abs(frame.alpha.astype(int) - ramp(index, kind)).max() / unit <= lossy
        assert np.abs(frame.pixels / unit - 120)[ramp(index) > 0].max() <= (6 if source == "VP8" else 1.5)


@pytest.mark.parametrize("source", ["VP9", "FFV1 RGB", "ProRes 4444"])
def test_alpha_that_is_opaque_is_none(tmp_path, source):
    name, encoder, pixel_format, options = SOURCES[source]
    path = write_source(tmp_path / name, encoder, pixel_format, options, alpha=opaque)
    with open_source(path) as reader:
        assert not reader.info.alpha
        assert all(frame.alpha is None for frame in reader)
        assert reader.notices == ()


def test_transparency_that_comes_late_is_told(tmp_path):
    def late(index, kind):
        return ramp(index, kind) if index in (26, 27) else opaque(index, kind)

    path = write_source(tmp_path / "a.mkv", "ffv1", "yuva420p", {}, alpha=late, count=40)
    with open_source(path) as reader:
        assert all(frame.alpha is None for frame in reader)
        assert any(line.startswith("2 frames have transparent pixels") for line in reader.notices)


@pytest.mark.parametrize(
    ("suffix", "options", "pixel_format", "kind"),
    [
        (".mkv", {}, "yuva444p", np.uint8),
        (".mkv", {}, "yuva444p10le", np.uint16),
        (".mov", {}, "yuva444p12le", np.uint16),
        (".mkv", {"codec": "ffv1", "pixel_format": "bgra"}, "bgra", np.uint8),
        (".mkv", {"codec": "ffv1", "pixel_format": "gbrap16le"}, "gbrap16le", np.uint16),
        (".mkv", {"codec": "ffv1", "pixel_format": "yuva420p"}, "yuva420p", np.uint8),
        (".mov", {"codec": "prores"}, "yuva444p12le", np.uint8),
    ],
)
def test_alpha_is_written(tmp_path, clips, suffix, options, pixel_format, kind):
    source = SOURCES["FFV1 RGB" if kind == np.uint8 else "FFV1 16 bits"]
    path = write_source(tmp_path / "in.mkv", *source[1:])
    changes = {"bit_depth": 10} if pixel_format == "yuva444p10le" else {}
    before = clips.convert(path, tmp_path / f"out{suffix}", changes=changes, **options)
    with open_source(tmp_path / f"out{suffix}") as reader:
        assert reader.info.pixel_format == pixel_format
        after = list(reader)
    unit = 257 if kind == np.uint16 else 1
    for old, new in zip(before, after, strict=True):
        error = np.abs(new.alpha / (257 if new.alpha.dtype == np.uint16 else 1) - old.alpha / unit).max()
        assert error <= (1 if suffix == ".mov" else 0.13)


@pytest.mark.parametrize(
    ("suffix", "options", "words"),
    [
        (".mp4", {}, "the alpha channel is dropped: h264 cannot hold it; write .mkv with ffv1"),
        (".mkv", {"crf": 20}, "the alpha channel is dropped: h264 cannot hold it"),
        (".mkv", {"codec": "hevc"}, "the alpha channel is dropped: hevc cannot hold it"),
        (
            ".mkv",
            {"codec": "ffv1", "pixel_format": "yuv444p"},
            "the alpha channel is dropped: yuv444p has none",
        ),
        (".mkv", {}, "written with ffv1, which holds the alpha channel; --codec h264 makes it smaller"),
        (".mov", {}, "written with prores, which holds the alpha channel; --codec h264 makes it smaller"),
    ],
)
def test_what_becomes_of_alpha_is_told_before_the_first_frame(tmp_path, suffix, options, words):
    path = write_source(tmp_path / "in.mkv", "ffv1", "yuva444p", {})
    with open_source(path) as reader:
        info = replace(reader.info, width=64, height=64)
    sink = open_sink(tmp_path / f"out{suffix}", info=info, options=EncodeOptions(**options))
    sink.abort()
    assert any(line.startswith(words) for line in sink.notices)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_transparent_images_come_through(tmp_path, kind):
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(2)
    pixels = [random.integers(0, np.iinfo(kind).max, (*SIZE, 3), kind, endpoint=True) for _ in range(3)]
    for index in range(3):
        write_png(tmp_path / "in" / f"{index}.png", pixels[index], ramp(index, kind))
    with open_source(tmp_path / "in") as reader:
        info, frames = reader.info, list(reader)
    assert info.alpha
    sink = open_sink(tmp_path / "out", info=info)
    for frame in frames:
        sink.write(frame)
    sink.finish()
    with open_source(tmp_path / "out") as reader:
        for index, frame in enumerate(reader):
            np.testing.assert_array_equal(frame.pixels, pixels[index])
            np.testing.assert_array_equal(frame.alpha, ramp(index, kind))


def test_images_with_and_without_alpha_are_one_clip(tmp_path):
    plain = np.full((*SIZE, 3), 50, np.uint8)
    write_png(tmp_path / "1.png", plain, opaque(0, np.uint8))
    write_png(tmp_path / "2.png", plain)
    write_png(tmp_path / "3.png", plain, ramp(0))
    with open_source(tmp_path) as reader:
        alphas = [frame.alpha for frame in reader]
    assert (alphas[0] == 255).all()
    assert (alphas[1] == 255).all()
    np.testing.assert_array_equal(alphas[2], ramp(0))


def test_images_that_are_opaque_have_none_and_late_transparency_is_told(tmp_path):
    plain = np.full((*SIZE, 3), 50, np.uint8)
    for index in range(5):
        write_png(tmp_path / f"{index}.png", plain, ramp(0) if index == 1 else opaque(0, np.uint8))
    with open_source(tmp_path) as reader:
        assert all(frame.alpha is None for frame in reader)
        assert not reader.info.alpha
        assert reader.notices[0].startswith("1 images have transparent pixels")


@pytest.mark.parametrize(
    "name", ["rgba", "argb", "bgra", "abgr", "ya8", "rgba64le", "rgba64be", "ya16le", "ya16be", "gbrap"]
)
def test_packed_alpha_is_exact(name):
    deep = bit_depth(name) > 8
    kind, base = (np.uint16, "rgba64le") if deep else (np.uint8, "rgba")
    wanted = ramp(0, kind)
    if name.startswith("ya"):
        picture = av.VideoFrame(SIZE[1], SIZE[0], name)
        samples = np.frombuffer(
            memoryview(picture.planes[0]), ">u2" if name.endswith("be") else kind
        ).reshape(SIZE[0], -1)
        samples[:, 1 : 2 * SIZE[1] : 2] = wanted
    else:
        rgba = av.VideoFrame.from_ndarray(np.dstack([np.full((*SIZE, 3), 90, kind), wanted]), base)
        picture = rgba.reformat(format=name)
    np.testing.assert_array_equal(read_alpha(picture), wanted)


def test_palettes_may_be_transparent():
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = np.arange(256)  # ARGB
    codes = ramp(3)
    np.testing.assert_array_equal(read_alpha(av.VideoFrame.from_ndarray((codes, palette), "pal8")), codes)


def test_alpha_of_another_shape_is_refused():
    encode = FromRgb("yuva444p", ColorSpec(1, full_range=False), 22, 14)
    pixels = np.zeros((14, 22, 3), np.uint8)
    for wrong in (np.zeros((14, 21), np.uint8), np.zeros((14, 22), np.uint16)):
        with pytest.raises(ValueError, match="alpha must be"):
            encode(pixels, wrong)
    assert Frame(pixels, 0, 1, Fraction(1, 25)).alpha is None
