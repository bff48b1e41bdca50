"""The tables of a transport stream that say which streams are in it (ISO/IEC 13818-1, 2.4.4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

Format = tuple[int, bytes]
"""Stream type, and what descriptors say where that does not."""

_SAME = {0x01: 0x02, 0x04: 0x03}  # MPEG-1 and MPEG-2
_NAMES = {
    0x02: ("video", "mpeg2video"), 0x10: ("video", "mpeg4"), 0x1B: ("video", "h264"), 0x24: ("video", "hevc"),
    0x33: ("video", "vvc"), 0x42: ("video", "cavs"), 0xD1: ("video", "dirac"), 0xEA: ("video", "vc1"),
    0x03: ("audio", "mp2"), 0x0F: ("audio", "aac"), 0x11: ("audio", "aac_latm"), 0x81: ("audio", "ac3"),
    0x82: ("audio", "dts"), 0x83: ("audio", "truehd"), 0x84: ("audio", "eac3"), 0x85: ("audio", "dts"),
    0x86: ("audio", "dts"), 0x87: ("audio", "eac3"),
}  # fmt: skip
_NAMES_BY_DESCRIPTOR = {
    b"\x6a": ("audio", "ac3"), b"\x7a": ("audio", "eac3"), b"\x7b": ("audio", "dts"),
    b"\x7c": ("audio", "aac"), b"AC-3": ("audio", "ac3"), b"EAC3": ("audio", "eac3"),
    b"Opus": ("audio", "opus"), b"BSSD": ("audio", "s302m"), b"HEVC": ("video", "hevc"),
}  # fmt: skip
_REGISTRATION, _LANGUAGE = 0x05, 0x0A
_FORMATS = frozenset([0x56, 0x59, 0x6A, 0x7A, 0x7B, 0x7C])  # descriptors that say what a private stream is


@dataclass(frozen=True, slots=True)
class Listed:
    """place: of the number in the table."""

    number: int
    place: int
    format: Format
    language: bytes

    @property
    def kind_and_codec(self) -> tuple[str, str] | None:
        return _NAMES.get(self.format[0]) or _NAMES_BY_DESCRIPTOR.get(self.format[1])


def word(data: bytes | bytearray, place: int) -> int:
    return int.from_bytes(data[place : place + 2])


@lru_cache(maxsize=64)
def programmes_of(section: bytes) -> tuple[tuple[int, int], ...] | None:
    """(programme, number of its table) of a PAT; None for what is damaged or of no effect yet."""
    data = section[: 3 + (word(section, 1) & 0xFFF)]
    if not _is_table(data, 0x00):
        return None
    entries = [(word(data, place), word(data, place + 2) & 0x1FFF) for place in range(8, len(data) - 7, 4)]
    return tuple(entry for entry in entries if entry[0])


@lru_cache(maxsize=64)
def streams_of(section: bytes, programme: int) -> tuple[Listed, ...] | None:
    """Of the PMT of a programme; None for what is damaged, of no effect yet, or another table."""
    if not _is_table(section, 0x02) or word(section, 3) != programme:
        return None
    place = 12 + (word(section, 10) & 0xFFF)
    found = []
    while place + 5 <= len(section) - 4:
        end = place + 5 + (word(section, place + 3) & 0xFFF)
        kind = _SAME.get(section[place], section[place])
        told = dict(_descriptors(section[place + 5 : end]))
        private = b""
        if kind not in _NAMES:
            named = bytes(tag for tag in sorted(told) if tag in _FORMATS)
            private = named or told.get(_REGISTRATION, b"")[:4]
        number = word(section, place + 1) & 0x1FFF
        found.append(Listed(number, place + 1, (kind, private), told.get(_LANGUAGE, b"")[:3]))
        place = end
    return tuple(found)


def _descriptors(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 2 <= len(data):
        end = place + 2 + data[place + 1]
        yield data[place], data[place + 2 : end]
        place = end


def _is_table(section: bytes, kind: int) -> bool:
    whole = 12 <= len(section) == 3 + (word(section, 1) & 0xFFF)
    return whole and section[0] == kind and bool(section[5] & 1) and checksum(section) == 0


def checksum(data: bytes) -> int:
    """CRC-32 of ISO/IEC 13818-1, annex A; 0 of data that ends with its own."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = register << 1 ^ (0x104C11DB7 if register & 0x80000000 else 0)
    return register
