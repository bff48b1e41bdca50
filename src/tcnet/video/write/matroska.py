"""The pixel aspect ratio in Matroska and WebM files, which FFmpeg's muxer cannot be told through PyAV.

It takes the ratio from the stream, which PyAV does not let one set, not from the encoder. So room for it is
made in the header, by a longer name of the track, and used once the file is closed: the Tracks element (RFC
9559, section 5.1.4) is written anew in the same number of bytes.
"""

import zlib
from fractions import Fraction
from pathlib import Path

from av.video.stream import VideoStream

from tcnet.video.ebml import (
    CRC,
    HEAD_BYTES,
    NAME,
    SEGMENT,
    TRACK,
    TRACKS,
    VIDEO,
    VOID,
    Element,
    make_element,
    make_number,
    make_void,
    read_elements,
)

_ROOM = "." * 32  # more than both sizes, the unit and an empty element for the rest take
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_UNIT_PIXELS, _UNIT_RATIO = 0, 3


def make_room(stream: VideoStream) -> None:
    """Before the header is written; the stream must be the first of the file, with its final tags."""
    stream.metadata["title"] = stream.metadata.get("title", "") + _ROOM


def set_pixel_aspect(path: Path, width: int, height: int, ratio: Fraction) -> None:
    """State the ratio (width : height of a pixel) in a closed file for whose video room was made.

    width, height: of the coded picture. The picture's height is kept and its width stretched, in pixels where
    that gives a whole number (and in WebM, which has no other unit), else as a ratio.
    """
    with path.open("r+b") as file:
        head = file.read(HEAD_BYTES)
        segment = _find(head, 0, len(head), SEGMENT)
        tracks = _find(head, segment.content, len(head), TRACKS)
        _, _, content, end = tracks
        inside = list(read_elements(head, content, end))
        entries = [element for element in inside if element.kind not in (CRC, VOID)]
        has_crc = any(element.kind == CRC for element in inside)
        is_webm = b"webm" in head[: segment.start]
        body = _with_display_size(head, entries[0], _display_size(width, height, ratio, is_webm))
        body += b"".join(head[e.start : e.stop] for e in entries[1:])
        body += make_void(end - content - len(body) - (6 if has_crc else 0))
        if has_crc:
            body = make_element(CRC, zlib.crc32(body).to_bytes(4, "little")) + body
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
    found = make_element(_DISPLAY_WIDTH, make_number(sizes[0])) + make_element(
        _DISPLAY_HEIGHT, make_number(sizes[1])
    )
    return found if unit == _UNIT_PIXELS else found + make_element(_DISPLAY_UNIT, make_number(unit))


def _with_display_size(head: bytes, track: Element, display: bytes) -> bytes:
    """The TrackEntry with its own name again and with `display` in its Video element."""
    body = b""
    for kind, start, content, end in read_elements(head, track.content, track.stop):
        if kind == NAME:
            name = head[content:end].decode().removesuffix(_ROOM)
            body += make_element(NAME, name.encode()) if name else b""
        elif kind == VIDEO:
            replaced = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT, VOID)
            kept = [e for e in read_elements(head, content, end) if e.kind not in replaced]
            body += make_element(VIDEO, b"".join(head[e.start : e.stop] for e in kept) + display)
        elif kind != VOID:
            body += head[start:end]
    return make_element(TRACK, body)


def _find(data: bytes, start: int, end: int, kind: int) -> Element:
    return next(e for e in read_elements(data, start, end) if e.kind == kind)
