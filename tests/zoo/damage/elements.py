"""Damage that keeps a file's structure: to boxes, elements, chunks, segments and tags, whatever a format has."""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_ISO = {
    b"moov",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"dinf",
    b"edts",
    b"udta",
    b"iprp",
    b"ipco",
    b"meta",
    b"stsd",
}
_ISO_SKIPPED = {b"meta": 4, b"stsd": 8}  # bytes between a box's head and the boxes in it
_EBML = {0x1A45DFA3, 0x18538067, 0x114D9B74, 0x4DBB, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1F43B675, 0xA0,
         0x1C53BB6B, 0xBB, 0xB7, 0x1254C367, 0x7373, 0x1043A770, 0x1941A469, 0x61A7}  # fmt: skip
_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True)
class Element:
    """Bytes from `start` to `end`; the name lies at `name` (from, to), the size at `size`, contents from `body` on."""

    start: int
    end: int
    name: tuple[int, int]
    size: tuple[int, int]
    body: int


def elements(data: bytes) -> list[Element]:
    """Those of a file, outer ones first; of a kind that is not known, pieces of 188 bytes."""
    if data[4:8] == b"ftyp":
        return list(_iso(data, 0, len(data)))
    if data[:4] == b"\x1aE\xdf\xa3":
        return list(_ebml(data, 0, len(data)))
    if data[:4] == b"RIFF":
        return list(_riff(data, 12, len(data)))
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return list(_png(data))
    if data[:2] == b"\xff\xd8":
        return list(_jpeg(data))
    if data[:4] in (b"II*\0", b"MM\0*"):
        return list(_tiff(data))
    return [
        Element(n, min(n + 188, len(data)), (n, n + 1), (n + 1, n + 3), n + 4)
        for n in range(0, len(data), 188)
    ]


def _iso(data: bytes, start: int, end: int) -> Iterator[Element]:
    while start + 8 <= end:
        size = struct.unpack_from(">I", data, start)[0] or end - start
        if size < 8 or start + size > end:
            return
        name = data[start + 4 : start + 8]
        yield Element(start, start + size, (start + 4, start + 8), (start, start + 4), start + 8)
        if name in _ISO:
            yield from _iso(data, start + 8 + _ISO_SKIPPED.get(name, 0), start + size)
        start += size


def _ebml(data: bytes, start: int, end: int) -> Iterator[Element]:
    while start + 2 <= end and data[start]:
        name_length = 9 - data[start].bit_length()
        size_at = start + name_length
        if size_at >= end or not data[size_at]:
            return
        size_length = 9 - data[size_at].bit_length()
        size = int.from_bytes(data[size_at : size_at + size_length], "big") & ((1 << 7 * size_length) - 1)
        body = size_at + size_length
        stop = end if size == (1 << 7 * size_length) - 1 else min(end, body + size)
        yield Element(start, stop, (start, size_at), (size_at, body), body)
        if int.from_bytes(data[start:size_at], "big") in _EBML:
            yield from _ebml(data, body, stop)
        start = stop


def _riff(data: bytes, start: int, end: int) -> Iterator[Element]:
    while start + 8 <= end:
        size = struct.unpack_from("<I", data, start + 4)[0]
        stop = min(end, start + 8 + size)
        yield Element(start, stop, (start, start + 4), (start + 4, start + 8), start + 8)
        if data[start : start + 4] == b"LIST":
            yield from _riff(data, start + 12, stop)
        start = stop + size % 2


def _png(data: bytes) -> Iterator[Element]:
    start = 8
    while start + 12 <= len(data):
        stop = start + 12 + struct.unpack_from(">I", data, start)[0]
        yield Element(start, min(stop, len(data)), (start + 4, start + 8), (start, start + 4), start + 8)
        start = stop


def _jpeg(data: bytes) -> Iterator[Element]:
    start = 2
    while start + 4 <= len(data) and data[start] == 0xFF:
        stop = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
        last = data[start + 1] == 0xDA
        yield Element(
            start, len(data) if last else stop, (start + 1, start + 2), (start + 2, start + 4), start + 4
        )
        if last:
            return
        start = stop


def _tiff(data: bytes) -> Iterator[Element]:
    mark = "<" if data[:2] == b"II" else ">"
    (place,) = struct.unpack_from(f"{mark}I", data, 4)
    (count,) = struct.unpack_from(f"{mark}H", data, place)
    for at in range(place + 2, place + 2 + 12 * count, 12):
        yield Element(at, at + 12, (at, at + 2), (at + 4, at + 8), at + 8)


def hide_an_element(data: bytes, dice: random.Random) -> bytes:
    """Its name becomes one that nobody knows, so that all else stays in its place."""
    chosen = _choice(data, dice)
    unknown = bytes(byte ^ 0x20 for byte in data[slice(*chosen.name)])
    return _put(data, chosen.name[0], unknown)


def zero_an_element(data: bytes, dice: random.Random) -> bytes:
    chosen = _choice(data, dice)
    return _put(data, chosen.body, bytes(max(0, chosen.end - chosen.body)))


def fill_an_element(data: bytes, dice: random.Random) -> bytes:
    chosen = _choice(data, dice)
    return _put(data, chosen.body, dice.randbytes(max(0, chosen.end - chosen.body)))


def put_an_extreme_number(data: bytes, dice: random.Random) -> bytes:
    """Into a small element, where most bytes are numbers."""
    chosen = _choice(data, dice, most=200)
    room = max(1, chosen.end - chosen.body)
    size = dice.choice([size for size in (1, 2, 4) if size <= room] or [1])
    number = dice.choice(_EXTREMES) & ((1 << 8 * size) - 1)
    place = chosen.body + dice.randrange(max(1, room - size + 1))
    return _put(data, place, number.to_bytes(size, dice.choice(("big", "little"))))


def misstate_a_size(data: bytes, dice: random.Random) -> bytes:
    chosen = _choice(data, dice)
    length = chosen.size[1] - chosen.size[0]
    stated = int.from_bytes(data[slice(*chosen.size)], "big")
    wrong = dice.choice([0, 1, stated // 2, stated + 1, stated * 3, (1 << 8 * length) - 1])
    return _put(data, chosen.size[0], (wrong % (1 << 8 * length)).to_bytes(length, "big"))


def repeat_an_element(data: bytes, dice: random.Random) -> bytes:
    chosen = _choice(data, dice)
    return data[: chosen.end] + data[chosen.start : chosen.end] + data[chosen.end :]


def drop_an_element(data: bytes, dice: random.Random) -> bytes:
    chosen = _choice(data, dice)
    return data[: chosen.start] + data[chosen.end :]


def exchange_two_elements(data: bytes, dice: random.Random) -> bytes:
    one, other = sorted((_choice(data, dice), _choice(data, dice)), key=lambda e: e.start)
    if one.end > other.start:
        return hide_an_element(data, dice)
    middle = data[one.end : other.start]
    return (
        data[: one.start]
        + data[other.start : other.end]
        + middle
        + data[one.start : one.end]
        + data[other.end :]
    )


ELEMENTS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    hide_an_element,
    zero_an_element,
    fill_an_element,
    put_an_extreme_number,
    misstate_a_size,
    repeat_an_element,
    drop_an_element,
    exchange_two_elements,
)


def _choice(data: bytes, dice: random.Random, most: int | None = None) -> Element:
    found = elements(data)
    if most is not None:
        found = [element for element in found if element.end - element.body <= most] or found
    return dice.choice(found)


def _put(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]
