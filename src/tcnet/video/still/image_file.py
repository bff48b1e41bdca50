"""One image file, decoded: its pixels as cameras and programs meant them to be seen."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from tcnet.errors import MediaError
from tcnet.video.color.alpha import read_alpha
from tcnet.video.color.convert import ToRgb
from tcnet.video.color.h273 import (
    MATRIX_BT601,
    RANGE_FULL,
    RANGE_LIMITED,
    bit_depth,
    has_alpha,
    resolve_color,
)
from tcnet.video.color.planes import fill_plane, plane_samples
from tcnet.video.containers import MAX_PIXELS
from tcnet.video.frame import Pixels
from tcnet.video.media_kind import PNG_SIGNATURE
from tcnet.video.still.header import ImageHeader, open_image, read_header, unreadable
from tcnet.video.still.heif import decode_heif, is_heif, transformed
from tcnet.video.still.ifd import Directory, upright
from tcnet.video.still.targa import gray_with_alpha, is_targa
from tcnet.video.still.tiff import decode_pieces, needs_pieces, read_pages, tiff_alpha


@dataclass(frozen=True, slots=True)
class Image:
    """pixels: (H, W, 3), upright. alpha: (H, W) of the same type, None for a file without. pixel_format: of
    the file. damaged: it could be decoded in part only. clipped: it has float values beyond 0 to 1."""

    pixels: Pixels
    alpha: Pixels | None
    pixel_format: str
    damaged: bool = False
    clipped: bool = False


def decode_image(path: Path) -> Image:
    """Raises MediaError for a file that is missing, no image, damaged, not supported or absurd in size."""
    header = read_header(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        image = _decoded(data, header, path)
    except (av.FFmpegError, ValueError, IndexError, StopIteration) as error:
        raise unreadable(path) from error
    height, width = image.pixels.shape[:2]
    if (width, height) != (header.width, header.height):
        raise MediaError(
            f"{path}: states {header.width}x{header.height} pixels and holds {width}x{height}; it is damaged"
        )
    return image


def _decoded(data: bytes, header: ImageHeader, path: Path) -> Image:
    if is_heif(data[:64]):
        return _heif(data, path)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _turned(_tiff(data, path), header)
    if data.startswith(PNG_SIGNATURE):
        return _turned(_converted(_decode("png", data)), header)
    if data.startswith(b"\xff\xd8\xff"):
        return _turned(_jpeg(data), header)
    if is_targa(data, path):
        return _targa(data, header)
    with open_image(data) as container:
        picture = next(container.decode(container.streams.video[0]))
    return _turned(_converted(picture), header)


def _turned(image: Image, header: ImageHeader) -> Image:
    if header.orientation == 1:
        return image
    alpha = None if image.alpha is None else upright(image.alpha, header.orientation)
    return replace(image, pixels=upright(image.pixels, header.orientation), alpha=alpha)


def _jpeg(data: bytes) -> Image:
    """FFmpeg fills up what it cannot decode and tells of it only where it is asked to give up."""
    try:
        return _converted(_decode("mjpeg", data, err_detect="explode"))
    except (av.FFmpegError, ValueError):
        return replace(_converted(_decode("mjpeg", data)), damaged=True)


def _tiff(data: bytes, path: Path) -> Image:
    page = read_pages(data, path)[0]
    image = _whole_tiff(data, page)
    # FFmpeg takes a fourth sample for alpha, whatever it is.
    return image if tiff_alpha(page) else replace(image, alpha=None)


def _whole_tiff(data: bytes, page: Directory) -> Image:
    if not needs_pieces(page):
        return _converted(_decode("tiff", data), full_range=True)
    parts: list[Image] = []

    def decode(codec: str, piece: bytes) -> av.VideoFrame:
        # TIFF's decoder gives up over trifles.
        return _decode(codec, piece, err_detect="explode" if codec == "mjpeg" else "")

    def convert(picture: av.VideoFrame) -> tuple[Pixels, Pixels | None]:
        parts[:] = [_converted(picture, full_range=True)]
        return parts[0].pixels, parts[0].alpha

    pixels, alpha = decode_pieces(data, page, decode, convert)
    return Image(pixels, alpha, parts[0].pixel_format if parts else "rgb24")


def _targa(data: bytes, header: ImageHeader) -> Image:
    picture = _decode("targa", data)
    pair = gray_with_alpha(data, picture)
    image = Image(*pair, "ya8") if pair else _converted(picture)
    return image if header.alpha else replace(image, alpha=None)


def _heif(data: bytes, path: Path) -> Image:
    found = decode_heif(data, path, _decode)
    picture = found.picture
    if found.color is not None:
        matrix, full, primaries, transfer = found.color
        picture.colorspace, picture.color_range = matrix, RANGE_FULL if full else RANGE_LIMITED
        picture.color_primaries, picture.color_trc = primaries, transfer
    image = _converted(picture)
    alpha = None
    if found.alpha is not None:
        if found.alpha.color_range != RANGE_LIMITED:
            found.alpha.color_range = RANGE_FULL
        # Its luma is the alpha; all three channels of grey are the same.
        alpha = _as_type(_converted(found.alpha, gray=True).pixels[:, :, 0], image.pixels)
        alpha = transformed(alpha[: found.height, : found.width], found.transforms)
    pixels = transformed(image.pixels[: found.height, : found.width], found.transforms)
    return replace(image, pixels=pixels, alpha=alpha)


def _as_type(alpha: Pixels, like: Pixels) -> Pixels:
    if alpha.dtype == like.dtype:
        return alpha
    return alpha.astype(np.uint16) * 257 if like.dtype == np.uint16 else (alpha >> 8).astype(np.uint8)


def _decode(codec: str, data: bytes, extradata: bytes = b"", *, err_detect: str = "") -> av.VideoFrame:
    """The first picture of a coded image. Raises av.FFmpegError, or ValueError where there is none."""
    decoder = cast(VideoCodecContext, VideoCodecContext.create(codec, "r"))
    decoder.options = {"max_pixels": str(MAX_PIXELS)} | ({"err_detect": err_detect} if err_detect else {})
    if extradata:
        decoder.extradata = extradata
    pictures = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    if not pictures:
        raise ValueError("no picture")
    return pictures[0]


def _converted(picture: av.VideoFrame, *, full_range: bool = False, gray: bool = False) -> Image:
    """full_range: of Y'CbCr that says nothing else. gray: only luma counts."""
    if gray and not picture.format.name.startswith("gray"):
        picture = _luma(picture)
    name = picture.format.name
    if full_range and picture.color_range == 0:
        picture.color_range = RANGE_FULL
    color = resolve_color(
        name,
        picture.height,
        # Untagged Y'CbCr in image files (JPEG, WebP, TIFF) is BT.601 whatever the size.
        matrix=MATRIX_BT601 if picture.colorspace in (0, 2) else picture.colorspace,
        color_range=picture.color_range,
        primaries=picture.color_primaries,
        transfer=picture.color_trc,
    )
    alpha = read_alpha(picture) if has_alpha(name) else None
    return Image(ToRgb(color)(picture), alpha, name, clipped=_exceeds(picture))


def _luma(picture: av.VideoFrame) -> av.VideoFrame:
    """The first plane alone."""
    samples = plane_samples(picture, 0)
    depth = bit_depth(picture.format.name)
    gray = av.VideoFrame(picture.width, picture.height, "gray" if depth <= 8 else f"gray{depth}le")
    fill_plane(gray, 0, samples)
    gray.color_range = picture.color_range
    return gray


def _exceeds(picture: av.VideoFrame) -> bool:
    """Whether floating-point samples lie beyond what integers hold."""
    name = picture.format.name
    if "f32" not in name and "f16" not in name:
        return False
    kind = np.dtype(np.float32 if "f32" in name else np.float16).newbyteorder(
        ">" if name.endswith("be") else "<"
    )
    for plane in picture.planes:
        samples = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize)
        shown = samples[: picture.height, : picture.width * (plane.line_size // kind.itemsize // plane.width)]
        if shown.size and (np.nanmax(shown) > 1 or np.nanmin(shown) < 0):
            return True
    return False
