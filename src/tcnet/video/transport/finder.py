"""Finds where the streams of a transport stream get other numbers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tcnet.video.transport.packets import (
    NUMBERS,
    PACKET,
    STUFFING,
    Bytes,
    numbers_of,
    packet_size,
    packets,
    payload_of,
    time_of,
)
from tcnet.video.transport.renumbering import Renumbering, Stranger
from tcnet.video.transport.tables import Listed, checksum, programmes_of, streams_of, word

_WRAP = 1 << 33  # of times
_MOST_LAYOUTS = 256
_EARLY = 1 << 20
"""Bytes; what changes this early, and in the first fiftieth of the file, belongs to one recording: FFmpeg has
seen it when it says which streams there are."""


def find_renumbering(file: BinaryIO, file_size: int) -> Renumbering | None:
    """None for what is no transport stream of one programme at a time. file_size: in bytes."""
    try:
        file.seek(0)
        size = packet_size(file)
        return None if size is None else _Finder(size, file_size).find(file)
    except OSError:  # FFmpeg reads on behind what cannot be read, and counts it as damage
        return None


@dataclass(slots=True)
class _Section:
    """A table that is being put together. places: of its bytes in the file; packets: of their heads."""

    data: bytearray = field(default_factory=bytearray)
    places: list[int] = field(default_factory=list)
    packets: list[int] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return len(self.data) >= 3 and len(self.data) >= self.length

    @property
    def length(self) -> int:
        return 3 + (word(self.data, 1) & 0xFFF)


@dataclass(slots=True)
class _Seen:
    """A stranger under its number in the file. end: the byte with which its recording ends. first, last: the
    times seen, of a clock of 90 kHz."""

    number: int
    what: Stranger
    end: int | None = None
    first: int | None = None
    last: int | None = None

    def look(self, begin: int, rows: Bytes, numbers: npt.NDArray[np.uint16]) -> None:
        """Packets side by side, the first one at the byte `begin`."""
        places = begin + np.arange(len(rows)) * rows.shape[1]
        inside = (places >= self.what.begin) & (places < (self.end or places[-1] + 1))
        starts = np.flatnonzero(inside & (numbers == self.number) & (rows[:, 1] & 0x40 > 0))
        ends = (starts[0], starts[-1]) if len(starts) else ()
        times = [time for row in ends if (time := time_of(rows[row])) is not None]
        if times:
            self.first = times[0] if self.first is None else self.first
            self.last = times[-1]

    @property
    def stranger(self) -> Stranger:
        ticks = 0 if self.first is None or self.last is None else (self.last - self.first) % _WRAP
        return replace(self.what, seconds=Fraction(ticks, 90000))


class _Finder:
    def __init__(self, size: int, file_size: int) -> None:
        self._size = size
        self._settled = min(_EARLY, file_size // 50)
        self._sections: dict[int, _Section] = {}
        self._pat: tuple[int, int] | None = None  # (programme, number of its table)
        self._pat_changed: int | None = None
        self._first: tuple[int, int] | None = None  # of the first recording
        self._layout: tuple[int, int, tuple[Listed, ...]] | None = None  # the current one
        self._known: list[Listed] = []
        self._identity = np.arange(NUMBERS, dtype=np.uint16)
        self._changes: list[tuple[int, npt.NDArray[np.uint16]]] = []
        self._replaced: dict[int, int] = {}
        self._own: dict[int, str | None] = {}  # numbers of strangers, and what they stand for
        self._seen: list[_Seen] = []

    def find(self, file: BinaryIO) -> Renumbering | None:
        runs: list[tuple[int, int]] = []
        for begin, rows in packets(file, self._size):
            runs.append((begin, len(rows)))
            if not self._take(begin, rows) or len(self._changes) > _MOST_LAYOUTS:
                return None
        changes = [(0, self._identity), *self._changes]
        places = sorted(self._replaced)
        return Renumbering(
            self._size,
            tuple(runs),
            np.array([begin for begin, _ in changes], np.int64),
            np.stack([numbers for _, numbers in changes]),
            np.array(places, np.int64),
            np.array([self._replaced[place] for place in places], np.uint8),
            tuple(seen.stranger for seen in self._seen),
        )

    def _take(self, begin: int, rows: Bytes) -> bool:
        """Packets side by side. False where several programmes are there at once."""
        numbers = numbers_of(rows.reshape(-1), np.arange(0, rows.size, self._size))
        wanted = {0} if self._pat is None else {0, self._pat[1]}
        for row in np.flatnonzero(numbers == 0):
            start = payload_of(rows[row])
            entries = programmes_of(rows[row, start + 1 : PACKET].tobytes()) or ()
            wanted |= {number for _, number in entries}  # also of what comes between this table and the end
        for row in np.flatnonzero(np.isin(numbers, list(wanted))):
            place = begin + int(row) * self._size
            section = self._section(int(numbers[row]), rows[row], place)
            if section is not None and not self._read_table(int(numbers[row]), section):
                return False
        for seen in self._seen:
            if seen.end is None or seen.end > begin:
                seen.look(begin, rows, numbers)
        return True

    def _section(self, number: int, row: Bytes, place: int) -> _Section | None:
        """The table of that number, if it ends in this packet."""
        start = payload_of(row)
        if row[1] & 0x80 or start >= PACKET:  # damaged, or nothing but stuffing
            return None
        if row[1] & 0x40:
            start += 1 + int(row[start])
            self._sections[number] = _Section()
        section = self._sections.get(number)
        if section is None:
            return None
        section.data += row[start:PACKET].tobytes()
        section.places += range(place + start, place + PACKET)
        section.packets.append(place)
        if not section.complete:
            return None
        del self._sections[number]
        del section.data[section.length :]
        return section

    def _read_table(self, number: int, section: _Section) -> bool:
        data = bytes(section.data)
        if number == 0:
            programmes = programmes_of(data)
            if programmes is not None and len(programmes) != 1:
                return False
            if programmes is not None and programmes[0] != self._pat:
                self._pat, self._pat_changed = programmes[0], section.packets[0]
        elif self._pat is not None and number == self._pat[1]:
            streams = streams_of(data, self._pat[0])
            if streams is not None and (*self._pat, streams) != self._layout:
                self._layout = (*self._pat, streams)
                self._change(streams, section)
        return True

    def _change(self, streams: tuple[Listed, ...], section: _Section) -> None:
        """A table that is not the one before."""
        assert self._pat is not None
        begin = section.packets[0] if self._pat_changed is None else self._pat_changed
        self._pat_changed = None
        if self._first is None or begin < self._settled:
            self._first, self._known = self._pat, list(streams)
            return
        for seen in self._seen:
            seen.end = begin if seen.end is None else seen.end
        pairs = self._pairs(streams, begin)
        if self._pat == self._first and all(old == new for old, new in pairs.items()):
            if self._changes:
                self._changes.append((begin, self._identity))
            return
        numbers = self._identity.copy()
        for old, new in pairs.items():
            numbers[old] = new
        numbers[0] = numbers[self._pat[1]] = STUFFING
        self._changes.append((begin, numbers))
        self._rewrite(section, streams, pairs)

    def _pairs(self, streams: Sequence[Listed], begin: int) -> dict[int, int]:
        """The new number of each stream."""
        left, pairs = list(self._known), dict[int, int]()
        fits: tuple[Callable[[Listed, Listed], bool], ...] = (
            lambda one, other: one.number == other.number,
            lambda one, other: one.language == other.language,
            lambda one, other: True,
        )
        for fit in fits:
            for stream in streams:
                found = next((k for k in left if k.format == stream.format and fit(k, stream)), None)
                if found is not None and stream.number not in pairs:
                    left.remove(found)
                    pairs[stream.number] = found.number
        for stream in streams:
            if stream.number not in pairs:
                number = pairs[stream.number] = self._free_number(stream.number)
                self._known.append(replace(stream, number=number))
                self._own[number] = _codec_of_kind(stream, left)
            self._note(stream, pairs[stream.number], begin)
        return pairs

    def _free_number(self, number: int) -> int:
        taken = {stream.number for stream in self._known}
        free: Iterator[int] = (n for n in (number, *range(STUFFING - 1, 0, -1)) if n not in taken)
        return next(free)

    def _note(self, stream: Listed, number: int, begin: int) -> None:
        if number in self._own and stream.kind_and_codec is not None:
            kind, codec = stream.kind_and_codec
            stranger = Stranger(kind, codec, self._own[number], number, begin)
            self._seen.append(_Seen(stream.number, stranger))

    def _rewrite(self, section: _Section, streams: Sequence[Listed], pairs: dict[int, int]) -> None:
        """Let the first table of a recording say the new numbers; the others become stuffing."""
        assert self._first is not None
        programme, number = self._first
        data = section.data
        data[3:5] = programme.to_bytes(2)
        for stream in streams:
            number_and_flags = word(data, stream.place) & 0xE000 | pairs[stream.number]
            data[stream.place : stream.place + 2] = number_and_flags.to_bytes(2)
        data[-4:] = checksum(bytes(data[:-4])).to_bytes(4)
        self._replaced |= dict(zip(section.places, data, strict=False))
        for place in section.packets:
            begins = 0x40 if place == section.packets[0] else 0
            self._replaced |= {place + 1: begins | number >> 8, place + 2: number & 0xFF}


def _codec_of_kind(stream: Listed, others: Sequence[Listed]) -> str | None:
    """Of the first of `others` that shows or sounds as `stream` does."""
    kinds = [other.kind_and_codec for other in (stream, *others)]
    return next((each[1] for each in kinds[1:] if each and kinds[0] and each[0] == kinds[0][0]), None)
