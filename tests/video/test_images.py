from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.errors import MediaError, UsageError
from tcnet.video import (
    ColorSpec,
    Frame,
    ReadOptions,
    VideoInfo,
    open_sink,
    open_source,
    read_image,
    write_png,
)


def noise(seed, kind=np.uint8, size=(9, 7)):
    top = 256 if kind == np.uint8 else 65536
    return np.random.default_rng(seed).integers(0, top, (size[1], size[0], 3), dtype=kind)


def info_of(width, height, depth=8):
    return VideoInfo(
        width=width,
        height=height,
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
        frame_count=None,
        duration=None,
        bit_depth=depth,
        pixel_format="rgb24",
        color=ColorSpec(0, full_range=True),
        sample_aspect_ratio=Fraction(1),
        codec="png",
    )


def fill(folder, names, size=(9, 7)):
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        write_png(folder / name, noise(index, size=size))
    return folder


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_png_round_trip_is_exact(tmp_path, kind, quick):
    pixels = noise(1, kind)
    write_png(tmp_path / "a b é.png", pixels, quick=quick)
    back = read_image(tmp_path / "a b é.png")
    assert back.dtype == kind
    assert (back == pixels).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a b é.png"]


def test_png_of_other_arrays_is_refused(tmp_path):
    with pytest.raises(ValueError, match="float32"):
        write_png(tmp_path / "a.png", np.zeros((4, 4, 3), np.float32))
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        write_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(MediaError, match="cannot be written"):
        write_png(tmp_path / "missing" / "a.png", noise(1))


@pytest.mark.parametrize(("encoder", "pixel_format", "suffix"), [("mjpeg", "yuvj444p", ".jpg"), ("tiff", "rgb24", ".tif"), ("libwebp", "bgra", ".webp"), ("bmp", "bgr24", ".bmp")])  # fmt: skip
def test_other_formats_are_read(tmp_path, encoder, pixel_format, suffix):
    colour = (200, 120, 60)
    frame = av.VideoFrame.from_ndarray(np.full((16, 24, 3), colour, np.uint8), "rgb24")
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt, context.time_base = 24, 16, pixel_format, Fraction(1, 25)
    if encoder == "mjpeg":
        frame = frame.reformat(format=pixel_format, dst_colorspace="itu601", dst_color_range="JPEG")
        context.color_range = 2
    else:
        frame = frame.reformat(format=pixel_format)
    data = b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])
    (tmp_path / f"a{suffix}").write_bytes(data)
    pixels = read_image(tmp_path / f"a{suffix}")
    assert pixels.shape == (16, 24, 3)
    assert np.abs(pixels.astype(int) - colour).max() <= 3


def test_a_folder_is_read_in_natural_order(tmp_path):
    folder = fill(tmp_path / "in", ["frame10.png", "frame2.png", "frame1.png"])
    (folder / "notes.txt").write_text("no image")
    with open_source(folder, ReadOptions(frame_rate=Fraction(30000, 1001))) as source:
        frames = list(source)
        info = source.info
    assert [(f.pixels == noise(n)).all() for f, n in zip(frames, (2, 1, 0), strict=True)] == [True] * 3
    assert [f.seconds for f in frames] == [0, Fraction(1001, 30000), Fraction(2002, 30000)]
    assert [f.duration for f in frames] == [1, 1, 1]
    assert (info.frame_count, info.frame_rate, info.width, info.height) == (3, Fraction(30000, 1001), 9, 7)
    assert info.duration == Fraction(3003, 30000)


@pytest.mark.parametrize(
    ("pattern", "count"), [("%04d.png", 2), ("*.png", 3), ("000?.png", 2), ("%d.png", 2)]
)
def test_patterns(tmp_path, pattern, count):
    folder = fill(tmp_path / "in", ["0001.png", "0002.png", "x.png"])
    with open_source(folder / pattern) as source:
        assert source.info.frame_count == count
        assert len(list(source)) == count


