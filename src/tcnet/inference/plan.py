"""What a run will be, before it starts: sizes, memory, time. The time is measured, not guessed."""

import math
import time
from dataclasses import dataclass, replace

import torch

from tcnet.inference.compute import Compute, without_gradients
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.tiling import CONTEXT_WORK, Layout
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.inference.upscaler import Upscaler
from tcnet.inference.windows import plan_spans
from tcnet.video.frame import VideoInfo

PROBE_SIDE = 32
"""LR pixels; the probe's first size, and what further ones are multiples of."""
PROBE_SECONDS = 0.25
"""A run this long is long enough to scale from; shorter ones tell the size that takes half as long again."""
COMPILING = (
    "the network is compiled first, which takes one to four minutes for each size of tile, and seconds once "
    "torch has it in its cache; the times shown are without that"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A decided run. Its `options` leave nothing open, and give the same windows and tiles at any time."""

    model: str
    device: str
    precision: str
    window: int | None
    """Frames computed together; None for a forward model, which streams."""
    overlap: int
    tile: int | None
    """Tile side in LR pixels; None: whole frames."""
    tiles: int
    output_width: int
    output_height: int
    memory: int
    """Estimated peak in bytes on the device."""
    memory_limit: int
    seconds_per_frame: float | None
    """Measured on a probe and scaled by area, overlaps included; None if not measured."""
    seconds: float | None
    """For all frames that are to be computed; None if their number is not known or nothing was measured."""
    notices: tuple[str, ...]
    options: UpscaleOptions
    source: VideoInfo
    seconds_per_pixel: float | None = None
    """For one LR pixel of one frame, overlaps apart: what the probe measured."""
    codec: str | None = None
    """Of the output; None where it is images, and in plans without files."""
    frames_kept: int = 0
    """By an unfinished run that is continued; `seconds` is for the others."""
    segment_frames: int | None = None
    """Frames that the output is written in, after which windows end; None in plans without files."""


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """What a probe measured, in seconds for an LR pixel. per_frame: of each frame. warm_up: once, where a
    stream begins; 0 for networks that do not stream."""

    per_frame: float
    warm_up: float = 0.0


def plan_upscale(
    info: VideoInfo,
    network: VideoNetwork,
    options: UpscaleOptions | None = None,
    *,
    model: str | None = None,
    measure: bool = True,
) -> Plan:
    """Decide device, precision, window and tiles for the video `info`.

    model: the name to show (default: the class's). measure: run the network on a probe for about a second;
    without, the plan has no times. Raises UsageError or MediaError when the video cannot be upscaled so.
    """
    return plan_with(Upscaler(network, options), info, model=model or type(network).__name__, measure=measure)


def plan_with(upscaler: Upscaler, info: VideoInfo, *, model: str, measure: bool = True) -> Plan:
    """As `plan_upscale`, by an upscaler; `upscaler.with_options(plan.options)` carries it out."""
    network, options, compute = upscaler.compute.network, upscaler.options, upscaler.compute
    sample_bytes = 1 if info.bit_depth <= 8 else 2
    limit = upscaler.memory_limit()
    layout = upscaler.layout(info.height, info.width, sample_bytes)
    memory = upscaler.memory_needed(layout, sample_bytes)
    speed = measure_speed(compute, layout) if measure else None
    per_frame = known = None
    if speed is not None:
        per_frame = speed.per_frame * computed_area_per_frame(layout, network, info.frame_count)
        if info.frame_count is not None:
            known = per_frame * info.frame_count + speed.warm_up * layout.computed_area
    return Plan(
        model=model,
        device=str(compute.device),
        precision=compute.precision.name,
        window=layout.window or None,
        overlap=layout.overlap,
        tile=layout.tile if layout.tiled else None,
        tiles=len(layout.tiles),
        output_width=layout.out_width,
        output_height=layout.out_height,
        memory=memory,
        memory_limit=limit,
        seconds_per_frame=per_frame,
        seconds=known,
        notices=(*upscaler.memory_notices(layout, sample_bytes), *((COMPILING,) if options.compile else ())),
        options=upscaler.decided(layout),
        source=info,
        seconds_per_pixel=None if speed is None else speed.per_frame,
    )


def with_output(plan: Plan, *, codec: str | None, frames_kept: int) -> Plan:
    """The plan as it is for its output: its time is for the frames that are not there yet."""
    seconds, total = plan.seconds, plan.source.frame_count
    if seconds is not None and total:
        seconds *= max(0, total - frames_kept) / total
    return replace(plan, codec=codec, frames_kept=frames_kept, seconds=seconds)


def measure_speed(compute: Compute, layout: Layout) -> MeasuredSpeed:
    """Measured on frames of noise: a group of them, for streams a first and a second one."""
    network = compute.uncompiled  # a probe is not worth compiling for
    least = network.minimum_size
    group = network.config.group_size
    frames = network.delay + 1 + group if network.config.propagation == "forward" else group
    generator = torch.Generator().manual_seed(0)
    side = PROBE_SIDE
    _run_probe(compute, torch.zeros(1, frames, 3, least, least))
    while True:
        height, width = (max(least, min(side, length)) for length in (layout.height, layout.width))
        clip = torch.rand(1, frames, 3, height, width, generator=generator)
        seconds, warm_up = _run_probe(compute, clip)
        if seconds >= PROBE_SECONDS or side >= max(layout.height, layout.width, 1):
            # What else the machine did just then is no measure of it.
            seconds, warm_up = min((seconds, warm_up), _run_probe(compute, clip))
            return MeasuredSpeed(seconds / (group * height * width), warm_up / (height * width))
        side = PROBE_SIDE * math.ceil(side * math.sqrt(1.5 * PROBE_SECONDS / max(seconds, 1e-6)) / PROBE_SIDE)


def _run_probe(compute: Compute, clip: torch.Tensor) -> tuple[float, float]:
    """Seconds for a group of frames, and how much more the first one of a stream takes."""
    clip, network = clip.to(compute.device), compute.uncompiled
    if network.config.propagation != "forward":
        begin = time.perf_counter()
        for picture in without_gradients(network.frames(clip)):
            _wait_for(picture)
        return time.perf_counter() - begin, 0.0
    # A group is computed when the frames that it waits for are there.
    first, second = clip.tensor_split([network.delay + 1], dim=1)
    with torch.inference_mode():
        begin = time.perf_counter()
        pictures, state = network.stream(first, None, last=False)
        _wait_for(pictures)
        begun = time.perf_counter()
        pictures, _ = network.stream(second, state, last=False)
        _wait_for(pictures)
    seconds = time.perf_counter() - begun
    return seconds, max(0.0, begun - begin - seconds)


def _wait_for(pictures: torch.Tensor) -> None:
    """Until an accelerator has computed them."""
    float(pictures.mean())


def computed_area_per_frame(layout: Layout, network: VideoNetwork, frame_count: int | None) -> float:
    """LR pixels computed for each frame of output, the overlap of tiles included, and that of windows by what
    it costs."""
    if not layout.window:
        return float(layout.computed_area)
    group = network.config.group_size
    length = frame_count or 100 * layout.window  # long enough for the first and last window not to matter
    spans = plan_spans(length, layout.window, layout.overlap, group)
    dropped = sum(span.stop - span.start for span in spans) - length
    return layout.computed_area * (1 + CONTEXT_WORK * dropped / length)
