"""Which packets of sound an edit list leaves in a copy."""

from collections.abc import Iterator
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from tcnet.video.pyav import exact

_PRIMING_SECONDS = Fraction(3, 20)
"""No encoder of sound needs more before what it is given: AAC takes 21 to 110 ms."""


class EditedSound:
    """Leaves out what lies outside of the edit list, which demuxers mark as discarded.

    The encoder's priming, marked likewise at the front, stays: without it the first samples come out wrong.
    Of a front that is longer, as it was cut, the last packet serves for that, where the copy can hide it.
    """

    def __init__(self, *, hides_lead: bool) -> None:
        """hides_lead: whether what lies before zero is left out when the copy is played, as in MP4."""
        self._hides_lead = hides_lead
        self._leads: dict[
            int, list[Packet[Stream]]
        ] = {}  # by stream: the first and the last packets discarded
        self._begun: set[int] = set()

    def keep(self, packet: "Packet[Stream]") -> "Iterator[Packet[Stream]]":
        """The packets of which it is certain now that they stay."""
        index = packet.stream_index
        if not packet.is_discard:
            if index not in self._begun:
                self._begun.add(index)
                yield from self._lead(index, packet)
            yield packet
        elif index not in self._begun and packet.stream.type == "audio":
            lead = self._leads.setdefault(index, [])
            lead.append(packet)
            if _begin(packet) - _begin(lead[0]) > _PRIMING_SECONDS:
                del lead[1:-1]

    def _lead(self, index: int, first: "Packet[Stream]") -> "list[Packet[Stream]]":
        lead = self._leads.pop(index, [])
        if not lead or _begin(first) - _begin(lead[0]) <= _PRIMING_SECONDS:
            return lead
        return lead[-1:] if self._hides_lead else []


def _begin(packet: "Packet[Stream]") -> Fraction:
    time = packet.pts if packet.pts is not None else packet.dts or 0
    return time * (exact(packet.time_base) or Fraction(1))
