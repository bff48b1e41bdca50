"""The clock of a file: how its packets are moved so that all streams keep time across resets."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from tcnet.video.pyav import exact


@dataclass(frozen=True, slots=True)
class Clock:
    """The shifts of a file's packets, and what its main video measures after them.

    moves: for each stream that is shifted at all, (number of the first packet, seconds) of each shift.
    resets: of the main video, wraparounds not counted. pictures: packets of the main video; None where the
    file was not read. start, end: of the main video, in seconds; None where no packet has a time.
    discontinuous: the format allows timestamp discontinuities. discarded: packets of the main video that the
    demuxer marks as outside of an edit list. epochs: of the main video, (start, end, shift) between resets,
    in seconds of the file. postponed: presentation times in ticks of the file that replace wrong ones, by
    (stream, number of the packet). alone: how often sound was reset without the main video, by stream.
    """

    moves: Mapping[int, tuple[tuple[int, Fraction], ...]] = field(default_factory=dict)
    resets: int = 0
    pictures: int | None = None
    start: Fraction | None = None
    end: Fraction | None = None
    discontinuous: bool = False
    discarded: int = 0
    epochs: tuple[tuple[Fraction, Fraction, Fraction], ...] = ()
    postponed: Mapping[tuple[int, int], int] = field(default_factory=dict)
    alone: Mapping[int, int] = field(default_factory=dict)

    @property
    def continuous(self) -> bool:
        """Whether all packets keep their times."""
        return not self.moves

    @property
    def length(self) -> Fraction | None:
        """Seconds from the first picture's start to the last one's end."""
        return None if self.start is None or self.end is None else self.end - self.start

    def placed(self, time: Fraction) -> Fraction:
        """A time of the file, in seconds, that belongs to no packet; of times that come twice, the first."""
        for start, end, shift in self.epochs:
            if time <= end:
                return max(time, start) + shift
        return time + (self.epochs[-1][2] if self.epochs else 0)


class ClockReading:
    """Places the packets of one pass over a file, from its start, on its clock."""

    def __init__(self, clock: Clock) -> None:
        self._postponed = clock.postponed
        self._left = {index: deque(moves) for index, moves in clock.moves.items()}
        self._counts = dict.fromkeys(clock.moves, 0)
        self._shifts = dict.fromkeys(clock.moves, Fraction(0))

    def place(self, packet: "Packet[Stream]") -> None:
        """Shift the packet. To be called for all packets of a stream that hold data, in order."""
        index = packet.stream_index
        if index not in self._counts or packet.is_discard:
            return
        packet.pts = self._postponed.get((index, self._counts[index]), packet.pts)
        left = self._left[index]
        while left and left[0][0] <= self._counts[index]:
            self._shifts[index] = left.popleft()[1]
        self._counts[index] += 1
        ticks = round(self._shifts[index] / (exact(packet.time_base) or 1))
        if ticks and packet.pts is not None:
            packet.pts += ticks
        if ticks and packet.dts is not None:
            packet.dts += ticks
