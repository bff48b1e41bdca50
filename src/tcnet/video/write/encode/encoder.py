"""Frames to packets: an encoder with its colours and tags, and packets that outlive it as values."""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from tcnet.errors import MediaError, UsageError
from tcnet.video.color.convert import FromRgb
from tcnet.video.color.h273 import RANGE_FULL, RANGE_LIMITED
from tcnet.video.frame import ColorSpec, Frame, VideoInfo
from tcnet.video.write.encode.captions import CAPTIONED_CODECS, with_captions
from tcnet.video.write.encode.codecs import EncoderPlan

ENCODER_THREADS = 4
"""The same on all machines: x264 and x265 give other packets with another number. A run may be continued on
another machine, and segments of one run come from several."""


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One encoded frame. pts, dts, duration: in ticks of the output's time base."""

    pts: int
    dts: int
    duration: int
    is_keyframe: bool
    data: bytes


class PictureEncoder:
    """Encodes frames of one size in order, each into one packet."""

    def __init__(self, stream: VideoStream, plan: EncoderPlan, info: VideoInfo, path: Path) -> None:
        """stream: opened by `add_video`. path: of the output, for messages."""
        self._stream = stream
        self._info = info
        self._path = path
        self._from_rgb = FromRgb(plan.pixel_format, plan.color, info.width, info.height)
        self._surface = plan.surface
        self._codec = plan.codec
        self._durations: dict[int, int] = {}
        self._captions: dict[int, bytes] = {}
        self._last_pts: int | None = None
        self.frames = 0
        self.start_pts = 0
        """The tick at which the first frame begins."""
        self.end_pts = 0
        """The tick at which the last frame ends."""

    @property
    def parameter_sets(self) -> bytes:
        """What a decoder needs before the first packet; the container keeps it once for all packets."""
        return self._stream.codec_context.extradata or b""

    def encode(self, frame: Frame) -> list[EncodedPacket]:
        """The packets that are ready, in decoding order. ValueError for a wrong size or a time not after the
        last one's, MediaError when the encoder fails."""
        pts = self._ticks(frame.pts, frame.time_base)
        if self._last_pts is not None and pts <= self._last_pts:
            raise ValueError(
                f"frame times must increase: {pts} after {self._last_pts} ({self._info.time_base} s)"
            )
        picture = self._from_rgb(frame.pixels, frame.alpha, frame.overshoot)
        if self._surface not in (None, picture.format.name):
            picture = picture.reformat(format=self._surface)  # the same samples, laid out otherwise
        picture.pts = pts
        picture.time_base = self._info.time_base
        picture.duration = self._ticks(frame.duration, frame.time_base)
        self._durations[pts] = picture.duration
        if frame.captions and self._codec in CAPTIONED_CODECS:
            self._captions[pts] = frame.captions
        if not self.frames:
            self.start_pts = pts
        self.frames += 1
        self.end_pts = pts + picture.duration
        self._last_pts = pts
        return self._packets(picture)

    def flush(self) -> list[EncodedPacket]:
        """The packets still in the encoder, which takes no frame after this.

        Raises MediaError if a frame never came out.
        """
        packets = self._packets(None)
        if self._durations:
            raise MediaError(
                f"{self._path}: the encoder {self._stream.codec_context.name} lost {len(self._durations)} "
                "frames; choose another codec"
            )
        return packets

    def _packets(self, picture: av.VideoFrame | None) -> list[EncodedPacket]:
        try:
            encoded = self._stream.encode(picture)
        except av.FFmpegError as error:
            raise MediaError(f"{self._path}: encoding failed: {reason(error)}") from error
        packets = []
        for packet in encoded:
            if packet.pts not in self._durations:
                raise MediaError(
                    f"{self._path}: the encoder {self._stream.codec_context.name} gave a packet of no frame "
                    f"(time {packet.pts}); choose another codec"
                )
            duration = self._durations.pop(packet.pts)
            dts = packet.pts if packet.dts is None else packet.dts
            data = bytes(packet)
            if captions := self._captions.pop(packet.pts, None):
                data = with_captions(data, self._codec, captions)
            packets.append(EncodedPacket(packet.pts, dts, duration, packet.is_keyframe, data))
        return packets

    def _ticks(self, time: int, time_base: Fraction) -> int:
        if time_base == self._info.time_base:
            return time
        return round(time * time_base / self._info.time_base)


class SeparateEncoder(PictureEncoder):
    """An encoder without a file, set up exactly as the one whose stream the file has."""

    def __init__(self, muxer: str, plan: EncoderPlan, info: VideoInfo, path: Path) -> None:
        """Raises UsageError like `add_video`."""
        # Never written to; it makes PyAV choose what it chooses for the file.
        self._container = av.open(io.BytesIO(), "w", format=muxer)
        super().__init__(add_video(self._container, plan, info, path), plan, info, path)

    def flush(self) -> list[EncodedPacket]:
        packets = super().flush()
        self.close()
        return packets

    def close(self) -> None:
        """Frees the encoder; it is of no use after that."""
        # The container and its stream hold each other: left to the garbage collector, dozens of encoders
        # would wait in memory, and the memory they leave in pieces grows with the length of the video.
        self._container.close()


def add_video(container: OutputContainer, plan: EncoderPlan, info: VideoInfo, path: Path) -> VideoStream:
    """Adds the new video to a container, its encoder opened. path: of the output, for messages.

    Raises UsageError when the container cannot hold the codec or the encoder refuses its options.
    """
    color = FromRgb(plan.pixel_format, plan.color, info.width, info.height).color
    try:
        added = container.add_stream(plan.encoder, rate=info.frame_rate or 25, options=dict(plan.options))
    except ValueError as error:
        raise UsageError(
            f"{path.suffix} cannot hold {plan.codec}; write .mkv or choose another codec"
        ) from error
    stream = cast(VideoStream, added)
    _describe(stream, plan, info, color)
    context = stream.codec_context
    if plan.codec == "hevc" and container.format.name in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # Apple's players do not open FFmpeg's default, hev1
    # PyAV asks for slice threads, with which x264 compresses worse.
    context.thread_type = "AUTO"
    context.thread_count = ENCODER_THREADS
    if "420" in plan.pixel_format or "422" in plan.pixel_format:
        context.options.setdefault("chroma_sample_location", "left")
    if plan.encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only: it takes no other word on what it prints
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        raise UsageError(
            f"encoder {plan.encoder} refuses {info.width}x{info.height} {plan.pixel_format} with "
            f"{_spelled(plan.options)}: {reason(error)}"
        ) from error
    return stream


def _describe(stream: VideoStream, plan: EncoderPlan, info: VideoInfo, color: ColorSpec) -> None:
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = (
        info.width,
        info.height,
        plan.surface or plan.pixel_format,
    )
    context.time_base = info.time_base
    context.sample_aspect_ratio = info.sample_aspect_ratio
    context.colorspace, context.color_primaries, context.color_trc = (
        color.matrix,
        color.primaries,
        color.transfer,
    )
    context.color_range = RANGE_FULL if color.full_range else RANGE_LIMITED


def reason(error: Exception) -> str:
    """FFmpeg's words for what went wrong."""
    return getattr(error, "strerror", None) or str(error)


def _spelled(options: Mapping[str, str]) -> str:
    return ", ".join(f"{k}={v}" for k, v in options.items()) or "no options"
