"""Odd inputs, each with what is right: so many frames, or an error of one line (None).

What is called by a wrong name, glued together, empty, special, or legal and never seen.
"""

import io
import os
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from zoo.files.images import image_bytes, picture, png

Odd = Callable[[Path], None]
ODD: dict[str, tuple[Odd, int | None]] = {}
"""By name, whose suffix is the file's: how it is written, and the frames that are right."""


def odd(name: str, frames: int | None) -> Callable[[Odd], Odd]:
    def add(function: Odd) -> Odd:
        ODD[name] = (function, frames)
        return function

    return add


def video(
    container: str, codec: str, frames: int = 6, *, pixel_format: str = "yuv420p", size: tuple[int, int] = (64, 48),
    times: list[int] | None = None, time_base: Fraction = Fraction(1, 25), rate: int = 25, sound: bool = False,
    picture_track: bool = True,
) -> bytes:  # fmt: skip
    data = io.BytesIO()
    with av.open(data, "w", format=container) as output:
        track = None
        if picture_track:
            track = output.add_stream(codec, rate=rate)
            track.width, track.height, track.pix_fmt = *size, pixel_format
            track.codec_context.time_base = time_base
        tone = output.add_stream("aac", rate=48000, layout="mono") if sound else None
        for index in range(frames if track else 0):
            pixels = np.ascontiguousarray(np.tile(picture(index), (4, 4, 1))[: size[1], : size[0]])
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = times[index] if times else index, time_base
            output.mux(track.encode(frame))
        if track:
            output.mux(track.encode(None))
        if tone:
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), "fltp", "mono")
            samples.sample_rate, samples.pts = 48000, 0
            output.mux([*tone.encode(samples), *tone.encode(None)])
    return data.getvalue()


def _bytes(name: str, frames: int | None, make: Callable[[], bytes]) -> None:
    ODD[name] = (lambda path: path.write_bytes(make()) and None, frames)


def _image(name: str) -> Callable[[], bytes]:
    def make() -> bytes:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            return image_bytes(name, Path(folder))

    return make


def _noise(size: int) -> Callable[[], bytes]:
    return lambda: random.Random(size).randbytes(size)


def mp4() -> bytes:
    return video("mp4", "libx264")


def mkv() -> bytes:
    return video("matroska", "ffv1")


def ts() -> bytes:
    return video("mpegts", "mpeg2video", pixel_format="yuv420p")


def h264() -> bytes:
    return video("h264", "libx264", 12)


