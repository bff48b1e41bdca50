"""Encoded packets in a file of their own, and the joining of such files.

No container: those count time in their own clocks (Matroska in milliseconds) and write packets otherwise than
they came. Here each packet has a head (times, size, whether it is a keyframe) and its bytes.
"""

import hashlib
import io
import os
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from tcnet.errors import MediaError
from tcnet.video.atomic_file import sync_descriptor
from tcnet.video.write.encode.encoder import EncodedPacket

_HEAD = struct.Struct("<qqqIB")  # pts, dts, duration, bytes that follow, is_keyframe


class PacketFile:
    """A file being written; incomplete until `close` has returned."""

    def __init__(self, path: Path | None) -> None:
        """Replaces what is there; None: the file is in memory, its content `data`. Raises OSError."""
        self._on_disk = path is not None
        self._file: BinaryIO = io.BytesIO() if path is None else path.open("wb")
        self.data = b""
        self._hash = hashlib.sha256()
        self.size = 0

    def add(self, packet: EncodedPacket) -> None:
        head = _HEAD.pack(packet.pts, packet.dts, packet.duration, len(packet.data), packet.is_keyframe)
        for part in (head, packet.data):
            self._file.write(part)
            self._hash.update(part)
            self.size += len(part)

    def close(self) -> str:
        """Syncs the file to disk, if it lies there; returns its SHA-256 in hex digits."""
        self._file.flush()
        if self._on_disk:
            sync_descriptor(self._file.fileno())
        elif isinstance(self._file, io.BytesIO):
            self.data = self._file.getvalue()
        self._file.close()
        return self._hash.hexdigest()

    def abandon(self) -> None:
        """Lets go of the file, whose end may be missing."""
        with suppress(OSError):  # what could not be written (disk full) belongs to a file that does not count
            self._file.close()


def read_packets(path: Path) -> Iterator[EncodedPacket]:
    """The packets of a finished file, one at a time. Raises MediaError where it is damaged."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            pts, dts, duration, size, is_keyframe = _unpacked(path, head)
            data = file.read(size)
            if len(data) < size:
                raise _damaged(path)
            yield EncodedPacket(pts, dts, duration, bool(is_keyframe), data)


def read_times(path: Path) -> list[tuple[int, int]]:
    """(pts, dts) of all packets of a finished file, without reading these."""
    times = []
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            pts, dts, _, size, _ = _unpacked(path, head)
            times.append((pts, dts))
            file.seek(size, os.SEEK_CUR)
    return times


def joined(files: Sequence[Path]) -> Iterator[EncodedPacket]:
    """The packets of several files in decoding order, as if one encoder had written them.

    The pictures of each file come after those of the files before it. An encoder that holds frames back
    starts decoding times that much before the first picture; in the middle that would be before the end of
    the last file. So they are set anew: packet i is decoded when picture i - delay is shown.
    """
    delay = max((_delay(read_times(path)) for path in files), default=0)
    shown: deque[int] = deque()  # the times of the last `delay` pictures
    for path in files:
        times = sorted(pts for pts, _ in read_times(path))
        if not shown:
            last = times[min(delay, len(times) - 1)]
            before = last - times[0] + max(0, delay - len(times) + 1)
            steps = times[:delay] + [last + i for i in range(1, delay - len(times) + 1)]
            shown.extend(time - before for time in steps)
        for packet, time in zip(read_packets(path), times, strict=True):
            shown.append(time)
            yield replace(packet, dts=shown.popleft())


def _delay(times: Sequence[tuple[int, int]]) -> int:
    """How many pictures a decoder holds back: as the encoder says, or as the packets' order needs."""
    first = min(pts for pts, _ in times)
    stated = next((i for i, (_, dts) in enumerate(times) if dts == first), 0)
    needed = max(sum(other > pts for other, _ in times[:i]) for i, (pts, _) in enumerate(times))
    return max(stated, needed)


def _unpacked(path: Path, head: bytes) -> tuple[int, int, int, int, int]:
    if len(head) < _HEAD.size:
        raise _damaged(path)
    pts, dts, duration, size, is_keyframe = _HEAD.unpack(head)
    return pts, dts, duration, size, is_keyframe


def _damaged(path: Path) -> MediaError:
    return MediaError(f"{path}: a finished part of the run is damaged; start over with --no-resume")
