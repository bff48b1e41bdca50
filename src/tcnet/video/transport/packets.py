"""The packets of a transport stream (ISO/IEC 13818-1, 2.4.3)."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

PACKET = 188
NUMBERS = 1 << 13
STUFFING = NUMBERS - 1  # the number (PID) of packets that hold nothing
_SYNC = 0x47
_SIZES = (PACKET, 192, 204)  # alone, behind a time (Blu-ray), before check bytes (DVB)
_CERTAIN = 5  # packets side by side that are no chance
_LOOKED_AT = 1 << 16  # bytes, for the next packet
_CHUNK = 1 << 24


def packet_size(file: BinaryIO) -> int | None:
    """Of the packets that a file begins with, at the latest after some damage."""
    head = np.frombuffer(file.read(_LOOKED_AT), np.uint8)
    file.seek(0)
    found = [(start, size) for size in _SIZES if (start := _start(head, 0, size, 2 * _CERTAIN)) is not None]
    return min(found)[1] if found else None


def _start(data: Bytes, place: int, size: int, certain: int) -> int | None:
    """Where packets begin, so many side by side or as many as there are."""
    places = place + np.flatnonzero(data[place : place + _LOOKED_AT] == _SYNC)
    good = places + size * np.arange(certain)[:, None]
    inside = good < len(data)
    fits = (~inside | (data[np.minimum(good, len(data) - 1)] == _SYNC)).all(0) & (inside.sum(0) > 1)
    return int(places[fits][0]) if fits.any() else None


def packets(file: BinaryIO, size: int) -> Iterator[tuple[int, Bytes]]:
    """(first byte, (N, size)) of packets side by side."""
    held, at, is_last = b"", 0, False
    while not is_last:
        data = file.read(_CHUNK)
        is_last = len(data) < _CHUNK
        buffer, place = np.frombuffer(held + data, np.uint8), 0
        while place + size * (1 if is_last else _CERTAIN) <= len(buffer):
            start = place if buffer[place] == _SYNC else _start(buffer, place, size, _CERTAIN)
            if start is None:
                place += _LOOKED_AT
                continue
            rows = buffer[start : start + (len(buffer) - start) // size * size].reshape(-1, size)
            lost = np.flatnonzero(rows[:, 0] != _SYNC)
            count = int(lost[0]) if len(lost) else len(rows)
            if count:
                yield at + start, rows[:count]
            place = start + max(count, 1) * size
        place = min(place, len(buffer))
        held, at = buffer[place:].tobytes(), at + place


def numbers_of(data: Bytes, heads: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
    high, low = (data[heads + place].astype(np.uint16) for place in (1, 2))
    return (high & np.uint16(0x1F)) << np.uint16(8) | low


def payload_of(row: Bytes) -> int:
    """Where the payload of a packet begins; behind its end if it has none."""
    if not row[3] & 0x10:
        return PACKET
    return 4 + (1 + int(row[4]) if row[3] & 0x20 else 0)


def time_of(row: Bytes) -> int | None:
    """When what begins in this packet is presented, of a clock of 90 kHz (ISO/IEC 13818-1, 2.4.3.6)."""
    head = row[payload_of(row) : PACKET].tobytes()
    if len(head) < 14 or head[:3] != b"\0\0\1" or not head[7] & 0x80:
        return None
    return (head[9] >> 1 & 7) << 30 | head[10] << 22 | head[11] >> 1 << 15 | head[12] << 7 | head[13] >> 1
