"""HEVC with a picture for each field is read as frames: all rows in their places, half as many."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.video import ReadOptions, open_source
from tcnet.video.read.field_pictures import frame_aspect

WIDTH, HEIGHT = 64, 128


def ground(index):
    """Luma of a whole frame, every row another one."""
    return ((np.arange(HEIGHT)[:, None] * 5 + np.arange(WIDTH)[None] * 2 + index * 13) % 180 + 30).astype(
        np.uint8
    )


def write_fields(path, *, order="tff", fields=16, aspect=Fraction(1)):
    parameters = f"log-level=none:pools=none:lossless=1:interlace={order}"
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "x265-params": parameters}
        stream = container.add_stream("libx265", rate=50, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT // 2, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.time_base = Fraction(1, 50)
        for index in range(fields):
            is_top = (index % 2 == 0) == (order == "tff")
            rows = ground(index // 2)[0 if is_top else 1 :: 2]
            frame = av.VideoFrame.from_ndarray(
                np.concatenate([rows, np.full_like(rows[: HEIGHT // 4], 128)]), "yuv420p"
            )
            frame.pts, frame.time_base = index, Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path, **options):
    with open_source(path, ReadOptions(**options)) as source:
        return source.info, list(source), source.notices


def luma(frame):
    """Back from grey R'G'B' of limited range."""
    return frame.pixels[:, :, 1].astype(float) * 219 / 255 + 16


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
@pytest.mark.parametrize("order", ["tff", "bff"])
def test_fields_are_woven(tmp_path, order, suffix):
    info, frames, notices = read(write_fields(tmp_path / f"a{suffix}", order=order), deinterlace="off")
    assert (info.width, info.height, info.frame_rate) == (WIDTH, HEIGHT, 25)
    assert info.frame_count in (8, None)
    assert len(frames) == 8
    for index, frame in enumerate(frames):
        assert np.abs(luma(frame) - ground(index)).max() <= 1
        assert frame.seconds - frames[0].seconds == Fraction(index, 25)
        assert frame.duration * frame.time_base == Fraction(1, 25)
    assert len([line for line in notices if "field" in line and "woven" in line]) == 1
    assert not any("another size" in line or "gaps" in line or "cut short" in line for line in notices)


def test_woven_frames_are_deinterlaced_as_others_are(tmp_path):
    info, frames, notices = read(write_fields(tmp_path / "a.mkv"))
    assert info.scan == "interlaced"
    assert len(frames) == 8
    assert any("it is deinterlaced" in line for line in notices)
    assert not any("stays so" in line for line in notices)


def test_a_field_without_its_other_one_fills_the_frame(tmp_path):
    _, frames, notices = read(write_fields(tmp_path / "a.mkv", fields=15), deinterlace="off")
    assert len(frames) == 8
    np.testing.assert_array_equal(frames[-1].pixels[0::2], frames[-1].pixels[1::2])
    assert "1 fields had no other one beside them: their rows are doubled" in notices


def test_a_trim_of_fields(tmp_path):
    path = write_fields(tmp_path / "a.mkv", fields=40)
    _, whole, _ = read(path, deinterlace="off")
    info, frames, _ = read(path, deinterlace="off", start=Fraction(2, 5), end=Fraction(3, 5))
    assert info.height == HEIGHT
    assert len(frames) == 5
    for frame, same in zip(frames, whole[10:15], strict=True):
        np.testing.assert_array_equal(frame.pixels, same.pixels)


@pytest.mark.parametrize(
    ("stated", "frame"),
    [
        (Fraction(1), Fraction(1)),
        (Fraction(1, 2), Fraction(1)),
        (Fraction(16, 11), Fraction(16, 11)),
        (Fraction(8, 11), Fraction(16, 11)),
        (Fraction(4, 9), Fraction(8, 9)),
    ],
)
def test_pixel_aspect_of_frames(tmp_path, stated, frame):
    assert frame_aspect(stated) == frame
    assert read(write_fields(tmp_path / "a.ts", fields=4, aspect=stated))[0].sample_aspect_ratio == frame
