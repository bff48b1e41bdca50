"""The pixel aspect ratio in Matroska and WebM files, which FFmpeg's muxer cannot be told through PyAV.

It takes the ratio from the stream, which PyAV does not let one set, not from the encoder. So room for it is
made in the header, by a longer name of the track, and used once the file is closed: the Tracks element (RFC
9559, section 5.1.4) is written anew in the same number of bytes.
"""

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from av.video.stream import VideoStream

_ROOM = "." * 32  # more than both sizes, the unit and an empty element for the rest take
_HEAD_BYTES = 1 << 20  # the header is at the front, and far smaller

_SEGMENT, _TRACKS, _TRACK, _NAME, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x536E, 0xE0
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_CRC, _VOID = 0xBF, 0xEC
_UNIT_PIXELS, _UNIT_RATIO = 0, 3

Element = tuple[int, int, int, int]
"""(id, start, start of the content, end), the last three in bytes of the file."""


def make_room(stream: VideoStream) -> None:
    """Before the header is written; the stream must be the first of the file, with its final tags."""
    stream.metadata["title"] = stream.metadata.get("title", "") + _ROOM


def set_pixel_aspect(path: Path, width: int, height: int, ratio: Fraction) -> None:
    """State the ratio (width : height of a pixel) in a closed file for whose video room was made.

    width, height: of the coded picture. The picture's height is kept and its width stretched, in pixels where
    that gives a whole number (and in WebM, which has no other unit), else as a ratio.
    """
    with path.open("r+b") as file:
        head = file.read(_HEAD_BYTES)
        segment = _find(head, 0, len(head), _SEGMENT)
        tracks = _find(head, segment[2], len(head), _TRACKS)
        _, _, content, end = tracks
        entries = [e for e in _elements(head, content, end) if e[0] not in (_CRC, _VOID)]
        has_crc = any(e[0] == _CRC for e in _elements(head, content, end))
        is_webm = b"webm" in head[: segment[1]]
        body = _with_display_size(head, entries[0], _display_size(width, height, ratio, is_webm))
        body += b"".join(head[e[1] : e[3]] for e in entries[1:])
        body += _void(end - content - len(body) - (6 if has_crc else 0))
        if has_crc:
            body = _element(_CRC, zlib.crc32(body).to_bytes(4, "little")) + body
        assert len(body) == end - content
        file.seek(content)
        file.write(body)


def _display_size(width: int, height: int, ratio: Fraction, is_webm: bool) -> bytes:
    wide = width * ratio
    if is_webm or wide.denominator == 1:
        sizes, unit = (max(1, round(wide)), height), _UNIT_PIXELS
    else:
        shape = wide / height
        sizes, unit = (shape.numerator, shape.denominator), _UNIT_RATIO
    found = _element(_DISPLAY_WIDTH, _number(sizes[0])) + _element(_DISPLAY_HEIGHT, _number(sizes[1]))
    return found if unit == _UNIT_PIXELS else found + _element(_DISPLAY_UNIT, _number(unit))


def _with_display_size(head: bytes, track: Element, display: bytes) -> bytes:
    """The TrackEntry with its own name again and with `display` in its Video element."""
    body = b""
    for kind, start, content, end in _elements(head, track[2], track[3]):
        if kind == _NAME:
            name = head[content:end].decode().removesuffix(_ROOM)
            body += _element(_NAME, name.encode()) if name else b""
        elif kind == _VIDEO:
            replaced = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT, _VOID)
            kept = [e for e in _elements(head, content, end) if e[0] not in replaced]
            body += _element(_VIDEO, b"".join(head[e[1] : e[3]] for e in kept) + display)
        elif kind != _VOID:
            body += head[start:end]
    return _element(_TRACK, body)


def _find(data: bytes, start: int, end: int, kind: int) -> Element:
    return next(e for e in _elements(data, start, end) if e[0] == kind)


def _elements(data: bytes, start: int, end: int) -> Iterator[Element]:
    while start < end:
        id_length = 9 - data[start].bit_length()
        at = start + id_length
        size_length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + size_length], "big") - (1 << (7 * size_length))
        content = at + size_length
        yield int.from_bytes(data[start:at], "big"), start, content, content + size
        start = content + size


def _element(kind: int, content: bytes, size_length: int | None = None) -> bytes:
    if size_length is None:
        # A size of all ones means unknown, hence the + 1.
        size_length = max(1, -(-(len(content) + 1).bit_length() // 7))
    size = len(content) + (1 << (7 * size_length))
    return kind.to_bytes(-(-kind.bit_length() // 8), "big") + size.to_bytes(size_length, "big") + content


def _void(length: int) -> bytes:
    """An element of `length` >= 2 bytes that says nothing."""
    if length < 10:
        return _element(_VOID, bytes(length - 2), 1)
    return _element(_VOID, bytes(length - 9), 8)


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, -(-value.bit_length() // 8)), "big")
