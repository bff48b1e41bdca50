"""Where PyAV 18, the last one for Python 3.11, and PyAV 19 differ, and where both need care."""

import ctypes
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Protocol, cast

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData, SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Stream
from av.video.frame import VideoFrame

# PyAV 18 refuses a file whose tags are not UTF-8 unless told otherwise; PyAV 19 cannot be told.
LENIENT_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if hasattr(InputContainer, "metadata_errors") else {}
)


class Ratio(Protocol):
    """A fraction of any kind."""

    @property
    def numerator(self) -> int: ...
    @property
    def denominator(self) -> int: ...


def exact(number: Ratio | None) -> Fraction | None:
    """A time base, a rate or an aspect ratio of PyAV as a Fraction; None where it is not set.

    PyAV 19 has a type of its own for them, which is never None and rounds what it computes with its like.
    """
    return Fraction(number.numerator, number.denominator) if number else None


def side_data(picture: VideoFrame) -> dict[SideDataType, bytes]:
    """What is attached to a decoded picture, by kind.

    Raises ValueError where PyAV 18 has no name for a kind (Exif): it keeps all others from being read.
    """
    given: Any = picture.side_data  # the stubs of PyAV 18 call it a dictionary
    attached: SideDataContainer = given
    entries = cast(Iterable[SideData | SideDataType], attached)  # PyAV 18 gives the data, PyAV 19 their kinds
    found = (attached[entry] if isinstance(entry, SideDataType) else entry for entry in entries)
    return {data.type: bytes(data) for data in found}


def copy_packet(packet: "Packet[Stream]", *, without: frozenset[str] = frozenset()) -> "Packet[Stream]":
    """The same packet of no stream. without: kinds of side data that are left out."""
    bare: Packet[Stream] = Packet(bytes(packet))
    bare.time_base, bare.pts, bare.dts = packet.time_base, packet.pts, packet.dts
    bare.duration, bare.is_keyframe = packet.duration, packet.is_keyframe
    for data in packet.iter_sidedata():
        if data.data_type not in without:
            bare.set_sidedata(data)
    return bare


def layout_of(sound: AudioCodecContext | AudioFrame) -> AudioLayout:
    """The speakers of a sound track, or of a decoded frame of it; to be called before anything else asks.

    A layout in an order of its own (QuickTime's L C R Ls Rs LFE) shares memory with what it was read from,
    and both free it, which ends the process. Kept for ever, it does not.
    """
    layout = sound.layout
    if "(" in layout.name and layout.name[0].isdigit() and "channels" in layout.name:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return layout


def clean_tags(tags: dict[str, str]) -> None:
    """Mends, in place, what PyAV 19 reads in another way.

    What is not UTF-8 is replaced; PyAV 19 makes surrogates of it, which nothing else takes. Of a date that is
    stated twice, as telephones do, the first is kept; the FFmpeg of PyAV 19 joins both and then writes none.
    """
    for key, text in list(tags.items()):
        del tags[key]
        text = text.split(";")[0] if key.lower() == "creation_time" else text
        tags[_clean(key)] = _clean(text)


def _clean(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
