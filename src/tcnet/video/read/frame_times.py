"""When the frames of a video are, told by its packets."""

from fractions import Fraction
from pathlib import Path

from tcnet.video.clock import ClockReading
from tcnet.video.containers import demux, main_video
from tcnet.video.pyav import exact
from tcnet.video.source_file import SourceFile


def frame_times(path: Path) -> list[Fraction]:
    """Seconds from the first frame to each, in order. Nothing is decoded: right for files in which a packet
    is a frame, such as those that tcnet writes.

    Raises MediaError for what cannot be read as video.
    """
    file = SourceFile(path)
    reading = ClockReading(file.clock)
    with file.open() as container:
        stream = main_video(container, path)
        time_base = exact(stream.time_base)
        assert time_base is not None  # muxers set it
        packets = [packet for packet in demux(container, [stream]) if packet.size]
        for packet in packets:
            reading.place(packet)
        ticks = sorted(packet.pts for packet in packets if packet.pts is not None)
        return [(tick - ticks[0]) * time_base for tick in ticks]
