"""A video file as frames: exact times, right colours, constant memory."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from tcnet.errors import MediaError
from tcnet.video.color import ToRgb
from tcnet.video.containers import check_size, main_video, open_input
from tcnet.video.frame import Frame, Pixels, VideoInfo
from tcnet.video.h273 import bit_depth, is_rgb_like, resolve_color
from tcnet.video.options import ReadOptions
from tcnet.video.timing import RisingTimes, tagged_end

# These decoders report where chroma samples sit (or the standard's default); the others leave it open, and
# what they carry is left-sited by convention. 4:2:2 is left-sited everywhere but in JPEG.
_REPORTS_SITING = frozenset(
    ["h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "theora", "dvvideo", "cavs"]
)
_RESTART_SECONDS = 1  # a step back in time beyond this is a clock that was reset
_MAX_READ_ERRORS = 100  # in a row, without a packet in between: the rest of the file is unreadable


class VideoReader:
    """A FrameSource over one file. Iterating again starts over.

    `notices` says in lines for people what was damaged or odd; it is complete once the iteration has ended.
    """

    def __init__(self, path: Path, options: ReadOptions | None = None) -> None:
        """Raises MediaError for a file that is missing, empty, no video, or absurd in size."""
        self.path = path
        self._options = options or ReadOptions()
        self._container: InputContainer | None = open_input(path, allow_network=self._options.allow_network)
        try:
            self._info = describe(self._container, path)
        except BaseException:
            self.close()
            raise
        self._notices: tuple[str, ...] = ()

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def notices(self) -> tuple[str, ...]:
        return self._notices

    def __iter__(self) -> Iterator[Frame]:
        container = self._container or open_input(self.path, allow_network=self._options.allow_network)
        self._container = None
        with container:
            run = _Decoding(container, self.path, self._info)
            try:
                yield from run.frames()
            finally:
                self._notices = run.notices()

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def describe(container: InputContainer, path: Path) -> VideoInfo:
    """What the headers say. Raises MediaError for a stream that cannot be decoded or whose size is absurd."""
    stream = main_video(container, path)
    context = stream.codec_context
    pixel_format = context.pix_fmt
    if pixel_format is None:
        raise MediaError(f"{path}: no picture of its video stream could be decoded; the file is damaged")
    time_base = stream.time_base
    if time_base is None:
        raise MediaError(f"{path}: its video stream has no time base; the file is damaged")
    duration = _stream_duration(stream, time_base)
    if duration is None and container.duration is not None:
        duration = Fraction(container.duration, av.time_base)
        if "matroska" in container.format.name:  # which counts from time zero, the others from the start
            duration -= (stream.start_time or 0) * time_base
    rate = _frame_rate(stream)
    count = stream.frames or None
    if count is None and duration is not None and rate is not None:
        count = max(1, round(duration * rate))
    return VideoInfo(
        width=context.width,
        height=context.height,
        time_base=time_base,
        frame_rate=rate,
        frame_count=count,
        duration=duration,
        bit_depth=8 if bit_depth(pixel_format) <= 8 else min(bit_depth(pixel_format), 16),
        pixel_format=pixel_format,
        color=resolve_color(
            pixel_format,
            context.height,
            matrix=context.colorspace,
            color_range=context.color_range,
            primaries=context.color_primaries,
            transfer=context.color_trc,
        ),
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        codec=context.codec.canonical_name,
    )


def _stream_duration(stream: VideoStream, time_base: Fraction) -> Fraction | None:
    """Seconds from the first frame's start to the last one's end, where the container says so."""
    if stream.duration is not None:
        return stream.duration * time_base
    end = tagged_end(stream)
    return None if end is None else end - (stream.start_time or 0) * time_base


def _frame_rate(stream: VideoStream) -> Fraction | None:
    """The exact nominal rate (30000/1001) when the average confirms it, else the average (VFR)."""
    average, guessed = stream.average_rate, stream.guessed_rate
    if average and guessed:
        return guessed if abs(guessed / average - 1) < Fraction(1, 100) else average
    return average or guessed or None


class _Decoding:
    """One pass over a file."""

    def __init__(self, container: InputContainer, path: Path, info: VideoInfo) -> None:
        self._container = container
        self._path = path
        self._info = info
        self._stream = main_video(container, path)
        self._stream.codec_context.thread_type = "AUTO"
        for other in container.streams:
            if other.index != self._stream.index:
                other.discard = av.stream.Discard.all
        self._to_rgb = ToRgb(info.color, left_sited=_needs_siting(self._stream))
        self._times = RisingTimes(restart=round(_RESTART_SECONDS / info.time_base))
        self._step = 0 if info.frame_rate is None else round(1 / (info.frame_rate * info.time_base))
        self._longest = 0  # ticks that a frame stood so far
        self._damaged_packets = 0
        self._damaged_frames = 0
        self._untimed = 0
        self._resized = 0
        self._count = 0
        self._end: int | None = None
        self._completed = False

    def frames(self) -> Iterator[Frame]:
        """One frame is held back: how long a picture stands is known when the next one comes."""
        held: Frame | None = None
        held_duration = 0
        for picture in self._pictures():
            duration = max(picture.duration, 0)
            pts = self._place(picture, held.pts if held else None, held_duration)
            if held is not None:
                self._longest = max(self._longest, pts - held.pts)
                yield _lasting(held, pts - held.pts)
            held, held_duration = Frame(self._pixels(picture), pts, 0, self._info.time_base), duration
            self._count += 1
        if held is None:
            raise MediaError(f"{self._path}: no frame could be decoded; the file is damaged or cut short")
        duration = self._last_duration(held.pts, held_duration)
        self._end = held.pts + duration
        self._completed = True
        yield _lasting(held, duration)

    def _pictures(self) -> Iterator[VideoFrame]:
        errors = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError):
                # Reading goes on behind the damage where the format can find its way again.
                self._damaged_packets += 1
                errors += 1
                if errors > _MAX_READ_ERRORS:
                    return
                packets = self._container.demux(self._stream)
                continue
            if packet is None:
                return
            errors = 0
            try:
                pictures = packet.decode()
            except (av.FFmpegError, ValueError):
                self._damaged_packets += 1
                continue
            for picture in pictures:
                self._damaged_frames += picture.is_corrupt
                yield picture

    def _place(self, picture: VideoFrame, previous: int | None, previous_duration: int) -> int:
        pts = picture.pts
        if pts is None:
            self._untimed += 1
            following = 0 if previous is None else previous + (previous_duration or self._step or 1)
            following -= self._times.shift
            pts = picture.dts if picture.dts is not None and picture.dts >= following else following
        return self._times.place(pts, previous_duration or self._step)

    def _pixels(self, picture: VideoFrame) -> Pixels:
        info = self._info
        if (picture.width, picture.height) != (info.width, info.height):
            check_size(picture.width, picture.height, self._path)
            self._resized += 1
            picture = picture.reformat(info.width, info.height, interpolation=Interpolation.BICUBIC)
        return self._to_rgb(picture)

    def _last_duration(self, pts: int, own: int) -> int:
        """The last frame's: up to the end that the container states, else the frame's own."""
        length = _stream_duration(self._stream, self._info.time_base)
        if length is not None and not self._times.shift:
            end = round(length / self._info.time_base) + (self._stream.start_time or 0)
            # A stated end far behind the last frame is a lost tail, no long last frame.
            if 0 < end - pts <= max(own, self._step, self._longest, 1) * 2:
                return end - pts
        return own or self._step

    def notices(self) -> tuple[str, ...]:
        lines = []
        if self._damaged_packets:
            lines.append(f"{self._damaged_packets} damaged packets were skipped")
        if self._damaged_frames:
            lines.append(f"{self._damaged_frames} frames were decoded with errors")
        if self._untimed:
            lines.append(f"{self._untimed} frames had no timestamp; theirs follow from their neighbours")
        if self._times.moved:
            lines.append(
                f"{self._times.moved} timestamps did not increase and were moved by the least amount"
            )
        if self._times.restarts:
            lines.append(f"the clock was reset {self._times.restarts} times; time goes on without a gap")
        if self._resized:
            lines.append(f"{self._resized} frames of another size were scaled to {self._size_text()}")
        if _has_alpha(self._info.pixel_format):
            lines.append("the alpha channel is dropped")
        if self._completed and (missing := self._missing_seconds()) > 0:
            lines.append(
                f"the last {float(missing):.2f} s could not be read: the file is cut short or damaged"
            )
        return tuple(lines)

    def _size_text(self) -> str:
        return f"{self._info.width}x{self._info.height}"

    def _missing_seconds(self) -> Fraction:
        """How much earlier than stated the video ended; 0 where that is within what headers get wrong."""
        if self._end is None or self._info.duration is None or self._times.restarts:
            return Fraction(0)
        start = (self._stream.start_time or 0) * self._info.time_base
        missing = start + self._info.duration - self._end * self._info.time_base
        own = _stream_duration(self._stream, self._info.time_base) is not None
        # The length of the whole file may be that of a longer sound track.
        alone = own or len(self._container.streams) == 1
        tolerance = 2 * self._step * self._info.time_base if alone else Fraction(1, 2)
        return missing if missing > max(tolerance, Fraction(1, 50)) else Fraction(0)


def _lasting(frame: Frame, duration: int) -> Frame:
    return Frame(frame.pixels, frame.pts, duration, frame.time_base)


def _has_alpha(pixel_format: str) -> bool:
    return any(part.is_alpha for part in av.VideoFormat(pixel_format).components)


def _needs_siting(stream: VideoStream) -> bool:
    context = stream.codec_context
    pixel_format = context.pix_fmt or ""
    if is_rgb_like(pixel_format) or pixel_format.startswith("yuvj"):
        return False
    codec = context.codec.canonical_name
    if "422" in pixel_format:
        return codec != "mjpeg"
    if codec == "av1":
        # av1C: the low two bits of its third byte are chroma_sample_position, 0 when unknown.
        extradata = context.extradata
        return extradata is None or len(extradata) < 3 or extradata[2] & 3 == 0
    return codec not in _REPORTS_SITING
