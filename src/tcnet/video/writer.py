"""Frames to a video file with the input's times, sound and tags."""

import math
import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from tcnet.errors import MediaError, UsageError
from tcnet.video.codecs import EncodeOptions, EncoderPlan, plan_encoding
from tcnet.video.color import FromRgb
from tcnet.video.containers import output_container
from tcnet.video.frame import Frame, VideoInfo
from tcnet.video.h273 import RANGE_FULL, RANGE_LIMITED
from tcnet.video.matroska import make_room, set_pixel_aspect
from tcnet.video.passthrough import Passthrough
from tcnet.video.target import TargetFile

_MAX_TIMESCALE = 2**31 - 1


class VideoWriter:
    """A FrameSink over one file. All wishes are checked and the header is written before the first frame."""

    def __init__(
        self, path: Path, *, info: VideoInfo, options: EncodeOptions, copy_from: Path | None, overwrite: bool
    ) -> None:
        """info: of the output. copy_from: the file whose sound, subtitles, chapters and tags are copied.

        Raises UsageError for options that cannot be, MediaError for a file that must not or cannot be written
        and for streams of `copy_from` that the container cannot hold; none of them leaves anything behind.
        """
        muxer, default_codec = output_container(path)
        plan = plan_encoding(info, options, default_codec)
        self._path = path
        self._info = info
        self._from_rgb = FromRgb(plan.pixel_format, info.color, info.width, info.height)
        self._durations: dict[int, int] = {}
        self._first_pts: int | None = None
        self._last_pts: int | None = None
        self._end_pts = 0
        self._first_dts: int | None = None
        self._held: Packet[VideoStream] | None = None
        self._target = TargetFile(path, overwrite=overwrite, source=copy_from)
        self._container: OutputContainer | None = None
        self._copy: Passthrough | None = None
        self._notices = plan.notices
        self._states_aspect_itself = muxer in ("matroska", "webm") and info.sample_aspect_ratio != 1
        try:
            self._open(muxer, plan, copy_from)
        except BaseException:
            self.abort()
            raise

    @property
    def notices(self) -> tuple[str, ...]:
        return self._notices + (self._copy.notices if self._copy else ())

    def write(self, frame: Frame) -> None:
        """Encodes one frame. ValueError for a wrong size, a dead sink, or a time not after the last one."""
        if self._container is None:
            raise ValueError(f"{self._path}: the sink is finished or aborted")
        pts = self._ticks(frame.pts, frame.time_base)
        if self._last_pts is not None and pts <= self._last_pts:
            raise ValueError(
                f"frame times must increase: {pts} after {self._last_pts} ({self._info.time_base} s)"
            )
        picture = self._from_rgb(frame.pixels)
        picture.pts = pts
        picture.time_base = self._info.time_base
        picture.duration = self._ticks(frame.duration, frame.time_base)
        self._durations[pts] = picture.duration
        self._end_pts = pts + picture.duration
        if self._first_pts is None:
            self._first_pts = pts
        self._last_pts = pts
        self._encode(picture)

    def finish(self) -> None:
        """Ends the file, syncs it and gives it its name."""
        if self._container is None:
            raise ValueError(f"{self._path}: the sink is finished or aborted")
        if self._last_pts is None:
            raise MediaError(f"{self._path}: no frame was written")
        self._encode(None)
        try:
            self._mux_last()
            if self._copy is not None:
                self._copy.mux_until(None)
        except av.FFmpegError as error:
            raise self._failure(error) from error
        container, self._container = self._container, None
        try:
            container.close()
        except av.FFmpegError as error:
            raise self._failure(error) from error
        finally:
            if self._copy is not None:
                self._copy.close()
        if self._states_aspect_itself:
            info = self._info
            set_pixel_aspect(self._target.work, info.width, info.height, info.sample_aspect_ratio)
        self._target.commit()

    def abort(self) -> None:
        """Stops and removes what was written; harmless after `finish` and when called again."""
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except av.FFmpegError:
            pass  # the file is thrown away: that its end could not be written (disk full) does not matter
        finally:
            if self._copy is not None:
                self._copy.close()
            self._target.discard()

    def _open(self, muxer: str, plan: EncoderPlan, copy_from: Path | None) -> None:
        options: dict[str, str] = {}
        self._container = av.open(str(self._target.work), "w", format=muxer, container_options=options)
        self._stream = self._add_video(self._container, plan)
        if copy_from is not None:
            self._copy = Passthrough(copy_from, self._container)
            width, height = self._copy.video_size
            scale = (Fraction(self._info.width, width), Fraction(self._info.height, height))
            self._copy.describe_video(self._stream, scale)
            self._copy.describe_file()
        if self._states_aspect_itself:
            make_room(self._stream)
        self._container.container_options.update(self._muxer_options(muxer))
        try:
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            # Each copied stream was tried before, so it is the new one.
            raise UsageError(
                f"{self._path.suffix} cannot hold {plan.codec} in {plan.pixel_format} ({_reason(error)}); "
                "write .mkv or choose another codec"
            ) from error

    def _add_video(self, container: OutputContainer, plan: EncoderPlan) -> VideoStream:
        info, color = self._info, self._from_rgb.color
        try:
            added = container.add_stream(plan.encoder, rate=info.frame_rate or 25, options=dict(plan.options))
        except ValueError as error:
            raise UsageError(
                f"{self._path.suffix} cannot hold {plan.codec}; write .mkv or choose another codec"
            ) from error
        stream = cast(VideoStream, added)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = info.width, info.height, plan.pixel_format
        context.time_base = info.time_base
        context.sample_aspect_ratio = info.sample_aspect_ratio
        context.colorspace, context.color_primaries, context.color_trc = (
            color.matrix,
            color.primaries,
            color.transfer,
        )
        context.color_range = RANGE_FULL if color.full_range else RANGE_LIMITED
        if plan.codec == "hevc" and container.format.name in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players do not open FFmpeg's default, hev1
        # PyAV asks for slice threads, with which x264 compresses worse.
        context.thread_type = "AUTO"
        if "420" in plan.pixel_format or "422" in plan.pixel_format:
            context.options.setdefault("chroma_sample_location", "left")
        if plan.encoder == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only: it takes no other word on what it prints
        try:
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise UsageError(
                f"encoder {plan.encoder} refuses {info.width}x{info.height} {plan.pixel_format} with "
                f"{_spelled(plan.options)}: {_reason(error)}"
            ) from error
        return stream

    def _muxer_options(self, muxer: str) -> dict[str, str]:
        if muxer not in ("mp4", "mov"):
            # Matroska would shift the whole file where sound starts before zero (encoder delay of AAC).
            return {"avoid_negative_ts": "disabled"} if muxer in ("matroska", "webm") else {}
        # Exact times need the input's own clock. Edit lists (start, encoder delay) count in the movie's
        # clock, by default milliseconds: take one that holds both video and sound.
        ticks = self._info.time_base.denominator
        movie = ticks
        for rate in self._copy.sample_rates if self._copy else ():
            movie = math.lcm(movie, rate) if math.lcm(movie, rate) <= _MAX_TIMESCALE else movie
        return {"video_track_timescale": str(ticks), "movie_timescale": str(movie)}

    def _encode(self, picture: av.VideoFrame | None) -> None:
        assert self._container is not None
        try:
            for packet in self._stream.encode(picture):
                self._hold(packet)
        except av.FFmpegError as error:
            raise self._failure(error) from error

    def _hold(self, packet: "Packet[VideoStream]") -> None:
        """Muxes the packet before; the last one needs another duration."""
        if packet.pts is not None:
            packet.duration = self._durations.pop(packet.pts, 0)
        if self._first_dts is None:
            self._first_dts = packet.dts
        if self._held is not None:
            self._mux(self._held)
        self._held = packet

    def _mux_last(self) -> None:
        """MP4 states a track's length as the sum of its packets' durations in decoding order, which with
        B-frames and a variable rate is not how long it lasts; the last packet takes up the difference.
        (The edit list may then end later than the track by the reordering delay, which does no harm.)
        """
        packet, self._held = self._held, None
        if packet is None:
            return
        in_mp4 = self._target.path.suffix.lower() in (".mp4", ".m4v", ".mov")
        if in_mp4 and packet.dts is not None and self._first_dts is not None and self._first_pts is not None:
            length = self._end_pts - self._first_pts
            packet.duration = max(length - (packet.dts - self._first_dts), 0)
        self._mux(packet)

    def _mux(self, packet: "Packet[VideoStream]") -> None:
        assert self._container is not None
        if self._copy is not None and packet.dts is not None:
            self._copy.mux_until(packet.dts * packet.time_base)
        self._container.mux(packet)

    def _ticks(self, time: int, time_base: Fraction) -> int:
        if time_base == self._info.time_base:
            return time
        return round(time * time_base / self._info.time_base)

    def _failure(self, error: Exception) -> MediaError:
        return MediaError(f"{self._path}: writing failed: {_reason(error)}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _spelled(options: Mapping[str, str]) -> str:
    return ", ".join(f"{k}={v}" for k, v in options.items()) or "no options"
