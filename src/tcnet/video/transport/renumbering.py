"""How a transport stream of joined recordings is read as one recording."""

import os
import weakref
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tcnet.video.transport.packets import NUMBERS, Bytes, numbers_of


@dataclass(frozen=True, slots=True)
class Stranger:
    """A stream of a joined recording that is like none of the first one.

    kind: "video" or "audio". instead: the codec of what it stands for, if there is such. number: the PID that
    it is read under. begin: the byte with which its recording begins. seconds: from its first packet's time
    to the last one's.
    """

    kind: str
    codec: str
    instead: str | None
    number: int
    begin: int
    seconds: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Renumbering:
    """How a file is read as one recording.

    size: of a packet. runs: (first byte, number of packets) of those side by side. begins: the byte from
    which on each row of `numbers` holds, the new PIDs by the old ones. places, values: bytes of tables that
    are replaced.
    """

    size: int
    runs: tuple[tuple[int, int], ...]
    begins: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.uint16]
    places: npt.NDArray[np.int64]
    values: Bytes
    strangers: tuple[Stranger, ...]

    @property
    def is_needed(self) -> bool:
        """False where the file can be read as it is."""
        return len(self.begins) > 1

    def open(self, path: Path) -> "RenumberedFile":
        return RenumberedFile(path, self)

    def apply(self, data: Bytes, at: int) -> None:
        """Change what was read from byte `at` on, but for packets of whose header a part is missing."""
        first = max(bisect_right(self.runs, (at, NUMBERS)) - 1, 0)
        for start, count in self.runs[first:]:
            if start >= at + len(data):
                break
            skipped = max(0, -((start - at) // self.size))
            heads = np.arange(start + skipped * self.size - at, len(data) - 2, self.size)[
                : max(count - skipped, 0)
            ]
            held = np.searchsorted(self.begins, heads + at, "right") - 1
            new = self.numbers[held, numbers_of(data, heads)]
            data[heads + 1] = data[heads + 1] & 0xE0 | new >> 8
            data[heads + 2] = new & 0xFF
        low, high = np.searchsorted(self.places, (at, at + len(data)))
        data[self.places[low:high] - at] = self.values[low:high]


class RenumberedFile:
    """A file as it is after a `Renumbering`, for FFmpeg to read from."""

    def __init__(self, path: Path, renumbering: Renumbering) -> None:
        """Raises OSError."""
        self._file: BinaryIO = path.open("rb", buffering=0)
        self._closer = weakref.finalize(self, self._file.close)  # FFmpeg lets go of it, but does not close it
        self._renumbering = renumbering
        self._at = 0

    def read(self, count: int) -> bytes:
        begin = max(self._at - 2, 0)  # a header is three bytes
        self._file.seek(begin)
        data = np.frombuffer(bytearray(self._file.read(self._at + count + 2 - begin)), np.uint8)
        self._renumbering.apply(data, begin)
        found = data[self._at - begin :][:count].tobytes()
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}
        self._at = start[whence] + offset if whence in start else self._file.seek(offset, whence)
        return self._at

    def tell(self) -> int:
        return self._at
