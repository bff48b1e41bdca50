"""The elements that Matroska and WebM files are made of (RFC 8794), read and written as bytes."""

from collections.abc import Iterator
from typing import NamedTuple

HEAD_BYTES = 1 << 20
"""Where the tracks are described: at the front, in far less than this."""
SEGMENT, TRACKS, TRACK, NAME, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x536E, 0xE0
INFO, MUXING_APP = 0x1549A966, 0x4D80
CRC, VOID = 0xBF, 0xEC


class Element(NamedTuple):
    """Where an element lies in some bytes: its head from `start`, what it holds from `content` to `stop`."""

    kind: int
    start: int
    content: int
    stop: int


def read_elements(data: bytes, start: int, stop: int) -> Iterator[Element]:
    """The elements between two offsets, up to the first that is none. One of unknown size, or that goes on
    behind `stop`, ends there."""
    while start < stop:
        at = start + 9 - data[start].bit_length()
        if at > start + 4 or at >= stop:
            return
        content = at + 9 - data[at].bit_length()
        if content > at + 8 or content > stop:
            return
        unknown = (1 << 7 * (content - at)) - 1  # all ones
        size = int.from_bytes(data[at:content], "big") & unknown
        end = stop if size == unknown else min(content + size, stop)
        yield Element(int.from_bytes(data[start:at], "big"), start, content, end)
        start = end


def read_first(head: bytes, *kinds: int) -> dict[int, bytes]:
    """What the first element of the segment at the path of `kinds` holds, by kind; nothing where there is
    none, or where the head of a file cannot be read as Matroska."""
    places = [(0, len(head))]
    for kind in (SEGMENT, *kinds):
        elements = (element for place in places for element in read_elements(head, *place))
        places = [(element.content, element.stop) for element in elements if element.kind == kind]
    if not places:
        return {}
    return {e.kind: head[e.content : e.stop] for e in read_elements(head, *places[0])}


def make_element(kind: int, content: bytes, size_length: int | None = None) -> bytes:
    """The bytes of an element. size_length: bytes that its size takes, as few as possible by default."""
    if size_length is None:
        # A size of all ones means unknown, hence the + 1.
        size_length = max(1, -(-(len(content) + 1).bit_length() // 7))
    size = len(content) + (1 << (7 * size_length))
    return make_number(kind) + size.to_bytes(size_length, "big") + content


def make_void(length: int) -> bytes:
    """An element of `length` >= 2 bytes that says nothing."""
    size_length = 1 if length < 10 else 8
    return make_element(VOID, bytes(length - 1 - size_length), size_length)


def make_number(value: int) -> bytes:
    """An unsigned integer in as few bytes as it needs."""
    return value.to_bytes(max(1, -(-value.bit_length() // 8)), "big")
