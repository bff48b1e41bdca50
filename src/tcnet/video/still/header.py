"""What image files say of themselves at their beginning: known without decoding them."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import av
from av.video.codeccontext import VideoCodecContext

from tcnet.errors import MediaError
from tcnet.video.color.h273 import bit_depth, has_alpha
from tcnet.video.containers import MAX_PIXELS, check_size
from tcnet.video.media_kind import PNG_SIGNATURE
from tcnet.video.still.heif import heif_header, is_heif
from tcnet.video.still.ifd import exif_orientation, orientation, swaps_sides
from tcnet.video.still.targa import is_targa, targa_header
from tcnet.video.still.tiff import read_pages, tiff_alpha, tiff_depth, tiff_size

# What FFmpeg calls its probers of single images. image2 and friends are left out: they look for file names.
_IMAGE_FORMATS = frozenset(name for name in av.formats_available if name.endswith("_pipe"))
_START = 64  # bytes by which kinds are recognised
_LARGEST = 2 << 30  # bytes of a file: the most pixels, in 16 bits with alpha, and as much again
_JUNK = 1 << 16  # bytes between two segments of a JPEG that are passed over
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF markers
_JPEG_ALONE = frozenset([0x01, *range(0xD0, 0xD9)])  # markers without a length


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """width, height: upright. depth: bits a channel, 8 to 16. alpha: there is a channel of it, or a palette.
    pictures: in the file, the first of which is read. orientation: as Exif counts, of what is stored."""

    width: int
    height: int
    depth: int
    alpha: bool
    pictures: int = 1
    orientation: int = 1


def read_header(path: Path) -> ImageHeader:
    """Raises MediaError for a file that is missing, no image, absurd in size, or of a kind not supported."""
    if not path.is_file():
        raise MediaError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    try:
        if path.stat().st_size > _LARGEST:
            raise MediaError(f"{path}: is larger than {_LARGEST >> 30} GiB, too large for an image")
        with path.open("rb") as file:
            start = file.read(_START)
            if not start:
                raise MediaError(f"{path}: the file is empty")
            file.seek(0)
            header = _reader_of(start, path)(file, path)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, IndexError, struct.error) as error:
        raise unreadable(path) from error
    check_size(header.width, header.height, path)
    return header


def unreadable(path: Path) -> MediaError:
    return MediaError(f"{path}: cannot be read as an image; it is damaged or of another kind")


def open_image(data: bytes) -> av.container.InputContainer:
    """By whatever prober of single images knows them. Read through memory, so that FFmpeg never sees (and
    never interprets) a name. Raises av.FFmpegError."""
    return av.open(
        io.BytesIO(data),
        "r",
        options={"max_pixels": str(MAX_PIXELS)},
        container_options={"format_whitelist": ",".join(sorted(_IMAGE_FORMATS))},
    )


_Reader = Callable[[BinaryIO, Path], ImageHeader]


def _reader_of(start: bytes, path: Path) -> _Reader:
    if start.startswith(PNG_SIGNATURE):
        return _png
    if start.startswith(b"\xff\xd8\xff"):
        return _jpeg
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _webp
    if is_heif(start):
        return _heif
    if is_targa(start, path):
        return _targa
    return _other


def _png(file: BinaryIO, path: Path) -> ImageHeader:
    file.seek(len(PNG_SIGNATURE))
    head = file.read(8 + 13 + 4)
    if head[4:8] != b"IHDR" or len(head) < 18:
        raise unreadable(path)
    width, height = int.from_bytes(head[8:12], "big"), int.from_bytes(head[12:16], "big")
    depth, kind = head[16], head[17]
    alpha = kind in (3, 4, 6)  # a palette's entries may be transparent
    turned = 1
    while (chunk := file.read(8))[4:].isalpha() and chunk[4:] != b"IEND":
        size = int.from_bytes(chunk[:4], "big")
        if chunk[4:] == b"tRNS":
            alpha = True
        if chunk[4:] == b"eXIf":
            turned = exif_orientation(file.read(size))
            size = 0
        file.seek(size + 4, 1)
    return _turned(width, height, turned, depth=max(8, depth), alpha=alpha)


def _jpeg(file: BinaryIO, path: Path) -> ImageHeader:
    file.seek(2)
    turned: int | None = None
    searched_to = _JUNK
    while True:
        byte = file.read(1)
        if not byte or file.tell() > searched_to:
            raise unreadable(path)
        if byte != b"\xff":
            continue
        while (marker := file.read(1)) == b"\xff":
            pass
        if not marker or marker[0] in (0xD9, 0xDA):
            raise unreadable(path)
        if marker[0] in _JPEG_ALONE or marker[0] == 0:
            continue
        size = int.from_bytes(file.read(2), "big") - 2
        if size < 0:
            raise unreadable(path)
        if marker[0] in _JPEG_FRAMES:
            frame = file.read(5)
            height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
            return _turned(width, height, turned or 1, depth=max(8, frame[0]) if frame else 8, alpha=False)
        if marker[0] == 0xE1:
            segment = file.read(size)
            if segment.startswith(b"Exif\0\0") and turned is None:  # a second one goes on with the first
                turned = exif_orientation(segment)
        else:
            file.seek(size, 1)
        searched_to = file.tell() + _JUNK


def _webp(file: BinaryIO, path: Path) -> ImageHeader:
    file.seek(12)
    found: ImageHeader | None = None
    turned = 1
    while len(chunk := file.read(8)) == 8 and chunk[:4].isascii() and chunk[0]:
        kind, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        body = file.read(min(size, 10)) if kind in (b"VP8X", b"VP8 ", b"VP8L") else b""
        if kind == b"VP8X" and len(body) == 10:
            width, height = (1 + int.from_bytes(body[n : n + 3], "little") for n in (4, 7))
            found = ImageHeader(width, height, 8, bool(body[0] & 16))
        elif kind == b"VP8L" and found is None and len(body) >= 5:
            bits = int.from_bytes(body[1:5], "little")
            found = ImageHeader(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 8, bool(bits >> 28 & 1))
        elif kind == b"VP8 " and found is None and len(body) == 10:
            width, height = (int.from_bytes(body[n : n + 2], "little") & 0x3FFF for n in (6, 8))
            found = ImageHeader(width, height, 8, alpha=False)
        elif kind == b"EXIF":
            turned = exif_orientation(body := file.read(size))
        file.seek(size + size % 2 - len(body), 1)
    if found is None:
        raise unreadable(path)
    return _turned(found.width, found.height, turned, depth=8, alpha=found.alpha)


def _tiff(file: BinaryIO, path: Path) -> ImageHeader:
    pages = read_pages(file.read(), path)
    width, height = tiff_size(pages[0])
    turned = orientation(pages[0])
    return _turned(
        width, height, turned, depth=tiff_depth(pages[0]), alpha=tiff_alpha(pages[0]), pictures=len(pages)
    )


def _heif(file: BinaryIO, path: Path) -> ImageHeader:
    width, height, depth, alpha = heif_header(file.read(), path)
    return ImageHeader(width, height, depth, alpha)


def _targa(file: BinaryIO, path: Path) -> ImageHeader:
    width, height, alpha = targa_header(file.read(), path)
    return ImageHeader(width, height, 8, alpha)


def _other(file: BinaryIO, path: Path) -> ImageHeader:
    try:
        with open_image(file.read()) as container:
            # PyAV has none where there is no decoder, which its types leave out.
            context = cast(VideoCodecContext | None, container.streams.video[0].codec_context)
            if context is None:
                kind = container.format.name.removesuffix("_pipe")
                raise MediaError(
                    f"{path}: images of the kind {kind} are not supported; convert it to PNG first"
                )
            name = context.pix_fmt
            if name is None:
                raise unreadable(path)
            depth = max(8, min(bit_depth(name), 16))
            return ImageHeader(context.width, context.height, depth, has_alpha(name))
    except (av.FFmpegError, IndexError) as error:
        raise unreadable(path) from error


def _turned(
    width: int, height: int, turned: int, *, depth: int, alpha: bool, pictures: int = 1
) -> ImageHeader:
    if swaps_sides(turned):
        width, height = height, width
    return ImageHeader(width, height, depth, alpha, pictures, turned)
