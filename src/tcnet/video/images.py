"""Pictures on disk: folders and patterns of images as a video, PNG out, all with PyAV's own codecs."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from tcnet.errors import MediaError, UsageError
from tcnet.video.atomic_file import replace_file
from tcnet.video.color.alpha import is_opaque
from tcnet.video.frame import ColorSpec, Frame, Pixels, TrimRange, VideoInfo
from tcnet.video.media_kind import IMAGE_SUFFIXES, is_animation
from tcnet.video.read.held_size import HeldSizeMeter, held_height
from tcnet.video.read.read_options import ReadOptions
from tcnet.video.still.header import ImageHeader, read_header
from tcnet.video.still.image_file import decode_image

_MATRIX_RGB_FULL = ColorSpec(matrix=0, full_range=True)


def read_image(path: Path) -> Pixels:
    """One picture: (H, W, 3) uint8 for files of up to 8 bits a channel, else uint16; alpha is dropped.

    Raises MediaError for a file that is missing, no image, damaged, or larger than 16384 pixels a side.
    """
    return decode_image(path).pixels


def write_png(path: Path, pixels: Pixels, alpha: Pixels | None = None, *, quick: bool = False) -> None:
    """Writes a PNG like that of `encode_png`, under another name first, then renamed.

    Raises ValueError for another shape or type, MediaError when the file cannot be written.
    """
    data = encode_png(pixels, alpha, quick=quick)
    work = path.with_name(f".{path.name}.part")
    try:
        work.write_bytes(data)
        replace_file(work, path)
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
    """A FrameSource over images of one size; frame n lasts from n to n + 1 in 1/frame_rate seconds.

    Images of several depths get the deepest one's; where some have alpha, the others are opaque.
    """

    def __init__(self, path: Path, options: ReadOptions | None = None) -> None:
        """Raises MediaError without images, for one that is unreadable by its header, and for images of
        several sizes; UsageError for an empty part."""
        self.path = path
        self._options = options or ReadOptions()
        frame_rate = self._options.frame_rate
        self._time_base = 1 / frame_rate
        self._everything = list_images(path)
        self.files = _part(self._everything, self._options)
        headers = _headers(self.files)
        self._before = _notices_before(headers)
        self._found: list[str] = []
        first = decode_image(self.files[0])
        self._info = VideoInfo(
            width=headers[0].width,
            height=headers[0].height,
            time_base=self._time_base,
            frame_rate=frame_rate,
            frame_count=len(self.files),
            duration=len(self.files) * self._time_base,
            bit_depth=max(header.depth for header in headers),
            pixel_format=first.pixel_format,
            color=_MATRIX_RGB_FULL,
            sample_aspect_ratio=Fraction(1),
            codec=self.files[0].suffix.lower().lstrip("."),
            alpha=_any_transparent(self.files, headers),
            trim=self._trim_range() if self._options.cuts else None,
            held_height=held_height(headers[0].height, _enlarged(first.pixels)),
        )

    def identity(self) -> dict[str, Any]:
        """What tells the images from others, as JSON: their number, and a hash of names, sizes and times."""
        stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in self._everything]
        digest = hashlib.sha256(json.dumps(stats).encode()).hexdigest()[:16]
        return {"images": len(stats), "hash": digest}

    def _trim_range(self) -> TrimRange:
        start = self._everything.index(self.files[0]) * self._time_base
        return TrimRange(start=start, end=self._options.end, shift=start)

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def notices(self) -> tuple[str, ...]:
        lines = list(self._before)
        if self._options.deinterlace in ("on", "double"):
            lines.append("images are not deinterlaced")
        return (*lines, *self._found)

    def __iter__(self) -> Iterator[Frame]:
        info = self._info
        damaged, clipped, transparent = [], [], []
        for index, file in enumerate(self.files):
            image = decode_image(file)
            height, width = image.pixels.shape[:2]
            if (width, height) != (info.width, info.height):  # changed since its header was read
                raise _of_another_size(file, (width, height), self.files[0], (info.width, info.height))
            alpha = image.alpha
            if info.alpha:
                opaque = np.full((height, width), np.iinfo(image.pixels.dtype).max, image.pixels.dtype)
                alpha = _as_depth(opaque if alpha is None else alpha, info.bit_depth)
            elif alpha is not None:
                if not is_opaque(alpha):
                    transparent.append(file.name)
                alpha = None
            damaged += [file.name] * image.damaged
            clipped += [file.name] * image.clipped
            self._found = _notices_after(damaged, clipped, transparent)
            yield Frame(_as_depth(image.pixels, info.bit_depth), index, 1, self._time_base, alpha)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open between images."""


def _headers(files: Sequence[Path]) -> list[ImageHeader]:
    """Of all images, which must have one size. Raises MediaError."""
    headers: list[ImageHeader] = []
    for file in files:
        if is_animation(file):
            raise MediaError(f"{file}: is an animation, not a single image; give it by itself")
        header = read_header(file)
        headers.append(header)
        size, wanted = (header.width, header.height), (headers[0].width, headers[0].height)
        if size != wanted:
            raise _of_another_size(file, size, files[0], wanted)
    return headers


def _of_another_size(file: Path, size: tuple[int, int], first: Path, wanted: tuple[int, int]) -> MediaError:
    return MediaError(
        f"{file}: is {size[0]}x{size[1]}, but {first.name} is {wanted[0]}x{wanted[1]}; "
        "all images must have one size"
    )


def _notices_before(headers: Sequence[ImageHeader]) -> list[str]:
    """Notices that are known before the first frame."""
    lines = []
    depths = sorted({header.depth for header in headers})
    if len(depths) > 1:
        lines.append(
            f"images of {' and '.join(map(str, depths))} bits a channel are mixed: all get {depths[-1]}"
        )
    if several := sum(header.pictures > 1 for header in headers):
        most = max(header.pictures for header in headers)
        lines.append(f"{several} images hold several pictures, up to {most}: the first of each is taken")
    return lines


def _notices_after(damaged: Sequence[str], clipped: Sequence[str], transparent: Sequence[str]) -> list[str]:
    lines = []
    if damaged:
        lines.append(f"{len(damaged)} images were decoded with errors, the first is {damaged[0]}")
    if clipped:
        lines.append(
            f"{len(clipped)} images have values beyond 0 to 1, which are clipped, the first is {clipped[0]}"
        )
    if transparent:
        lines.append(
            f"{len(transparent)} images have transparent pixels, which are dropped: none was found in those "
            f"that were looked into beforehand; the first is {transparent[0]}"
        )
    return lines


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


def _enlarged(pixels: Pixels) -> Fraction | None:
    meter = HeldSizeMeter()
    luma = (pixels @ np.array([0.25, 0.5, 0.25], np.float32)).astype(np.float32)
    meter.feed(luma if pixels.dtype == np.uint8 else luma / np.float32(257))
    return meter.factor()


def _any_transparent(files: Sequence[Path], headers: Sequence[ImageHeader]) -> bool:
    """Whether there is a transparent pixel in the first, the middle or the last of the images with alpha."""
    able = [file for file, header in zip(files, headers, strict=True) if header.alpha]
    for file in {able[0], able[len(able) // 2], able[-1]} if able else ():
        try:
            alpha = decode_image(file).alpha
        except MediaError:
            continue  # told when its turn comes
        if alpha is not None and not is_opaque(alpha):
            return True
    return False


def _as_depth(pixels: Pixels, depth: int) -> Pixels:
    """Images of mixed depth in one folder take the deepest one's."""
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
