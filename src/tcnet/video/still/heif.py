"""HEIF: AVIF and HEIC, whose picture is often laid out in tiles, each coded by itself (ISO/IEC 23008-12).

FFmpeg gives the tiles as streams that nothing joins; here the file's own description is read, and each tile
decoded by FFmpeg's decoder.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import av
import numpy as np

from tcnet.errors import MediaError
from tcnet.video.color.planes import plane_samples
from tcnet.video.containers import MAX_PIXELS
from tcnet.video.frame import Pixels

_BRANDS = frozenset([b"avif", b"mif1", b"mif2", b"miaf", b"heic", b"heix", b"heim", b"heis", b"heif"])
_DECODERS = {b"av01": "libdav1d", b"hvc1": "hevc"}
_CONFIGURATIONS = {b"av01": b"av1C", b"hvc1": b"hvcC"}
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_MOST_PIECES = 4096
Decode = Callable[[str, bytes, bytes], av.VideoFrame]


@dataclass(slots=True)
class _Item:
    """extents: (offset, length) in the file, or in the box idat where `inside`."""

    kind: bytes = b""
    extents: list[tuple[int, int]] = field(default_factory=list)
    inside: bool = False
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)

    def property(self, kind: bytes) -> bytes | None:
        return next((body for name, body in self.properties if name == kind), None)


@dataclass(frozen=True, slots=True)
class _Grid:
    rows: int
    columns: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class HeifPicture:
    """color: (matrix, full range, primaries, transfer) of the box colr, which counts more than what is coded.
    alpha: of the picture's size, if there is any. width, height: what of the picture is meant."""

    picture: av.VideoFrame
    alpha: av.VideoFrame | None
    color: tuple[int, bool, int, int] | None
    width: int
    height: int
    transforms: tuple[tuple[bytes, bytes], ...]


