"""The part of the copied streams that goes with a part of the video."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av.packet import Packet
from av.stream import Disposition, Stream

from tcnet.video.frame import TrimRange

if TYPE_CHECKING:
    from av.container.core import Chapter  # there for type checkers only


class Cutter:
    """Keeps what lies inside a trim range, whole packets of sound and the visible time of subtitles."""

    def __init__(self, trim: TrimRange) -> None:
        self._trim = trim

    def keep(self, packet: Packet[Stream]) -> bool:
        """False for a packet that is left out; the others get their times in the output.

        Sound that begins before the range and reaches into it is kept: cutting it would take decoding.
        """
        start = packet.pts if packet.pts is not None else packet.dts
        if start is None or packet.stream.disposition & Disposition.attached_pic:
            return True
        begin = start * packet.time_base
        end = begin + (packet.duration or 0) * packet.time_base
        # A packet of unknown length counts as an instant.
        if end < self._trim.start or (end == self._trim.start and begin < end):
            return False
        if self._trim.end is not None and begin >= self._trim.end:
            return False
        if packet.stream.type == "subtitle" and packet.duration:
            self._clip(packet, begin, end)
        shift = round(self._trim.shift / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        return True

    def chapters(self, chapters: list[Chapter]) -> list[Chapter]:
        """Those that lie in the range at least in part, cut to it, at their times in the output."""
        kept = []
        for chapter in chapters:
            tick = chapter["time_base"] or Fraction(1)
            start = max(chapter["start"] * tick, self._trim.start)
            end = chapter["end"] * tick
            end = end if self._trim.end is None else min(end, self._trim.end)
            if start < end:
                places = [round((time - self._trim.shift) / tick) for time in (start, end)]
                kept.append(chapter | {"start": places[0], "end": places[1]})
        return kept

    def _clip(self, packet: Packet[Stream], begin: Fraction, end: Fraction) -> None:
        """A text that is on the screen at an end of the range shows for the time that is left of it."""
        first = max(begin, self._trim.start)
        last = end if self._trim.end is None else min(end, self._trim.end)
        packet.pts = packet.dts = round(first / packet.time_base)
        packet.duration = max(round((last - first) / packet.time_base), 1)
