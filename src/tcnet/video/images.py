"""Pictures on disk: folders and patterns of images as a video, PNG out, all with PyAV's own codecs."""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from tcnet.errors import MediaError, UsageError
from tcnet.video.color.alpha import is_opaque, read_alpha
from tcnet.video.color.convert import ToRgb
from tcnet.video.color.h273 import bit_depth, has_alpha, resolve_color
from tcnet.video.containers import IMAGE_SUFFIXES, MAX_PIXELS, check_size
from tcnet.video.frame import ColorSpec, Frame, Pixels, TrimRange, VideoInfo
from tcnet.video.read.read_options import ReadOptions

# What FFmpeg calls its probers of single images. image2 and friends are left out: they look for file names.
_IMAGE_FORMATS = frozenset(name for name in av.formats_available if name.endswith("_pipe"))
_MATRIX_RGB_FULL = ColorSpec(matrix=0, full_range=True)


def read_image(path: Path) -> Pixels:
    """One picture: (H, W, 3) uint8 for files of up to 8 bits a channel, else uint16; alpha is dropped.

    Raises MediaError for a file that is missing, no image, damaged, or larger than 16384 pixels a side.
    """
    return _decode(path).pixels


def write_png(path: Path, pixels: Pixels, alpha: Pixels | None = None, *, quick: bool = False) -> None:
    """Writes a PNG like that of `encode_png`, under another name first, then renamed.

    Raises ValueError for another shape or type, MediaError when the file cannot be written.
    """
    data = encode_png(pixels, alpha, quick=quick)
    work = path.with_name(f".{path.name}.part")
    try:
        work.write_bytes(data)
        work.replace(path)
    except OSError as error:
        work.unlink(missing_ok=True)
        raise MediaError(f"{path}: cannot be written ({error.strerror})") from error


