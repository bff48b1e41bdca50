"""An upload before the work: what it is, whether the server accepts it, how long it will take.

Runs in the media process; `tcnet.plan_video` plans the upscaling itself.
"""

from dataclasses import dataclass
from pathlib import Path

from tcnet.errors import MediaError
from tcnet.inference import UpscaleOptions
from tcnet.inference.upscale_options import shrunk_width
from tcnet.upscale import plan_video
from tcnet.upscale.output.disk_space import room_needed
from tcnet.video import EncodeOptions, ReadOptions, VideoInfo, VideoReader
from tcnet.web.jobs.frames import read_options
from tcnet.web.jobs.job import JobPlan, Repeated, ShrinkFirst, Source, Trim
from tcnet.web.settings import Limits

_CODEC = "h264"  # of both result containers
_PICTURES = frozenset(
    ["bmp", "dpx", "exr", "jpeg2000", "jpegxl", "mjpeg", "pgm", "png", "ppm", "targa", "tiff", "webp"]
)
"""Codecs of a file that is a single picture if it has no duration."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A client's choices."""

    weights: str
    detail: float | None
    denoise: float | None
    scale: float | None
    height: int | None
    crf: int | None
    trim: Trim
    repeated: Repeated = "exact"
    shrink_first: int | ShrinkFirst | None = None

    @property
    def read(self) -> ReadOptions:
        """Raises UsageError for a part without frames."""
        return read_options(self.trim)


def survey_upload(input: Path, limits: Limits) -> Source:
    """Raises MediaError for a file that is not a video or exceeds a limit."""
    with VideoReader(input) as reader:
        info = reader.info
    if info.codec in _PICTURES and info.frame_count in (None, 1) and info.duration is None:
        raise MediaError(f"{input}: is a picture, not a video; tcnet upscale takes folders of pictures")
    check_limits(info, limits)
    return Source(
        width=info.width,
        height=info.height,
        frames=info.frame_count,
        fps=None if info.frame_rate is None else float(info.frame_rate),
        duration=None if info.duration is None else float(info.duration),
        bytes=input.stat().st_size,
        codec=info.codec,
        bit_depth=info.bit_depth,
    )


def plan_upload(input: Path, output: Path, source: Source, request: JobRequest) -> JobPlan:
    """Raises UsageError and MediaError for choices that are not possible."""
    plan = plan_video(
        input,
        output,
        model=request.weights,
        options=UpscaleOptions(
            detail=request.detail, denoise=request.denoise, scale=request.scale, height=request.height,
            repeated=request.repeated, shrink_first=request.shrink_first,
        ),
        encode=EncodeOptions(crf=request.crf),
        read=request.read,
    )  # fmt: skip
    frames = source.frames if request.trim == Trim() else plan.source.frame_count
    size = (plan.output_width, plan.output_height)
    room = None
    if frames is not None:
        room = room_needed(_CODEC, *size, frames, copies=1, deep=source.bit_depth > 8).usual
    held = plan.source.held_height
    return JobPlan(
        width=size[0],
        height=size[1],
        seconds=plan.seconds,
        frames=frames,
        notices=plan.notices,
        output_bytes_estimate=room,
        held_width=None if held is None else shrunk_width(plan.source.height, plan.source.width, held),
        held_height=held,
    )


def check_limits(info: VideoInfo, limits: Limits) -> None:
    """Raises MediaError for a video that is too large or too long for the server."""
    if info.width * info.height > limits.pixels:
        raise MediaError(
            f"its frames have {info.width}x{info.height} pixels; this server takes up to {limits.pixels}"
        )
    lasts = info.duration
    if lasts is not None and info.frame_count and info.frame_rate:
        lasts = min(lasts, info.frame_count / info.frame_rate)  # the gaps between frames cost nothing
    if lasts is not None and lasts > limits.duration_seconds:
        raise MediaError(
            f"it lasts {float(lasts):g} s; this server takes up to {limits.duration_seconds:g} s"
        )
    if info.frame_count is not None and info.frame_count > limits.frames:
        raise MediaError(f"it has {info.frame_count} frames; this server takes up to {limits.frames}")
