"""What the headers and the packets of a video file say, as a VideoInfo."""

from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from tcnet.errors import MediaError
from tcnet.video.clock import Clock
from tcnet.video.color.h273 import bit_depth, resolve_color
from tcnet.video.containers import MOVIE, main_video
from tcnet.video.frame import VideoInfo
from tcnet.video.pyav import exact
from tcnet.video.read.crop import Crop, matroska_crop
from tcnet.video.source_file import SourceFile
from tcnet.video.timestamps import tagged_end


def describe(container: InputContainer, file: SourceFile) -> VideoInfo:
    """container: of the file. Raises MediaError for a stream that cannot be decoded, or of absurd size."""
    path, clock = file.path, file.clock
    stream = main_video(container, path)
    context = stream.codec_context
    pixel_format = context.pix_fmt
    if pixel_format is None:
        raise MediaError(f"{path}: no picture of its video stream could be decoded; the file is damaged")
    time_base = exact(stream.time_base)
    if time_base is None:
        raise MediaError(f"{path}: its video stream has no time base; the file is damaged")
    duration = stream_duration(stream, file)
    if duration is None and container.duration is not None:
        duration = Fraction(container.duration, av.time_base)
        if "matroska" in container.format.name:  # which counts from time zero, the others from the start
            duration -= (stream.start_time or 0) * time_base
    rate = _frame_rate(stream, clock)
    crop = find_crop(container, file)
    return VideoInfo(
        width=context.width - crop.left - crop.right,
        height=context.height - crop.top - crop.bottom,
        time_base=time_base,
        frame_rate=rate,
        frame_count=_frame_count(stream, clock, duration, rate),
        duration=duration,
        bit_depth=frame_depth(pixel_format),
        pixel_format=pixel_format,
        color=resolve_color(
            pixel_format,
            context.height,
            matrix=context.colorspace,
            color_range=context.color_range,
            primaries=context.color_primaries,
            transfer=context.color_trc,
        ),
        sample_aspect_ratio=exact(stream.sample_aspect_ratio) or Fraction(1),
        codec=context.codec.canonical_name,
    )


def frame_depth(pixel_format: str) -> int:
    """Bits of a sample that frames of a pixel format are said to have: 8 to 16."""
    return min(max(bit_depth(pixel_format), 8), 16)


def find_crop(container: InputContainer, file: SourceFile) -> Crop:
    """What the container wants left out; what the codec leaves out is gone when a picture is decoded."""
    if "matroska" not in container.format.name:
        return Crop()
    context = main_video(container, file.path).codec_context
    return matroska_crop(file.head, context.width, context.height)


def stream_duration(stream: VideoStream, file: SourceFile) -> Fraction | None:
    """Seconds from the first frame's start to the last one's end: as the container says, or as its packets do
    where it cannot know."""
    clock = file.clock
    # FFmpeg may count what an edit list of MP4 leaves out, or puts before the first frame.
    late = stream.container.format.name == MOVIE and (stream.start_time or 0) > 0
    shown = sum(not entry.is_discard for entry in stream.index_entries)
    edited = (clock.discarded or late) and (clock.pictures or 0) >= shown
    if clock.length is not None and (clock.discontinuous or edited or not clock.continuous):
        return clock.length
    time_base = exact(stream.time_base)
    if time_base is None:
        return None
    if stream.duration is not None and stream.container.format.name != "asf":  # which gives the file's
        return stream.duration * time_base
    end = tagged_end(stream, file.head)
    return None if end is None else end - (stream.start_time or 0) * time_base


def _frame_count(
    stream: VideoStream, clock: Clock, duration: Fraction | None, rate: Fraction | None
) -> int | None:
    """The packets there are, however long a picture stands; by the rate where some of them are no picture."""
    count = clock.pictures or stream.frames or None
    if duration is None or rate is None:
        return count
    shown = max(1, round(duration * rate))
    if count is None:
        return shown
    hidden = shown < count <= Fraction(11, 10) * shown  # VP8 has pictures that are never shown
    fields = Fraction(19, 10) * shown <= count <= Fraction(21, 10) * shown
    return shown if hidden or fields else count


def _frame_rate(stream: VideoStream, clock: Clock) -> Fraction | None:
    """The exact nominal rate (30000/1001) when the average confirms it, else the average (VFR)."""
    average, guessed = exact(stream.average_rate), exact(stream.guessed_rate)
    if average and guessed and abs(guessed / average - 1) < Fraction(1, 100):
        return guessed
    if clock.pictures and clock.length and not clock.continuous:
        average = clock.pictures / clock.length
        return guessed if guessed and abs(guessed / average - 1) < Fraction(1, 100) else average
    return average or guessed
