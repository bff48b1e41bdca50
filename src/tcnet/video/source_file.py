"""A video file that is read several times in one run, and what the first reading tells the later ones."""

import hashlib
import struct
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tcnet.video.clock import Clock
from tcnet.video.color.hdr import side_data_of
from tcnet.video.containers import MOVIE, check_input_file, demux, main_video, open_input
from tcnet.video.find_clock import FileClockFinder
from tcnet.video.media_kind import joined_movies
from tcnet.video.pyav import copy_packet
from tcnet.video.transport import Renumbering, Stranger, find_renumbering

_END_BYTES = 1 << 20
_DIGITS = 16
_REORDERED = 16  # pictures, at most
_READ_IN_ORDER = ("mpegts", "flv")  # what is not read of these lies at their end
_UNREAD_BYTES = 1 << 17  # and a hundredth of the file: the last packet's frames, tables, stuffing
_ADTS_BYTES, _LEAST_PACKETS = 7, 8  # of a header; in a form of its own
_EARLY_PACKETS = 500  # of the copied streams: what comes later tells nothing about them beforehand


@dataclass(frozen=True, slots=True)
class OtherFormat:
    """Pictures or sound of a joined recording in a format that the first one does not have. begin: when its
    recording begins, in seconds of the clock. is_track: FFmpeg knows the sound as a stream of its own."""

    what: Stranger
    begin: Fraction
    is_track: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file's bytes say without FFmpeg. ends: the first and the last ones. movies: how many MP4 or MOV
    files it is joined of; 0 for all else. renumbering: how the file is to be opened (`open_input`)."""

    ends: tuple[bytes, bytes]
    movies: int
    renumbering: Renumbering | None


@dataclass(frozen=True, slots=True)
class FirstReading:
    """clock: of all packets. first_packets: of each stream to be copied, as far as they come early.
    display_matrix: the 9 integers that FFmpeg attaches to the first picture. unread: bytes behind the last
    packet of all streams, where they are read in order. changing: streams of sound whose rate or speakers
    change."""

    contents: Contents
    clock: Clock
    first_packets: Mapping[int, "Packet[Stream]"]
    display_matrix: tuple[int, ...] | None
    unread: int
    other_formats: tuple[OtherFormat, ...]
    changing: frozenset[int]


class SourceFile:
    """A local video file. It is opened anew for each pass over it."""

    def __init__(self, path: Path, *, allow_network: bool = False) -> None:
        """allow_network: see `open_input`."""
        self.path = path
        self._allow_network = allow_network

    def open(self) -> InputContainer:
        """Raises MediaError like `open_input`."""
        renumbering = self.first_reading.contents.renumbering
        return open_input(self.path, allow_network=self._allow_network, renumbering=renumbering)

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
        return self.first_reading.contents.ends[0]

    def identity(self) -> dict[str, Any]:
        """Size, time of change, and hashes of head and tail: to hash all of a film would take minutes."""
        stat = self.path.stat()
        head, tail = (hashlib.sha256(data).hexdigest()[:_DIGITS] for data in self.first_reading.contents.ends)
        return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "head": head, "tail": tail}


@lru_cache(maxsize=16)  # the page plans the same upload again for each choice
def _read(path: Path, _place: Path, size: int, _changed: int, *, allow_network: bool) -> FirstReading:
    """path: as given, which errors name; _place, _changed: for the cache alone."""
    with open_input(path, allow_network=allow_network) as container:
        contents = _look_into(path, size, container.format.name)
        if contents.renumbering is None:
            return _read_all(container, path, size, contents)
    with open_input(path, renumbering=contents.renumbering) as container:
        return _read_all(container, path, size, contents)


def _look_into(path: Path, size: int, container: str) -> Contents:
    with path.open("rb") as file:
        head = file.read(_END_BYTES)
        file.seek(max(0, size - _END_BYTES))
        tail = file.read(_END_BYTES)
        found = find_renumbering(file, size) if container == "mpegts" else None
        movies = joined_movies(file) if container == MOVIE else 0
    return Contents((head, tail), movies, found if found is not None and found.is_needed else None)


def _read_all(container: InputContainer, path: Path, size: int, contents: Contents) -> FirstReading:
    strangers = () if contents.renumbering is None else contents.renumbering.strangers
    last = size
    main = main_video(container, path)
    others = [
        stream
        for stream in container.streams
        if stream.type in ("audio", "subtitle")
        or (stream.type == "video" and stream.disposition & Disposition.attached_pic)
    ]
    tracks = {stream.id for stream in container.streams.audio if _has_rate(stream)}
    beginning, finder = _Beginning(main, others), FileClockFinder(container, main)
    in_order = container.format.name in _READ_IN_ORDER
    joints, forms = _Joints(main, strangers), _SoundForms()
    for packet in demux(container, [main, *others]):
        if in_order and packet.pos is not None:
            last = packet.pos + packet.size
        beginning.add(packet)
        finder.add(packet)
        joints.add(packet)
        forms.add(packet)
        if beginning.complete and not finder.reads_all:
            break
    clock = finder.find()
    other_formats = tuple(
        OtherFormat(stranger, joints.time(stranger.begin, clock), stranger.number in tracks)
        for stranger in strangers
        if stranger.number != main.id
    )
    return FirstReading(
        contents,
        clock,
        beginning.first_packets,
        beginning.display_matrix,
        size - last,
        other_formats,
        forms.changing,
    )


def _has_rate(sound: AudioStream) -> bool:
    """Whether FFmpeg knows what it is."""
    context = cast(AudioCodecContext | None, sound.codec_context)  # PyAV's stubs know of no stream without
    return context is not None and bool(context.sample_rate)


class _Joints:
    """When recordings begin that are joined to the first one: where the pictures before them end."""

    def __init__(self, main: VideoStream, strangers: Sequence[Stranger]) -> None:
        self._index = main.index
        self._left = sorted({stranger.begin for stranger in strangers}, reverse=True)
        self._count = 0
        self._ends = deque[Fraction](maxlen=_REORDERED)
        self._found: dict[int, tuple[int, Fraction]] = {}  # by byte: packets before it, and their end

    def add(self, packet: "Packet[Stream]") -> None:
        if not self._left or packet.stream_index != self._index or packet.pos is None or not packet.size:
            return
        if packet.pos >= self._left[-1]:
            self._close(packet.pos)
        self._count += 1
        if packet.pts is not None:
            self._ends.append((packet.pts + (packet.duration or 0)) * packet.time_base)

    def time(self, begin: int, clock: Clock) -> Fraction:
        """In seconds of the clock."""
        self._close(begin)
        count, end = self._found[begin]
        moves = clock.moves.get(self._index, ())
        return end + next((shift for place, shift in reversed(moves) if place < count), Fraction(0))

    def _close(self, place: int) -> None:
        while self._left and self._left[-1] <= place:
            self._found[self._left.pop()] = self._count, max(self._ends, default=Fraction(0))


class _SoundForms:
    """What packets of AAC say of themselves (ADTS, ISO/IEC 14496-3, 1.A.2.2): profile, rate and channels. All
    that hold AAC without it say it once for the whole stream; other codecs keep it in their packets."""

    def __init__(self) -> None:
        self._counts: dict[int, Counter[tuple[int, int]]] = {}

    def add(self, packet: "Packet[Stream]") -> None:
        head = bytes(memoryview(packet)[:4]) if packet.size >= _ADTS_BYTES else b""
        if packet.stream.type == "audio" and head[:1] == b"\xff" and head[1] & 0xF6 == 0xF0:
            self._counts.setdefault(packet.stream_index, Counter())[head[2] & 0xFD, head[3] & 0xC0] += 1

    @property
    def changing(self) -> frozenset[int]:
        """Streams in which two forms come often: of one that comes a few times, packets are damaged."""
        return frozenset(
            index
            for index, counts in self._counts.items()
            if sum(count >= _LEAST_PACKETS for count in counts.values()) > 1
        )


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
