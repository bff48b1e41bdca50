"""The directories of TIFF, in which Exif too is written, and the orientation that cameras note there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from tcnet.video.frame import Pixels

ORIENTATION = 274
_LENGTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGERS = (1, 3, 4, 13)
_MOST_DIRECTORIES = 10_000  # a chain that goes in a circle is cut there


@dataclass(frozen=True, slots=True)
class Directory:
    """One picture's tags. numbers: those of whole numbers; data: the bytes of all others; order: of bytes."""

    numbers: Mapping[int, tuple[int, ...]]
    data: Mapping[int, bytes]
    order: str

    def first(self, tag: int, default: int) -> int:
        values = self.numbers.get(tag)
        return values[0] if values else default


def read_directories(data: bytes, most: int = _MOST_DIRECTORIES) -> list[Directory]:
    """The directories of a TIFF file, in order. ValueError for what is none, and for one cut short.

    A tag whose value lies beyond the end is left out.
    """
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(data[:4])
    if order is None:
        raise ValueError("no TIFF")
    found: list[Directory] = []
    seen: set[int] = set()
    place = _integer(data, 4, 4, order)
    while place and place not in seen and len(found) < most:
        seen.add(place)
        directory, place = _read(data, place, order)
        found.append(directory)
    return found


def exif_orientation(data: bytes) -> int:
    """1 to 8, as Exif counts them; 1 (upright) where nothing or nonsense is stated."""
    try:
        (directory,) = read_directories(data.removeprefix(b"Exif\0\0"), most=1)
    except ValueError:
        return 1
    return orientation(directory)


def orientation(directory: Directory) -> int:
    stated = directory.first(ORIENTATION, 1)
    return stated if 1 <= stated <= 8 else 1


def swaps_sides(orientation: int) -> bool:
    """Whether a picture lies on its side, so that its stored width is its height."""
    return orientation >= 5


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """(H, W, ...) as it was stored to how the camera saw it."""
    if orientation >= 5:  # stored by columns
        pixels = pixels.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return cast(Pixels, np.ascontiguousarray(pixels[::rows, ::columns]))


def _read(data: bytes, place: int, order: str) -> tuple[Directory, int]:
    count = _integer(data, place, 2, order)
    numbers: dict[int, tuple[int, ...]] = {}
    others: dict[int, bytes] = {}
    for at in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind = _integer(data, at, 2, order), _integer(data, at + 2, 2, order)
        size = _LENGTHS.get(kind, 0) * _integer(data, at + 4, 4, order)
        start = at + 8 if size <= 4 else _integer(data, at + 8, 4, order)
        value = data[start : start + size]
        if len(value) < size:
            continue  # whoever needs it misses it
        if kind in _INTEGERS:
            step = _LENGTHS[kind]
            numbers[tag] = tuple(_integer(value, n, step, order) for n in range(0, size, step))
        else:
            others[tag] = value
    end = place + 2 + 12 * count
    following = _integer(data, end, 4, order) if end + 4 <= len(data) else 0
    return Directory(numbers, others, order), following


def _integer(data: bytes, place: int, size: int, order: str) -> int:
    if place + size > len(data):
        raise ValueError("cut short")
    return int.from_bytes(data[place : place + size], "little" if order == "little" else "big")
