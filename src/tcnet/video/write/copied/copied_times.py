"""When the packets of one copied stream are in the output."""

from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from tcnet.video.frame import TrimRange
from tcnet.video.pyav import exact
from tcnet.video.source_file import SourceFile
from tcnet.video.timestamps import RisingTimes, tagged_end

_RESTART_SECONDS = 1


class CopiedTimes:
    """Times of a stream's packets that muxers accept; they come on the file's clock, in order."""

    def __init__(self, stream: Stream, file: SourceFile, trim: TrimRange | None) -> None:
        """stream: of the input `file`. trim: the part that is copied."""
        self._tick = exact(stream.time_base) or Fraction(1, 1000)
        restart = None if file.clock.pictures else round(_RESTART_SECONDS / self._tick)
        self._rising = RisingTimes(restart=restart, equal=True)
        self._trim = trim
        # Matroska keeps no length of packets of sound, only where the stream ends; without it a last, partly
        # filled packet would make the copy longer than the original.
        lasting = stream.type == "audio" and file.clock.continuous
        self._stated = tagged_end(stream, file.head) if lasting else None
        self._end: int | None = None
        self._written: int | None = None

    @property
    def moved(self) -> int:
        """Packets whose time stepped back."""
        return self._rising.moved + self._rising.restarts

    def place(self, packet: "Packet[Stream]") -> None:
        """Keep the packet from stepping back, and the last one from outlasting its stream."""
        if packet.dts is None:
            return
        if self._rising.last is None:
            self._end = self._end_behind(packet.dts)
        dts = self._rising.place(packet.dts, packet.duration or 0)
        if packet.pts is not None:
            packet.pts += dts - packet.dts
        packet.dts = dts
        if self._end is not None and 0 < self._end - dts < (packet.duration or 0):
            packet.duration = self._end - dts

    def part(self, packet: "Packet[Stream]", ticks: Fraction | None) -> None:
        """Put packets of sound that share a time a tick apart, as MP4 wants them. ticks: seconds of a tick of
        the output's stream, whose clock is that of samples."""
        own = exact(packet.time_base)
        if ticks is None or own is None or packet.dts is None:
            return
        dts = round(packet.dts * own / ticks)
        if self._written is not None and dts <= self._written:
            dts = self._written + 1
            behind = (packet.dts if packet.pts is None else packet.pts) - packet.dts
            packet.dts, packet.pts = dts, dts + round(behind * own / ticks)
            packet.duration = round((packet.duration or 0) * own / ticks)
            packet.time_base = ticks
        self._written = dts

    def _end_behind(self, first: int) -> int | None:
        """The tick of the output at which the stream ends. first: that of its first packet, before zero for
        encoder delay, which the tag counts in and timestamps do not."""
        if self._stated is None:
            return None
        if self._trim is None:
            return round(self._stated / self._tick) + min(first, 0)
        if self._trim.end is None:
            return round((self._stated - self._trim.shift) / self._tick)
        return None
