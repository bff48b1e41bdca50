"""A video file that is read several times in one run, and what the first reading tells the later ones."""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tcnet.video.clock import Clock
from tcnet.video.color.hdr import side_data_of
from tcnet.video.containers import check_input_file, demux, main_video, open_input
from tcnet.video.find_clock import FileClockFinder
from tcnet.video.pyav import copy_packet

_END_BYTES = 1 << 20
_DIGITS = 16
_READ_IN_ORDER = ("mpegts", "flv")  # what is not read of these lies at their end
# Each and a hundredth of the file: sound behind the last picture, the last packet's frames, tables, stuffing.
_SILENT_BYTES, _UNREAD_BYTES = 1 << 14, 1 << 17
_EARLY_PACKETS = 500  # of the copied streams: what comes later tells nothing about them beforehand


@dataclass(frozen=True, slots=True)
class FirstReading:
    """clock: of all packets. first_packets: of each stream to be copied, as far as they come early.
    display_matrix: the 9 integers that FFmpeg attaches to the first picture. renumbered: how the file is to
    be opened (`open_input`). silent: bytes behind the last picture, where streams are read in order; unread:
    behind the last packet of all streams."""

    clock: Clock
    first_packets: Mapping[int, "Packet[Stream]"]
    display_matrix: tuple[int, ...] | None
    renumbered: bool = False
    silent: int = 0
    unread: int = 0


class SourceFile:
    """A local video file. It is opened anew for each pass over it."""

    def __init__(self, path: Path, *, allow_network: bool = False) -> None:
        """allow_network: see `open_input`."""
        self.path = path
        self._allow_network = allow_network

    def open(self) -> InputContainer:
        """Raises MediaError like `open_input`."""
        renumbered = self.first_reading.renumbered
        return open_input(self.path, allow_network=self._allow_network, renumbered=renumbered)

    @cached_property
    def first_reading(self) -> FirstReading:
        """Reads the file, all of it but a playlist's, once for each state of the file.

        Raises MediaError for what cannot be read as video.
        """
        check_input_file(self.path)
        state = self.path.stat()
        place, size, changed = self.path.absolute(), state.st_size, state.st_mtime_ns
        return _read(self.path, place, size, changed, allow_network=self._allow_network)

    @property
    def clock(self) -> Clock:
        """Raises like `first_reading`."""
        return self.first_reading.clock

    @property
    def unread_percent(self) -> float | None:
        """How much lies behind the last packet of the streams that the file begins with; None where that is
        nothing to speak of, or cannot be told. Raises like `first_reading`."""
        size, unread = self.path.stat().st_size, self.first_reading.unread
        return 100 * unread / size if unread > _UNREAD_BYTES + size // 100 else None

    @property
    def head(self) -> bytes:
        """Where the headers of Matroska are."""
        return self._ends[0]

    def identity(self) -> dict[str, Any]:
        """Size, time of change, and hashes of head and tail: to hash all of a film would take minutes."""
        stat = self.path.stat()
        head, tail = (hashlib.sha256(data).hexdigest()[:_DIGITS] for data in self._ends)
        return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "head": head, "tail": tail}

    @cached_property
    def _ends(self) -> tuple[bytes, bytes]:
        with self.path.open("rb") as file:
            head = file.read(_END_BYTES)
            file.seek(max(0, self.path.stat().st_size - _END_BYTES))
            return head, file.read(_END_BYTES)


@lru_cache(maxsize=16)  # the page plans the same upload again for each choice
def _read(path: Path, _place: Path, size: int, _changed: int, *, allow_network: bool) -> FirstReading:
    """path: as given, which errors name; _place, _changed: for the cache alone."""
    first = _read_once(path, size, allow_network=allow_network)
    if first.silent <= _SILENT_BYTES + size // 100:
        return first
    # Joined recordings may have stream numbers of their own each: the picture seems to end.
    renumbered = _read_once(path, size, allow_network=allow_network, renumbered=True)
    return renumbered if (renumbered.clock.pictures or 0) > (first.clock.pictures or 0) else first


def _read_once(path: Path, size: int, *, allow_network: bool, renumbered: bool = False) -> FirstReading:
    last_picture = last = size
    with open_input(path, allow_network=allow_network, renumbered=renumbered) as container:
        main = main_video(container, path)
        others = [
            stream
            for stream in container.streams
            if stream.type in ("audio", "subtitle")
            or (stream.type == "video" and stream.disposition & Disposition.attached_pic)
        ]
        beginning, finder = _Beginning(main, others), FileClockFinder(container, main)
        in_order = container.format.name in _READ_IN_ORDER
        for packet in demux(container, [main, *others]):
            if in_order and packet.pos is not None:
                last = packet.pos + packet.size
                last_picture = last if packet.stream_index == main.index else last_picture
            beginning.add(packet)
            finder.add(packet)
            if beginning.complete and not finder.reads_all:
                break
    return FirstReading(
        finder.find(), beginning.first_packets, beginning.display_matrix, renumbered,
        silent=size - last_picture, unread=size - last,
    )  # fmt: skip


class _Beginning:
    """What the first packets of a file tell."""

    def __init__(self, main: VideoStream, others: Sequence[Stream]) -> None:
        self._main = main
        self._wanted = {stream.index for stream in others}
        self._left = _EARLY_PACKETS
        self._decoding = True
        self.first_packets: dict[int, Packet[Stream]] = {}
        self.display_matrix: tuple[int, ...] | None = None

    @property
    def complete(self) -> bool:
        return not (self._decoding or (self._left and self._wanted - self.first_packets.keys()))

    def add(self, packet: "Packet[Stream]") -> None:
        index = packet.stream_index
        if index == self._main.index:
            if self._decoding:
                self._decode(packet)
        elif self._left:
            self._left -= 1
            if packet.size and index not in self.first_packets:
                self.first_packets[index] = copy_packet(packet)

    def _decode(self, packet: "Packet[Stream]") -> None:
        try:
            picture = next((shown for shown in packet.decode() if isinstance(shown, VideoFrame)), None)
        except (av.FFmpegError, ValueError):
            self._decoding = False  # the reader says what is wrong with this file
            return
        if picture is not None:
            self._decoding = False
            matrix = side_data_of(picture).get(SideDataType.DISPLAYMATRIX)
            self.display_matrix = None if matrix is None else struct.unpack("=9i", matrix[:36])