def is_heif(start: bytes) -> bool:
    """Whether the first bytes of a file name a brand of still pictures, its own or a compatible one."""
    if start[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return any(start[place : place + 4] in _BRANDS for place in (8, *range(16, end - 3, 4)))


def heif_header(data: bytes, path: Path) -> tuple[int, int, int, bool]:
    """(width, height, depth, whether there is alpha), upright. Raises like `decode_heif`."""
    file = _File(data, path)
    item = file.primary()
    size = item.property(b"ispe")
    if size is None or len(size) < 12:
        raise ValueError("no size")
    width, height = struct.unpack(">II", size[4:12])
    for kind, body in item.properties:
        if kind == b"clap":
            left, top, right, bottom = _aperture(body, width, height)
            width, height = right - left, bottom - top
        elif kind == b"irot" and body[0] & 1:
            width, height = height, width
    bits = item.property(b"pixi")
    depth = max(bits[5:]) if bits is not None and len(bits) > 5 else file.coded_depth()
    return width, height, max(8, min(depth, 16)), file.alpha() is not None


def decode_heif(data: bytes, path: Path, decode: Decode) -> HeifPicture:
    """decode: by FFmpeg's name of a codec, of data and extradata.

    Raises MediaError for what is not supported, ValueError, IndexError or struct.error for damage.
    """
    file = _File(data, path)
    item = file.primary()
    picture, grid = file.picture(file.primary_id, decode)
    alpha_id = file.alpha()
    alpha = None if alpha_id is None else file.picture(alpha_id, decode)[0]
    if alpha is not None and (alpha.width, alpha.height) != (picture.width, picture.height):
        raise MediaError(f"{path}: HEIF with alpha of another size is not supported; convert it to PNG first")
    width, height = (grid.width, grid.height) if grid else (picture.width, picture.height)
    return HeifPicture(picture, alpha, _color(item), width, height, tuple(item.properties))


def transformed(pixels: Pixels, transforms: Sequence[tuple[bytes, bytes]]) -> Pixels:
    """(H, W, ...) cut out, turned and mirrored as the file says, in its order."""
    for kind, body in transforms:
        if kind == b"clap":
            left, top, right, bottom = _aperture(body, pixels.shape[1], pixels.shape[0])
            pixels = pixels[top:bottom, left:right]
        elif kind == b"irot":
            pixels = np.rot90(pixels, body[0] & 3)
        elif kind == b"imir":
            pixels = pixels[:, ::-1] if body[0] & 1 else pixels[::-1]
    return cast(Pixels, np.ascontiguousarray(pixels))


class _File:
    """The box meta: which items there are, where, and what belongs to them."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._data = data
        self._path = path
        try:
            meta = next(data[start:end] for kind, start, end in _boxes(data, 0, len(data)) if kind == b"meta")
            self._read(meta)
        except (StopIteration, IndexError, struct.error) as error:
            raise ValueError("no pictures are described") from error

    def _read(self, meta: bytes) -> None:
        boxes = {kind: meta[start:end] for kind, start, end in _boxes(meta, 4, len(meta))}
        self.primary_id = _number(boxes[b"pitm"], 4, 4 if boxes[b"pitm"][0] else 2) if b"pitm" in boxes else 0
        self._idat = boxes.get(b"idat", b"")
        self._items: dict[int, _Item] = {}
        for number, kind in _item_kinds(boxes.get(b"iinf", bytes(6))):
            self._items[number] = _Item(kind)
        for number, inside, extents in _locations(boxes.get(b"iloc", bytes(8))):
            item = self._items.setdefault(number, _Item())
            item.inside, item.extents = inside, extents
        self._references = list(_references(boxes.get(b"iref", bytes(4))))
        if b"iprp" in boxes:
            for number, properties in _properties(boxes[b"iprp"]).items():
                self._items.setdefault(number, _Item()).properties = properties

    def primary(self) -> _Item:
        """Raises MediaError for a kind that is not supported."""
        item = self._items.get(self.primary_id)
        if item is None:
            raise ValueError("no primary picture")
        if item.kind != b"grid" and item.kind not in _DECODERS:
            raise self._unsupported(item.kind)
        return item

    def alpha(self) -> int | None:
        """The item that is the primary picture's alpha."""
        for kind, source, targets in self._references:
            if kind == b"auxl" and self.primary_id in targets and source in self._items:
                name = self._items[source].property(b"auxC")
                if name is not None and name[4:].split(b"\0")[0] in _ALPHA:
                    return source
        return None

    def coded_depth(self) -> int:
        """Where no box pixi tells it."""
        coded = (
            self._items[self._tiles(self.primary_id)[0]] if self.primary().kind == b"grid" else self.primary()
        )
        configuration = coded.property(_CONFIGURATIONS.get(coded.kind, b"")) or b""
        if coded.kind == b"hvc1" and len(configuration) > 17:
            return 8 + (configuration[17] & 7)
        if coded.kind == b"av01" and len(configuration) > 2:
            high, twelve = configuration[2] >> 6 & 1, configuration[2] >> 5 & 1
            return 12 if high and twelve else 10 if high else 8
        return 8

    def picture(self, number: int, decode: Decode) -> tuple[av.VideoFrame, _Grid | None]:
        """An item decoded, and how its tiles lie if it has some, which may cover more than the picture."""
        item = self._items[number]
        if item.kind != b"grid":
            return self._coded(number, decode), None
        grid = _grid(self._content(item))
        tiles = self._tiles(number)
        if len(tiles) != grid.rows * grid.columns or len(tiles) > _MOST_PIECES:
            raise ValueError(f"{len(tiles)} tiles, expected {grid.rows}x{grid.columns}")
        joined = _joined((self._coded(tile, decode) for tile in tiles), grid)
        if joined.width < grid.width or joined.height < grid.height:
            raise ValueError("the tiles do not cover the picture")
        return joined, grid

    def _coded(self, number: int, decode: Decode) -> av.VideoFrame:
        item = self._items[number]
        if item.kind not in _DECODERS:
            raise self._unsupported(item.kind)
        configuration = item.property(_CONFIGURATIONS[item.kind]) or b""
        return decode(_DECODERS[item.kind], self._content(item), configuration)

    def _tiles(self, number: int) -> Sequence[int]:
        for kind, source, targets in self._references:
            if kind == b"dimg" and source == number:
                if any(target not in self._items for target in targets):
                    raise ValueError("a tile is missing")
                return targets
        raise ValueError("no tiles")

    def _content(self, item: _Item) -> bytes:
        source = self._idat if item.inside else self._data
        parts = []
        for offset, length in item.extents:
            part = source[offset : offset + length] if length else source[offset:]
            if len(part) < max(length, 1):
                raise ValueError("cut short")
            parts.append(part)
        return b"".join(parts)

    def _unsupported(self, kind: bytes) -> MediaError:
        name = kind.decode("ascii", "replace").strip() or "unknown"
        return MediaError(
            f"{self._path}: HEIF with a picture of kind {name!r} is not supported; convert it to PNG first"
        )


def _joined(tiles: Iterator[av.VideoFrame], grid: _Grid) -> av.VideoFrame:
    """The planes side by side, so that chroma is interpolated across the tiles' borders."""
    first = next(tiles)
    if first.width * first.height * grid.rows * grid.columns > 2 * MAX_PIXELS:
        raise ValueError(f"{grid.columns}x{grid.rows} tiles of {first.width}x{first.height}")
    joined = av.VideoFrame(first.width * grid.columns, first.height * grid.rows, first.format.name)
    joined.colorspace, joined.color_range = first.colorspace, first.color_range
    joined.color_primaries, joined.color_trc = first.color_primaries, first.color_trc
    for index, tile in enumerate(_chained(first, tiles)):
        row, column = divmod(index, grid.columns)
        if (tile.width, tile.height, tile.format.name) != (first.width, first.height, first.format.name):
            raise ValueError("tiles of several sizes or formats")
        for number in range(len(tile.planes)):
            samples = plane_samples(tile, number)
            target = plane_samples(joined, number)
            height, width = samples.shape
            if target.shape != (height * grid.rows, width * grid.columns):
                raise ValueError("tiles of odd size")
            target[row * height : (row + 1) * height, column * width : (column + 1) * width] = samples
    return joined


def _chained(first: av.VideoFrame, rest: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    yield first
    yield from rest


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its body begins, where it ends) of each box between `start` and `end`."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            raise struct.error("a box is cut short")
        yield kind, start + head, start + size
        start += size


def _number(data: bytes, place: int, size: int) -> int:
    if place + size > len(data):
        raise struct.error("cut short")
    return int.from_bytes(data[place : place + size], "big")


def _item_kinds(body: bytes) -> Iterator[tuple[int, bytes]]:
    wide = 4 if body[0] else 2
    for kind, start, end in _boxes(body, 4 + wide, len(body)):
        entry = body[start:end]
        if kind == b"infe" and entry[0] >= 2:
            size = 2 if entry[0] == 2 else 4
            yield _number(entry, 4, size), entry[4 + size + 2 : 4 + size + 6]


def _locations(body: bytes) -> Iterator[tuple[int, bool, list[tuple[int, int]]]]:
    version = body[0]
    offset_size, length_size, base_size, index_size = body[4] >> 4, body[4] & 15, body[5] >> 4, body[5] & 15
    wide = 4 if version == 2 else 2
    place = 6 + wide
    for _ in range(_number(body, 6, wide)):
        number = _number(body, place, wide)
        place += wide
        method = 0
        if version:
            method = _number(body, place, 2) & 15
            place += 2
        place += 2  # which file: this one
        base = _number(body, place, base_size)
        place += base_size
        count = _number(body, place, 2)
        place += 2
        extents = []
        for _ in range(count):
            place += index_size if version else 0
            offset = _number(body, place, offset_size)
            length = _number(body, place + offset_size, length_size)
            place += offset_size + length_size
            extents.append((base + offset, length))
        if method < 2:  # the third is an offset in other items: nothing here needs it
            yield number, method == 1, extents


def _references(body: bytes) -> Iterator[tuple[bytes, int, list[int]]]:
    size = 4 if body[0] else 2
    for kind, start, end in _boxes(body, 4, len(body)):
        entry = body[start:end]
        count = _number(entry, size, 2)
        yield (
            kind,
            _number(entry, 0, size),
            [_number(entry, size + 2 + index * size, size) for index in range(count)],
        )


def _properties(body: bytes) -> Mapping[int, list[tuple[bytes, bytes]]]:
    """Of each item, in the order in which they apply."""
    known: list[tuple[bytes, bytes]] = []
    found: dict[int, list[tuple[bytes, bytes]]] = {}
    for kind, start, end in _boxes(body, 0, len(body)):
        box = body[start:end]
        if kind == b"ipco":
            known = [(name, box[first:last]) for name, first, last in _boxes(box, 0, len(box))]
        if kind != b"ipma":
            continue
        wide, long_index = (4 if box[0] else 2), bool(box[3] & 1)
        place = 8
        for _ in range(_number(box, 4, 4)):
            number, count = _number(box, place, wide), _number(box, place + wide, 1)
            place += wide + 1
            for _ in range(count):
                index = _number(box, place, 2) & 0x7FFF if long_index else box[place] & 0x7F
                place += 2 if long_index else 1
                if 0 < index <= len(known):
                    found.setdefault(number, []).append(known[index - 1])
    return found


def _grid(body: bytes) -> _Grid:
    size = 4 if body[1] & 1 else 2
    return _Grid(1 + body[2], 1 + body[3], _number(body, 4, size), _number(body, 4 + size, size))


def _aperture(body: bytes, width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is shown."""
    values = struct.unpack(">IIIIiIiI", body[:32])
    if not all(values[1::2]):
        raise ValueError("an aperture of size 0")
    shown_width, shown_height, right_by, down_by = (values[n] / values[n + 1] for n in range(0, 8, 2))
    left = round(right_by + (width - shown_width) / 2)
    top = round(down_by + (height - shown_height) / 2)
    right, bottom = left + round(shown_width), top + round(shown_height)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError("an aperture outside the picture")
    return left, top, right, bottom


def _color(item: _Item) -> tuple[int, bool, int, int] | None:
    for kind, body in item.properties:
        if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 11:
            primaries, transfer, matrix = struct.unpack(">HHH", body[4:10])
            return matrix, bool(body[10] & 0x80), primaries, transfer
    return None