def test_sixteen_bits_in_and_out(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_png(folder / "a.png", noise(1, np.uint16))
    with open_source(folder) as source:
        frames = list(source)
        assert source.info.bit_depth == 16
        sink = open_sink(tmp_path / "out", info=source.info, copy_from=folder)
    sink.write(frames[0])
    sink.finish()
    assert (read_image(tmp_path / "out" / "a.png") == noise(1, np.uint16)).all()


def test_names_are_kept_and_numbered_otherwise(tmp_path):
    folder = fill(tmp_path / "in", ["shot 2.png", "shot 10.png"])
    for source, expected in (
        (folder, ["shot 10.png", "shot 2.png"]),
        (None, ["00000001.png", "00000002.png"]),
    ):
        target = tmp_path / f"out {len(expected[0])}.x4"
        sink = open_sink(target, info=info_of(9, 7), copy_from=source)
        assert not target.exists()
        for index in range(2):
            sink.write(Frame(noise(index), index, 1, Fraction(1, 25)))
        sink.finish()
        assert sorted(p.name for p in target.iterdir()) == expected
    assert (read_image(tmp_path / "out 11.x4" / "shot 2.png") == noise(0)).all()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_output_by_pattern(tmp_path):
    sink = open_sink(tmp_path / "new" / "deep" / "f%05d.png", info=info_of(9, 7))
    for index in range(2):
        sink.write(Frame(noise(index), index, 1, Fraction(1, 25)))
    sink.finish()
    assert sorted(p.name for p in (tmp_path / "new" / "deep").iterdir()) == ["f00001.png", "f00002.png"]
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_abort_and_overwrite(tmp_path):
    target = fill(tmp_path / "out", ["00000001.png", "other.png"])
    with pytest.raises(MediaError, match="is there already"):
        open_sink(target, info=info_of(9, 7))
    with pytest.raises(MediaError, match="is there already"):
        open_sink(target / "%08d.png", info=info_of(9, 7))
    sink = open_sink(target, info=info_of(9, 7), overwrite=True)
    sink.write(Frame(noise(5), 0, 1, Fraction(1, 25)))
    sink.abort()
    assert (read_image(target / "00000001.png") == noise(0)).all()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    sink = open_sink(target, info=info_of(9, 7), overwrite=True)
    sink.write(Frame(noise(5), 0, 1, Fraction(1, 25)))
    sink.finish()
    sink.abort()
    assert (read_image(target / "00000001.png") == noise(5)).all()
    assert (read_image(target / "other.png") == noise(1)).all()
    with pytest.raises(ValueError, match="finished"):
        sink.write(Frame(noise(5), 1, 1, Fraction(1, 25)))


def write_frames(target, count, **options):
    sink = open_sink(target, info=info_of(9, 7), **options)
    for index in range(count):
        sink.write(Frame(noise(index), index, 1, Fraction(1, 25)))
    sink.finish()


@pytest.mark.parametrize("name", ["out", "out/f%d.png", "out/%03d.png"])
def test_a_shorter_run_that_overwrites_leaves_no_frames_of_the_longer_one(tmp_path, name):
    write_frames(tmp_path / name, 5)
    before = sorted(p.name for p in (tmp_path / "out").iterdir())
    for other in ("99.png", "2020.png", "00000099.png", "notes.txt"):
        (tmp_path / "out" / other).write_text("precious")
    write_frames(tmp_path / name, 3, overwrite=True)
    after = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert after == sorted([*before[:3], "99.png", "2020.png", "00000099.png", "notes.txt"])


def test_overwriting_by_names_leaves_other_images(tmp_path):
    write_frames(tmp_path / "out", 3, copy_from=fill(tmp_path / "in", ["a.png", "b.png", "c.png"]))
    write_frames(tmp_path / "out", 1, copy_from=fill(tmp_path / "one", ["b.png"]), overwrite=True)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("names", [("a.png", "a.tif"), ("a.png", "A.bmp")])
def test_two_images_never_become_one(tmp_path, names):
    folder = fill(tmp_path / "in", names)
    with pytest.raises(MediaError, match="would both become") as caught:
        open_sink(tmp_path / "out", info=info_of(9, 7), copy_from=folder)
    assert all(name in str(caught.value) for name in names)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    write_frames(tmp_path / "out" / "%d.png", 2, copy_from=folder)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["1.png", "2.png"]


def test_wrong_frames_and_empty_runs(tmp_path):
    sink = open_sink(tmp_path / "out", info=info_of(9, 7))
    with pytest.raises(ValueError, match="8x7, expected 9x7"):
        sink.write(Frame(noise(1, size=(8, 7)), 0, 1, Fraction(1, 25)))
    with pytest.raises(MediaError, match="no frame"):
        sink.finish()
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_the_input_images_are_safe(tmp_path):
    folder = fill(tmp_path / "in", ["a.png"])
    for target in (folder, folder / "%03d.png"):
        with pytest.raises(MediaError, match="holds the input images"):
            open_sink(target, info=info_of(9, 7), copy_from=folder, overwrite=True)


def test_images_of_two_sizes(tmp_path):
    folder = fill(tmp_path / "in", ["a.png"])
    write_png(folder / "b.png", noise(1, size=(8, 7)))
    with pytest.raises(MediaError, match=r"b\.png: is 8x7, but a\.png is 9x7"):
        open_source(folder)


def test_images_of_two_depths_get_the_deeper_one(tmp_path):
    folder = fill(tmp_path / "in", ["a.png", "b.png"])
    write_png(folder / "c.png", noise(2, np.uint16))
    with open_source(folder) as source:
        assert source.info.bit_depth == 16
        assert source.notices == ("images of 8 and 16 bits a channel are mixed: all get 16",)
        frames = list(source)
    assert (frames[0].pixels == noise(0).astype(np.uint16) * 257).all()
    assert (frames[2].pixels == noise(2, np.uint16)).all()


def test_alpha_of_one_image_in_the_middle_is_found(tmp_path):
    folder = fill(tmp_path / "in", [f"{n}.png" for n in range(9)])
    opacity = noise(7)[:, :, 0]
    write_png(folder / "3.png", noise(3), opacity)
    with open_source(folder) as source:
        assert source.info.alpha
        frames = list(source)
    assert (frames[3].alpha == opacity).all()
    assert frames[0].alpha.min() == 255


def test_what_does_not_belong_among_images_is_found_before_the_first(tmp_path):
    folder = fill(tmp_path / "in", ["a.png", "b.png"])
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(b"no image at all")
    with pytest.raises(MediaError, match=r"b\.png: cannot be read as an image"):
        open_source(folder)
    frames = b"\x00\x00\x00\x08acTL" + bytes([0, 0, 0, 2]) + bytes(8)
    (folder / "b.png").write_bytes(whole[:33] + frames + whole[33:])
    with pytest.raises(MediaError, match=r"b\.png: is an animation"):
        open_source(folder)


def test_what_is_no_image(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "void.png").write_bytes(b"")
    write_png(tmp_path / "cut.png", noise(1, size=(64, 64)))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
    header = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR"
    (tmp_path / "huge.png").write_bytes(
        header + (60000).to_bytes(4, "big") + (100).to_bytes(4, "big") + b"\x08\x02"
    )
    for name, words in (
        ("empty", "holds no images"),
        ("text.png", "cannot be read as an image"),
        ("void.png", "empty"),
        ("huge.png", "60000x100"),
        ("missing/%03d.png", "no such folder"),
        ("%05d.png", "no image has such a name"),
    ):
        with pytest.raises(MediaError, match=words) as caught:
            open_source(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="not positive"):
        ReadOptions(frame_rate=Fraction(0))


def test_one_image_is_no_output(tmp_path):
    with pytest.raises(UsageError, match="names one image"):
        open_sink(tmp_path / "a.png", info=info_of(9, 7))
    with pytest.raises(UsageError, match="written as PNG"):
        open_sink(tmp_path / "a%03d.jpg", info=info_of(9, 7))


def test_images_become_a_video_and_back(clips, tmp_path):
    folder = fill(tmp_path / "in", ["1.png", "2.png", "3.png"], size=(32, 24))
    clips.convert(folder, tmp_path / "a.mp4", codec="h264", crf=0, pixel_format="yuv444p")
    frames = clips.read(tmp_path / "a.mp4")
    assert [f.seconds for f in frames] == [0, Fraction(1, 25), Fraction(2, 25)]
    assert np.abs(frames[1].pixels.astype(int) - noise(1, size=(32, 24))).max() <= 2
    with open_source(tmp_path / "a.mp4") as source:
        assert source.info.color == ColorSpec(6, full_range=False)


def test_a_camera_held_upright_gives_upright_pictures(tmp_path):
    """Exif orientation 6: to be turned clockwise by a quarter."""
    picture = np.zeros((8, 16, 3), np.uint8)
    picture[:, :8] = 200  # bright on the left, which is the top when turned
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 16, 8, "yuvj444p"
    encoder.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuvj444p")
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    note = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    path = tmp_path / "photo.jpg"
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note + data[2:])
    pixels = read_image(path)
    assert pixels.shape == (16, 8, 3)
    assert pixels[:6].mean() > 180
    assert pixels[10:].mean() < 20
