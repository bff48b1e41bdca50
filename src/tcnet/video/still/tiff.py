"""TIFF where FFmpeg's decoder of whole files gives nothing or something wrong: tiles, and JPEG inside.

Tiles are given to it one by one, each as a small file of its own. What neither reads is refused by name.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from tcnet.errors import MediaError
from tcnet.video.color.planes import plane_samples
from tcnet.video.frame import Pixels
from tcnet.video.still.ifd import Directory, read_directories

_KIND, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS, _STRIP_SIZES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_SIZES = 320, 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _JPEG_TABLES, _SUBSAMPLING = 338, 339, 347, 530
_JPEG = 7
_COMPRESSIONS = frozenset(
    [1, 2, 3, 4, 5, _JPEG, 8, 32773, 32946]
)  # none, CCITT, LZW, JPEG, Deflate, PackBits
_INVERTED_GRAY, _GRAY, _RGB, _PALETTE_COLOR, _CMYK, _YCC = 0, 1, 2, 3, 5, 6
_SHORT, _LONG = 3, 4  # types of numbers; FFmpeg's decoder takes palettes for the first, whatever is stated
_SMALLER_COPY = 1  # bit of _KIND: a thumbnail
_ALPHA = (1, 2)  # kinds of extra samples: associated, unassociated
_FLOAT = 3
_COPIED_TAGS = (_BITS, _COMPRESSION, _PHOTOMETRIC, 266, _SAMPLES, _PLANAR, 292, _PREDICTOR, _PALETTE,
                _EXTRA_SAMPLES, _SAMPLE_FORMAT, _SUBSAMPLING)  # fmt: skip

Convert = Callable[[av.VideoFrame], tuple[Pixels, Pixels | None]]
Decode = Callable[[str, bytes], av.VideoFrame]


def read_pages(data: bytes, path: Path) -> list[Directory]:
    """The pictures of a file, without smaller copies. Raises MediaError for what is not supported, ValueError
    for damage."""
    if data[2:4] in (b"+\0", b"\0+"):
        raise _unsupported(path, "BigTIFF")
    pages = read_directories(data)
    pages = [page for page in pages if not page.first(_KIND, 0) & _SMALLER_COPY] or pages
    if not pages or not {_WIDTH, _HEIGHT} <= pages[0].numbers.keys():
        raise ValueError("no picture")
    _refuse_unsupported(pages[0], path)
    return pages


def tiff_size(page: Directory) -> tuple[int, int]:
    return page.first(_WIDTH, 0), page.first(_HEIGHT, 0)


def tiff_depth(page: Directory) -> int:
    return max(8, min(16, max(page.numbers.get(_BITS, (1,)))))


def tiff_alpha(page: Directory) -> bool:
    return any(kind in _ALPHA for kind in page.numbers.get(_EXTRA_SAMPLES, ())) or (
        page.first(_PHOTOMETRIC, _GRAY) == _PALETTE_COLOR
    )


def needs_pieces(page: Directory) -> bool:
    """Whether FFmpeg cannot decode the whole file at once."""
    return _TILE_OFFSETS in page.numbers or page.first(_COMPRESSION, 1) == _JPEG


def decode_pieces(
    data: bytes, page: Directory, decode: Decode, convert: Convert
) -> tuple[Pixels, Pixels | None]:
    """(pixels, alpha). decode: by FFmpeg's name of a codec; convert: to pixels and alpha.

    Raises ValueError for pieces that are missing or of another size than stated.
    """
    width, height = tiff_size(page)
    pixels: Pixels | None = None
    alpha: Pixels | None = None
    for piece in _pieces(data, page):
        part, part_alpha = _decoded(piece, page, decode, convert)
        rows, columns = min(piece.height, height - piece.y), min(piece.width, width - piece.x)
        if part.shape[0] < rows or part.shape[1] < columns:
            raise ValueError(f"a piece is {part.shape[1]}x{part.shape[0]}, expected {columns}x{rows}")
        if pixels is None:
            pixels = np.zeros((height, width, 3), part.dtype)
            alpha = None if part_alpha is None else np.zeros((height, width), part.dtype)
        place = (slice(piece.y, piece.y + rows), slice(piece.x, piece.x + columns))
        pixels[place] = part[:rows, :columns]
        if alpha is not None and part_alpha is not None:
            alpha[place] = part_alpha[:rows, :columns]
    if pixels is None:
        raise ValueError("no pieces")
    return pixels, alpha


@dataclass(frozen=True, slots=True)
class _Piece:
    """A strip or a tile."""

    x: int
    y: int
    width: int
    height: int
    data: bytes


def _pieces(data: bytes, page: Directory) -> Iterator[_Piece]:
    width, height = tiff_size(page)
    if _TILE_OFFSETS in page.numbers:
        across, down = page.first(_TILE_WIDTH, 0), page.first(_TILE_HEIGHT, 0)
        offsets, sizes = page.numbers[_TILE_OFFSETS], page.numbers.get(_TILE_SIZES, ())
    else:
        across, down = width, min(height, page.first(_STRIP_ROWS, height))
        offsets, sizes = page.numbers.get(_STRIP_OFFSETS, ()), page.numbers.get(_STRIP_SIZES, ())
    if across < 1 or down < 1:
        raise ValueError(f"pieces of {across}x{down}")
    places = [(x, y) for y in range(0, height, down) for x in range(0, width, across)]
    for (x, y), offset, size in zip(places, offsets, sizes, strict=True):
        rows = down if _TILE_OFFSETS in page.numbers else min(down, height - y)
        yield _Piece(x, y, across, rows, data[offset : offset + size])


def _decoded(
    piece: _Piece, page: Directory, decode: Decode, convert: Convert
) -> tuple[Pixels, Pixels | None]:
    if page.first(_COMPRESSION, 1) != _JPEG:
        return convert(decode("tiff", _small_file(piece, page)))
    tables = page.data.get(_JPEG_TABLES, b"")
    # Both are JPEG streams of their own: start and end where they meet go.
    stream = tables[:-2] + piece.data[2:] if tables else piece.data
    picture = decode("mjpeg", stream)
    if page.first(_PHOTOMETRIC, _YCC) == _RGB:
        return _untransformed(picture), None
    pixels, alpha = convert(picture)
    if page.first(_PHOTOMETRIC, _YCC) == _INVERTED_GRAY:
        pixels = np.iinfo(pixels.dtype).max - pixels
    return pixels, alpha


def _untransformed(picture: av.VideoFrame) -> Pixels:
    """JPEG does not say whether its samples are R'G'B'; TIFF does, and FFmpeg's decoder cannot be told."""
    order = (2, 0, 1) if picture.format.name.startswith("gbr") else (0, 1, 2)
    planes = [plane_samples(picture, index) for index in order]
    if len({plane.shape for plane in planes}) != 1:
        raise ValueError("R'G'B' with planes of several sizes")
    return np.ascontiguousarray(np.dstack(planes))


def _small_file(piece: _Piece, page: Directory) -> bytes:
    """A TIFF file of one strip."""
    tags: dict[int, tuple[int, ...]] = {tag: page.numbers[tag] for tag in _COPIED_TAGS if tag in page.numbers}
    tags |= {_WIDTH: (piece.width,), _HEIGHT: (piece.height,), _STRIP_ROWS: (piece.height,)}
    tags |= {_STRIP_OFFSETS: (0,), _STRIP_SIZES: (len(piece.data),)}
    mark = "<" if page.order == "little" else ">"
    values_at = 8 + 2 + 12 * len(tags) + 4
    long_values = {
        tag: struct.pack(f"{mark}{len(v)}{'H' if tag == _PALETTE else 'I'}", *v)
        for tag, v in tags.items()
        if len(v) > 1
    }
    tags[_STRIP_OFFSETS] = (values_at + sum(map(len, long_values.values())),)
    entries = b""
    for tag, values in sorted(tags.items()):
        kind = _SHORT if tag == _PALETTE else _LONG
        entries += struct.pack(f"{mark}HHI", tag, kind, len(values))
        entries += struct.pack(f"{mark}I", values[0] if tag not in long_values else values_at)
        values_at += len(long_values.get(tag, b""))
    magic = b"II*\0" if page.order == "little" else b"MM\0*"
    head = magic + struct.pack(f"{mark}IH", 8, len(tags)) + entries + bytes(4)
    return head + b"".join(long_values[tag] for tag in sorted(long_values)) + piece.data


def _refuse_unsupported(page: Directory, path: Path) -> None:
    bits, samples = page.numbers.get(_BITS, (1,)), page.first(_SAMPLES, 1)
    compression, color = page.first(_COMPRESSION, 1), page.first(_PHOTOMETRIC, _GRAY)
    form = page.first(_SAMPLE_FORMAT, 1)
    if compression == 6:
        raise _unsupported(path, "TIFF with JPEG of the old kind (compression 6)")
    if compression not in _COMPRESSIONS:
        raise _unsupported(path, f"TIFF of compression {compression}")
    if form == _FLOAT and not (set(bits) == {32} and color == _RGB and samples in (3, 4)):
        raise _unsupported(path, f"TIFF of {bits[0]}-bit floating-point samples, {samples} a pixel,")
    if form == 2 or (form != _FLOAT and max(bits) > 16):
        raise _unsupported(path, f"TIFF of {bits[0]}-bit {'signed ' * (form == 2)}samples")
    if color not in (_INVERTED_GRAY, _GRAY, _RGB, _PALETTE_COLOR, _CMYK, _YCC):
        raise _unsupported(path, f"TIFF of colour kind {color} (PhotometricInterpretation)")
    deep = max(bits)
    if deep not in (1, 2, 4, 8, 12, 16, 32) or (deep == 12 and color != _GRAY):
        raise _unsupported(path, f"TIFF of {deep}-bit samples, colour kind {color},")
    if samples > 4:
        raise _unsupported(path, f"TIFF of {samples} samples a pixel")
    pieces = needs_pieces(page)
    if pieces and page.first(_PLANAR, 1) == 2 and samples > 1:
        raise _unsupported(path, "TIFF of tiles or JPEG in separate planes")
    if compression == _JPEG and (color in (_CMYK, _PALETTE_COLOR) or max(bits) > 8 or samples not in (1, 3)):
        raise _unsupported(path, f"TIFF with JPEG of {samples} samples a pixel, {max(bits)} bits")


def _unsupported(path: Path, what: str) -> MediaError:
    return MediaError(f"{path}: {what} is not supported; convert it to 8- or 16-bit RGB or PNG first")