def encode_png(pixels: Pixels, alpha: Pixels | None = None, *, quick: bool = False) -> bytes:
    """The PNG file, of 8 or 16 bits, of (H, W, 3) uint8 or uint16 pixels and (H, W) alpha of the same type.

    quick: in a quarter of the time, some percent larger; for pictures that are looked at once.

    Raises ValueError for another shape or type.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels must be (H, W, 3) uint8 or uint16, got {pixels.shape} {pixels.dtype}")
    if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
        raise ValueError(f"alpha must be {pixels.shape[:2]} {pixels.dtype}, got {alpha.shape} {alpha.dtype}")
    # PNG is big-endian; from_ndarray takes native numbers for either byte order.
    kind = "rgb24" if pixels.dtype == np.uint8 else "rgb48be"
    if alpha is not None:
        kind = "rgba" if pixels.dtype == np.uint8 else "rgba64be"
    samples = pixels if alpha is None else np.dstack([pixels, alpha])
    if pixels.dtype == np.uint8:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(samples, np.uint8), kind)
    else:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(samples, np.uint16), kind)
    encoder = VideoCodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, kind
    encoder.time_base = Fraction(1, 25)
    if quick:
        encoder.options = {"compression_level": "1"}
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def list_images(path: Path) -> list[Path]:
    """The images of a folder, a pattern (dir/%04d.png, dir/*.png) or a single file, in natural order.

    Raises MediaError when there is none.
    """
    if path.is_dir():
        found = [f for f in path.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES and _visible_file(f)]
        if not found:
            raise MediaError(f"{path}: the folder holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
        return sorted(found, key=natural_order)
    if path.exists():
        return [path]
    if not path.parent.is_dir():
        raise MediaError(f"{path.parent}: no such folder")
    matches = name_pattern(path.name)
    found = [f for f in path.parent.iterdir() if matches.fullmatch(f.name) and _visible_file(f)]
    if not found:
        raise MediaError(f"{path}: no image has such a name")
    return sorted(found, key=natural_order)


class ImageReader:
    """A FrameSource over images of one size; frame n lasts from n to n + 1 in 1/frame_rate seconds."""

    def __init__(self, path: Path, options: ReadOptions | None = None) -> None:
        """Raises MediaError without images or if the first is unreadable, UsageError for an empty part."""
        self._options = options or ReadOptions()
        frame_rate = self._options.frame_rate
        self._time_base = 1 / frame_rate
        everything = list_images(path)
        self.files = _part(everything, self._options)
        first = _decode(self.files[0])
        height, width = first.pixels.shape[:2]
        self._transparent = 0
        self._info = VideoInfo(
            width=width,
            height=height,
            time_base=self._time_base,
            frame_rate=frame_rate,
            frame_count=len(self.files),
            duration=len(self.files) * self._time_base,
            bit_depth=8 if first.pixels.dtype == np.uint8 else min(bit_depth(first.pixel_format), 16),
            pixel_format=first.pixel_format,
            color=_MATRIX_RGB_FULL,
            sample_aspect_ratio=Fraction(1),
            codec=self.files[0].suffix.lower().lstrip("."),
            alpha=first.alpha is not None and _any_transparent(first, self.files),
            trim=self._trim_range(everything) if self._options.cuts else None,
        )

    def _trim_range(self, everything: Sequence[Path]) -> TrimRange:
        start = everything.index(self.files[0]) * self._time_base
        return TrimRange(start=start, end=self._options.end, shift=start)

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def notices(self) -> tuple[str, ...]:
        lines = []
        if self._options.deinterlace == "on":
            lines.append("images are not deinterlaced")
        if self._transparent:
            lines.append(
                f"{self._transparent} images have transparent pixels, which are dropped: "
                "the first, the middle and the last one have none"
            )
        return tuple(lines)

    def __iter__(self) -> Iterator[Frame]:
        info = self._info
        self._transparent = 0
        for index, file in enumerate(self.files):
            image = _decode(file)
            height, width = image.pixels.shape[:2]
            if (width, height) != (info.width, info.height):
                raise MediaError(
                    f"{file}: is {width}x{height}, but {self.files[0].name} is {info.width}x{info.height}; "
                    "all images must have one size"
                )
            alpha = image.alpha
            if info.alpha:
                opaque = np.full((height, width), np.iinfo(image.pixels.dtype).max, image.pixels.dtype)
                alpha = _as_depth(opaque if alpha is None else alpha, info.bit_depth)
            elif alpha is not None:
                self._transparent += not is_opaque(alpha)
                alpha = None
            yield Frame(_as_depth(image.pixels, info.bit_depth), index, 1, self._time_base, alpha)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open between images."""


@dataclass(frozen=True, slots=True)
class _Image:
    """pixel_format: of the file. alpha: None for a format without."""

    pixels: Pixels
    alpha: Pixels | None
    pixel_format: str


def _part(files: list[Path], options: ReadOptions) -> tuple[Path, ...]:
    """The images whose times lie between the options' start and end."""
    rate = options.frame_rate
    first = 0 if options.start is None else ceil(options.start * rate)
    last = len(files) if options.end is None else ceil(options.end * rate)
    if not files[first:last]:
        raise UsageError(
            f"no image lies between {float(options.start or 0):g} s and "
            f"{'the end' if options.end is None else f'{float(options.end):g} s'}: "
            f"{len(files)} images last {float(len(files) / rate):g} s at {rate} a second"
        )
    return tuple(files[first:last])


def _any_transparent(first: _Image, files: Sequence[Path]) -> bool:
    """Whether there is a transparent pixel in the first, the middle or the last image."""
    if first.alpha is not None and not is_opaque(first.alpha):
        return True
    for file in {files[len(files) // 2], files[-1]}:
        try:
            alpha = _decode(file).alpha
        except MediaError:
            continue  # told when its turn comes
        if alpha is not None and not is_opaque(alpha):
            return True
    return False


def _decode(path: Path) -> _Image:
    if not path.is_file():
        raise MediaError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    if not data:
        raise MediaError(f"{path}: the file is empty")
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        # The decoder would allocate what the header claims before it finds the data missing.
        check_size(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"), path)
    try:
        # Read through memory, so that FFmpeg never sees (and never interprets) a name.
        with av.open(
            io.BytesIO(data),
            "r",
            options={"max_pixels": str(MAX_PIXELS)},
            container_options={"format_whitelist": ",".join(sorted(_IMAGE_FORMATS))},
        ) as container:
            stream = container.streams.video[0]
            check_size(stream.codec_context.width, stream.codec_context.height, path)
            picture = next(container.decode(stream))
    except (av.FFmpegError, ValueError, StopIteration, IndexError) as error:
        raise MediaError(f"{path}: cannot be read as an image; it is damaged or of another kind") from error
    name = picture.format.name
    color = resolve_color(
        name,
        picture.height,
        # Untagged Y'CbCr in image files (JPEG, WebP, TIFF) is BT.601 whatever the size.
        matrix=6 if picture.colorspace in (0, 2) else picture.colorspace,
        color_range=picture.color_range,
        primaries=picture.color_primaries,
        transfer=picture.color_trc,
    )
    alpha = read_alpha(picture) if has_alpha(name) else None
    quarters = round(picture.rotation / 90) % 4  # Exif; PNGs are written without
    pixels = _turned(ToRgb(color)(picture), quarters)
    return _Image(pixels, None if alpha is None else _turned(alpha, quarters), name)


def _turned(pixels: Pixels, quarters: int) -> Pixels:
    """Counter-clockwise by that many quarters of a turn."""
    return cast(Pixels, np.ascontiguousarray(np.rot90(pixels, quarters))) if quarters else pixels


def _as_depth(pixels: Pixels, depth: int) -> Pixels:
    """Images of mixed depth in one folder take the first one's."""
    if depth <= 8 and pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if depth > 8 and pixels.dtype == np.uint8:
        return pixels.astype(np.uint16) * 257
    return pixels


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which frame2 comes before frame10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def name_pattern(name: str) -> re.Pattern[str]:
    """`name` with %05d and %d standing for numbers of that width, * and ? as in a shell."""
    pieces = []
    for piece in re.split(r"(%\d*d|\*|\?)", name):
        if piece == "*":
            pieces.append(".*")
        elif piece == "?":
            pieces.append(".")
        elif number := re.fullmatch(r"%(\d*)d", piece):
            pieces.append(rf"\d{{{int(number[1] or 1)},}}")
        else:
            pieces.append(re.escape(piece))
    return re.compile("".join(pieces))


def _visible_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")
