"""When the frames of a video are, told by its packets."""

from fractions import Fraction
from pathlib import Path

from tcnet.video.clock import ClockReading
from tcnet.video.containers import demux, main_video, open_input
from tcnet.video.find_clock import file_clock
from tcnet.video.pyav import exact


def frame_times(path: Path) -> list[Fraction]:
    """Seconds from the first frame to each, in order. Nothing is decoded: right for files in which a packet
    is a frame, such as those that tcnet writes.

    Raises MediaError for what cannot be read as video.
    """
    reading = ClockReading(file_clock(path))
    with open_input(path) as container:
        stream = main_video(container, path)
        time_base = exact(stream.time_base)
        assert time_base is not None  # muxers set it
        packets = [packet for packet in demux(container, [stream]) if packet.size]
        for packet in packets:
            reading.place(packet)
        ticks = sorted(packet.pts for packet in packets if packet.pts is not None)
        return [(tick - ticks[0]) * time_base for tick in ticks]