# Wrong names.
_bytes("MP4 called PNG.png", None, mp4)
_bytes("Matroska called TIFF.tif", None, mkv)
_bytes("PNG called MP4.mp4", 1, png)
_bytes("JPEG called PNG.png", 1, _image("image.jpg"))
_bytes("PNG called JPEG.jpg", 1, png)
_bytes("WebP called JPEG.jpg", 1, _image("image.webp"))
_bytes("HEIC called JPEG.jpg", 1, _image("grid.heic"))
_bytes("GIF called PNG.png", 3, lambda: video("gif", "gif", 3, pixel_format="rgb8"))
_bytes("Matroska called MP4.mp4", 6, mkv)
_bytes("MP4 called AVI.avi", 6, mp4)
_bytes("transport stream called MP4.mp4", 6, ts)
_bytes("MP4 without a suffix", 6, mp4)
# No video at all.
_bytes("page of a website.mp4", None, lambda: b"<!DOCTYPE html><html><body>404 Not Found</body></html>" * 9)
_bytes("text.mkv", None, lambda: "Grüße\n".encode() * 999)
_bytes("SVG.png", None, lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>')
_bytes("PDF.png", None, lambda: b"%PDF-1.7\n" + bytes(999))
_bytes("ZIP.mkv", None, lambda: b"PK\3\4" + random.Random(1).randbytes(9999))
_bytes("zeros.mp4", None, lambda: bytes(100_000))
_bytes("zeros.png", None, lambda: bytes(10_000))
_bytes("noise.ts", None, _noise(50_000))
_bytes("noise.jpg", None, _noise(20_000))
_bytes("noise.tga", None, _noise(21_000))
_bytes("noise.vob", None, _noise(40_000))
_bytes("one byte.mp4", None, lambda: b"\0")
_bytes("one byte.png", None, lambda: b"\x89")
_bytes("sound alone.mp4", None, lambda: video("mp4", "", sound=True, picture_track=False))
_bytes("only the signature.png", None, lambda: b"\x89PNG\r\n\x1a\n")
_bytes("only the signature.mkv", None, lambda: b"\x1aE\xdf\xa3")
_bytes("only the signature.heic", None, lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
# Glued together.
_bytes("two MP4.mp4", 6, lambda: mp4() * 2)
_bytes("two Matroska.mkv", 12, lambda: mkv() * 2)
_bytes("two PNG.png", 1, lambda: png() + png(index=3))
_bytes("two JPEG.jpg", 1, lambda: _image("image.jpg")() * 2)
_bytes("junk before transport stream.ts", 6, lambda: random.Random(3).randbytes(500) + ts())
_bytes("junk after PNG.png", 1, lambda: png() + bytes(5000))
_bytes("junk after MP4.mp4", 6, lambda: mp4() + bytes(5000))
# Legal and seldom.
_bytes("one frame.mkv", 1, lambda: video("matroska", "ffv1", 1))
_bytes("one frame.mp4", 1, lambda: video("mp4", "libx264", 1))
_bytes(
    "one frame an hour.mkv",
    3,
    lambda: video("matroska", "ffv1", 3, times=[0, 3600, 7200], time_base=Fraction(1)),
)
_bytes(
    "a million frames a second.mp4",
    6,
    lambda: video("mp4", "libx264", time_base=Fraction(1, 1_000_000), rate=1_000_000),
)
_bytes(
    "begins after a year.mkv",
    6,
    lambda: video("matroska", "ffv1", times=[31_536_000 * 25 + n for n in range(6)]),
)
# What lies before zero is left out by the edit list.
_bytes("begins before zero.mp4", 3, lambda: video("mp4", "libx264", times=[n - 3 for n in range(6)]))
_bytes("long and flat.mkv", 3, lambda: video("matroska", "ffv1", 3, size=(256, 16)))
_bytes("odd size.mkv", 3, lambda: video("matroska", "ffv1", 3, pixel_format="yuv444p", size=(33, 17)))
_bytes("too small.mkv", None, lambda: video("matroska", "ffv1", 3, size=(14, 14)))
_bytes("grey.mkv", 3, lambda: video("matroska", "ffv1", 3, pixel_format="gray"))
_bytes("one bit a pixel.png", 1, lambda: png(mode="1"))
_bytes("palette.png", 1, lambda: png(mode="P"))
_bytes("grey with alpha.png", 1, lambda: png(mode="LA"))
_bytes("all transparent.png", 1, lambda: _transparent())
_bytes("one pixel.png", None, lambda: png(1, 1))
_bytes("one row.png", None, lambda: png(96, 1))
_bytes("interlaced.gif", 3, lambda: video("gif", "gif", 3, pixel_format="rgb8"))
# Begins in the middle.
_bytes("no key frame first.h264", None, lambda: _without_first_picture())
_bytes("y4m of size zero.y4m", None, lambda: b"YUV4MPEG2 W0 H0 F25:1 Ip C420jpeg\nFRAME\n")
_bytes("y4m without a rate.y4m", 1, lambda: b"YUV4MPEG2 W32 H32 Ip C420jpeg\nFRAME\n" + bytes(1536))
_bytes("y4m of an endless rate.y4m", 1, lambda: b"YUV4MPEG2 W32 H32 F1:0 Ip C420jpeg\nFRAME\n" + bytes(1536))


def _transparent() -> bytes:
    data = io.BytesIO()
    from PIL import Image

    Image.fromarray(np.dstack([picture(), np.zeros((64, 96), np.uint8)])).save(data, "PNG")
    return data.getvalue()


def _without_first_picture() -> bytes:
    """Parameter sets, then what follows the only key picture."""
    data = h264()
    units = data.split(b"\0\0\1")
    kept = [unit for unit in units if not unit or unit[0] & 31 != 5]
    return b"\0\0\1".join(kept)


@odd("folder called.mp4", None)
def _folder(path: Path) -> None:
    path.mkdir()


@odd("pipe.mkv", None)
def _pipe(path: Path) -> None:
    os.mkfifo(path)


@odd("device.mkv", None)
def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@odd("link to itself.mkv", None)
def _loop(path: Path) -> None:
    path.symlink_to(path.name)


@odd("link to nothing.mkv", None)
def _dangling(path: Path) -> None:
    path.symlink_to("gone.mkv")


@odd("four gigabytes of nothing.mkv", None)
def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(4 << 30)


@odd("four gigabytes of nothing.png", None)
def _sparse_image(path: Path) -> None:
    path.write_bytes(png()[:60])
    os.truncate(path, 4 << 30)


def _folder_of(path: Path, files: dict[str, bytes]) -> None:
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)


@odd("four gigabytes of nothing.jpg", None)
def _sparse_jpeg(path: Path) -> None:
    path.write_bytes(_image("image.jpg")()[:20])
    os.truncate(path, 4 << 30)


@odd("a gigabyte of nothing.jpg", None)
def _sparse_smaller(path: Path) -> None:
    path.write_bytes(b"\xff\xd8\xff")
    os.truncate(path, 1 << 30)


@odd("a gigabyte of nothing.webp", None)
def _sparse_webp(path: Path) -> None:
    path.write_bytes(_image("image.webp")()[:12])
    os.truncate(path, 1 << 30)


@odd("images with an empty one", None)
def _empty_image(path: Path) -> None:
    _folder_of(path, {"1.png": png(), "2.png": b"", "3.png": png()})


@odd("images with another size last", None)
def _other_size(path: Path) -> None:
    _folder_of(path, {"1.png": png(), "2.png": png(), "3.png": png(90, 60)})


@odd("images of other kinds", 4)
def _kinds(path: Path) -> None:
    jpeg, bmp = _image("image.jpg")(), _image("image.bmp")()
    _folder_of(path, {"1.png": png(), "2.jpg": jpeg, "3.bmp": bmp, "4.PNG": png(), "notes.txt": b"no image"})


@odd("images and a hidden one", 2)
def _hidden(path: Path) -> None:
    _folder_of(path, {"1.png": png(), "._1.png": b"\0\5\x16\7", "2.png": png()})


@odd("images with a folder called like one", 1)
def _folder_among(path: Path) -> None:
    _folder_of(path, {"1.png": png()})
    (path / "2.png").mkdir()
