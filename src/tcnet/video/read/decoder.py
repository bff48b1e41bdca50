"""The pictures of a video file as they are decoded, each with its place in time; damage is skipped."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tcnet.errors import MediaError
from tcnet.video.clock import Clock, ClockReading
from tcnet.video.containers import demux, main_video
from tcnet.video.pyav import exact
from tcnet.video.read.field_pictures import FieldWeaver
from tcnet.video.timestamps import RisingTimes

# FFmpeg's own decoders leave out the alpha channel, which lies in a second stream inside each packet.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Their index leads to a key picture without fail, and their timestamps are the same wherever reading begins.
_SEARCHABLE = ("matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2")
# It counts packets in the order of decoding; what FFmpeg makes of that as times of pictures is out of order.
_COUNTS_PACKETS = "avi"
_RESTART_SECONDS = 1  # a step back in time beyond this is a clock that was reset


@dataclass(slots=True)
class TimedPicture:
    """pts, duration: in ticks of the stream's time base; a duration of 0 is unknown. pts only increase.
    captions: of pictures before this one that are not shown."""

    picture: VideoFrame
    pts: int
    duration: int
    captions: bytes = b""


@dataclass(slots=True)
class Damage:
    """What was met on the way."""

    packets: int = 0
    pictures: int = 0
    untimed: int = 0


class PictureStream:
    """The main video of an open container, its times on the file's clock.

    time_base: seconds of a tick. step: usual ticks from one picture to the next, 0 if unknown.
    """

    def __init__(self, container: InputContainer, path: Path, *, step: int, clock: Clock) -> None:
        self._container = container
        self._path = path
        self._clock = clock
        self.step = step
        self.stream = main_video(container, path)
        time_base = exact(self.stream.time_base)
        if time_base is None:
            raise MediaError(f"{path}: its video stream has no time base; the file is damaged")
        self.time_base = time_base
        self.stream.codec_context.thread_type = "AUTO"
        for other in container.streams:
            if other.index != self.stream.index:
                other.discard = av.stream.Discard.all
        self._reset(ClockReading(clock))

    @property
    def searchable(self) -> bool:
        """False also where one time is at several places of the file."""
        return self._container.format.name in _SEARCHABLE and self._clock.continuous

    def pictures(self) -> Iterator[TimedPicture]:
        """From where the container stands to its end, in order of presentation."""
        previous: TimedPicture | None = None
        for picture in self._frames():
            previous = TimedPicture(picture, self._place(picture, previous), max(picture.duration, 0))
            yield previous

    def pictures_from(self, time: int, first: int) -> Iterator[TimedPicture]:
        """The same pictures at the same times, but only from one before or at the tick `time` on.

        first: the time of the first picture of all. A file that cannot be searched is decoded from where it
        stands, which must be its start.
        """
        if not self.searchable:
            yield from self.pictures()
            return
        back = 0
        while time - back > first:
            pictures = self.pictures() if self.seek(time - back) else iter(())
            for entry in pictures:
                if entry.pts > time:
                    break  # pictures before a key picture may lack what they refer to
                if entry.picture.key_frame:
                    yield entry
                    yield from pictures
                    return
            back = max(2 * back, round(1 / self.time_base))
        if not self.seek(first):
            raise MediaError(f"{self._path}: cannot be searched; read it from its start (without --start)")
        yield from self.pictures()

    def seek(self, time: int) -> bool:
        """Go to a key picture near `time`; False where that cannot be. Only in a file whose clock is
        continuous do its pictures have their times from there on."""
        try:
            self._container.seek(time, stream=self.stream)
        except (av.FFmpegError, OSError):
            return False
        self._reset(ClockReading(Clock()))
        return True

    def _reset(self, reading: ClockReading) -> None:
        self._reading = reading
        restart = None if self._clock.pictures else round(_RESTART_SECONDS / self.time_base)
        self.times = RisingTimes(restart=restart)
        self.damage = Damage()
        self.fields = FieldWeaver(self.stream.codec_context.codec.canonical_name)
        self._counts_packets = self._container.format.name == _COUNTS_PACKETS
        self._packet_times: list[int] = []  # a heap
        self._alpha_decoder = _alpha_decoder(self.stream)

    def _frames(self) -> Iterator[VideoFrame]:
        for picture in self._decoded():
            self.damage.pictures += picture.is_corrupt
            yield from self.fields.feed(picture)
        yield from self.fields.flush()

    def _decoded(self) -> Iterator[VideoFrame]:
        for packet in demux(self._container, [self.stream], self._count_damage):
            if packet.size:
                self._reading.place(packet)
            if self._counts_packets and packet.size and packet.pts is not None:
                heappush(self._packet_times, packet.pts)
            try:
                if self._alpha_decoder is not None:
                    yield from self._alpha_decoder.decode(packet if packet.size else None)
                else:
                    yield from cast(list[VideoFrame], packet.decode())
            except (av.FFmpegError, ValueError):
                self.damage.packets += 1
                if packet.pts in self._packet_times:
                    self._packet_times.remove(packet.pts)
                    heapify(self._packet_times)

    def _count_damage(self) -> None:
        self.damage.packets += 1

    def _place(self, picture: VideoFrame, previous: TimedPicture | None) -> int:
        step = previous.duration if previous is not None else 0
        pts = picture.pts
        if self._packet_times:
            pts = heappop(self._packet_times)  # the first picture shown has the least time, and so on
        if pts is None:
            self.damage.untimed += 1
            following = 0 if previous is None else previous.pts + (step or self.step or 1)
            following -= self.times.shift
            pts = picture.dts if picture.dts is not None and picture.dts >= following else following
        return self.times.place(pts, step or self.step)


def hides_alpha(stream: VideoStream) -> bool:
    """Whether there is alpha that the pixel format does not state (VP8 and VP9 in WebM and Matroska)."""
    marked = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    return marked and stream.codec_context.codec.canonical_name in _ALPHA_DECODERS


def _alpha_decoder(stream: VideoStream) -> VideoCodecContext | None:
    if not hides_alpha(stream):
        return None
    name = _ALPHA_DECODERS[stream.codec_context.codec.canonical_name]
    if name not in av.codecs_available:
        return None  # the survey finds no alpha then, and says so
    decoder = cast(VideoCodecContext, av.CodecContext.create(name, "r"))
    decoder.extradata = stream.codec_context.extradata
    decoder.thread_type = "AUTO"
    return decoder
