"""Times models and BasicVSR, interleaved, on the same frames."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.methods.basicvsr import BasicVSR, find_basicvsr, load_basicvsr
from tcnet.inference import choose_device, choose_precision
from tcnet.inference.memory import peak_memory
from tcnet.inference.precision import Precision, compiled_copy, working_copy
from tcnet.models import load_model
from tcnet.network import TCNet
from tcnet.profiling.benchmark_result import BenchmarkResult, Stage, Timing
from tcnet.profiling.clock import clock, reset_peak
from tcnet.profiling.roofline import LIMIT_CHANNELS, convolution_limit, memory_bandwidth
from tcnet.profiling.stages import all_flops, stage_flops, stage_times

LARGEST_SIDE = 4320
"""LR pixels: beyond 8K at x4 nothing is worth timing, and memory would not suffice."""
PLAIN = "BasicVSR, the baseline"
"""Eager, whole frames, torch's default memory layout: the reference of ratios."""


class _Network(Protocol):
    def frames(self, lr_clip: Tensor) -> Iterator[Tensor]: ...


def run_benchmark(
    models: Sequence[str],
    height: int,
    width: int,
    frames: int,
    rounds: int,
    device: str,
    precision: str,
    *,
    compiled: bool = False,
) -> BenchmarkResult:
    """Time `models`, the baseline (BasicVSR in eager PyTorch, contiguous) and BasicVSR in channels_last, in
    turn, `rounds` times: each a whole clip of `frames`, or as many in the middle of a stream for those that
    can. compiled: `models` run compiled; their FLOPs are those of the same without.

    Raises UsageError for impossible sizes, unknown names, devices and precisions, and for a number of frames
    that is not a multiple of a streaming network's group size.
    """
    chosen = choose_device(device)
    number_format = choose_precision(precision, chosen)
    plain = _load(models, height, width, frames, chosen, number_format)
    if compiled and number_format.quantised:
        raise UsageError("compile is for floating point, not for int8: leave it out, or use auto")
    ours = {f"{name}, compiled": compiled_copy(each) for name, each in plain.items()} if compiled else plain
    baseline, remarks = _baseline()
    if number_format.quantised:
        remarks = (
            *remarks,
            f"BasicVSR ran in {number_format.floating.name}, of which its fraction of the limit is low",
        )
    dtype = number_format.dtype
    baselines = {
        PLAIN: _copy(baseline, chosen, dtype, torch.contiguous_format),
        "BasicVSR, channels_last": _copy(baseline, chosen, dtype, torch.channels_last),
    }
    lead = max(1 + network.config.group_size for network in ours.values())
    texture = moving_texture(lead + frames, height, width).to(chosen)
    before, clip = texture[:, :lead], texture[:, lead:]
    works = {name: _work(network, before, clip) for name, network in ours.items()}
    works |= {name: _whole_clip(network, clip) for name, network in baselines.items()}
    as_written = dict(zip(ours, plain.values(), strict=True))
    counted = dict(works)
    if compiled:
        counted |= {name: _work(network, before, clip) for name, network in as_written.items()}
    flops: dict[str, float] = {}
    peaks: dict[str, int | None] = {}
    for name, work in works.items():
        operations, peaks[name] = _warm_up(work, counted[name], chosen)
        flops[name] = operations / frames
    seconds: dict[str, list[float]] = {name: [] for name in works}
    stages: dict[str, list[dict[str, float]]] = {name: [] for name in ours}
    limits, bandwidths = [], []
    for _ in range(rounds):
        limits.append(convolution_limit(chosen, number_format, height, width))
        bandwidths.append(memory_bandwidth(chosen))
        for name, work in works.items():
            seconds[name].append(clock(work, chosen) / frames)
        for name, model in ours.items():
            stages[name].append(stage_times(model, works[name], chosen))
    limit, bandwidth = statistics.median(limits), statistics.median(bandwidths)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return BenchmarkResult(
        title=f"{height}x{width} to {4 * height}x{4 * width}, {number_format.name} on {chosen}, "
        f"{torch.get_num_threads()} threads, {frames} frames, median of {rounds}",
        device=str(chosen),
        precision=number_format.name,
        threads=torch.get_num_threads(),
        height=height,
        width=width,
        frames=frames,
        rounds=rounds,
        convolution_limit=limit,
        memory_bandwidth=bandwidth,
        timings=tuple(
            Timing(
                name,
                1e3 * medians[name],
                1e3 * max(seconds[name]),
                medians[name] / medians[PLAIN],
                flops[name] / 1e9,
                flops[name] / medians[name] / limit,
                peaks[name],
                _stages(stage_flops(as_written[name], counted[name]), stages[name], clip, limit)
                if name in ours
                else (),
            )
            for name in works
        ),
        remarks=(
            f"convolution limit: {limit / 1e12:.3f} TFLOP/s "
            f"({LIMIT_CHANNELS} channels, 3x3, {height}x{width}, channels_last); "
            f"memory: {bandwidth / 1e9:.1f} GB/s (copying)",
            *remarks,
        ),
    )


def _load(
    models: Sequence[str], height: int, width: int, frames: int, device: torch.device, precision: Precision
) -> dict[str, TCNet]:
    """The models by the names of their rows. Raises UsageError for one given twice, for frames too small or
    too large, and where a streaming one would end inside a group."""
    networks: dict[str, TCNet] = {}
    for model in models:
        network = working_copy(load_model(model), device, precision)
        name = f"{Path(model).name} (TCNet {network.config.propagation})"
        if name in networks:
            raise UsageError(f"--model names {model} twice: give it once")
        if min(height, width) < network.minimum_size:
            raise UsageError(f"size {height}x{width} is too small: at least {network.minimum_size} a side")
        group = network.config.group_size
        if network.config.propagation == "forward" and frames % group:
            raise UsageError(f"{frames} frames are no whole groups of {model}: give a multiple of {group}")
        networks[name] = network
    if max(height, width) > LARGEST_SIDE:
        raise UsageError(f"size {height}x{width} is too large: at most {LARGEST_SIDE} a side")
    return networks


def _warm_up(
    work: Callable[[], None], counted: Callable[[], None], device: torch.device
) -> tuple[float, int | None]:
    """The FLOPs of `counted` and the peak memory of `work`, which is the same but where it is compiled:
    that hides its FLOPs. Memory apart from time, as what was kept is given back before."""
    if counted is work:
        reset_peak(device)
        return all_flops(work), peak_memory(device)
    work()  # compiling takes memory of its own
    reset_peak(device)
    work()
    taken = peak_memory(device)
    return all_flops(counted), taken


def _stages(
    flops: dict[str, float], rounds: Sequence[dict[str, float]], clip: Tensor, limit: float
) -> tuple[Stage, ...]:
    """Medians per stage; last what is between the modules."""
    seconds = {name: statistics.median(taken[name] for taken in rounds) for name in flops}
    whole = sum(seconds.values())
    _, count, _, height, width = clip.shape
    output_pixels = count * height * width * TCNet.scale**2
    return tuple(
        Stage(
            name=name,
            milliseconds_per_frame=1e3 * seconds[name] / count,
            share=seconds[name] / whole,
            multiply_adds=flops[name] / 2 / output_pixels,
            limit_fraction=flops[name] / seconds[name] / limit if flops[name] else None,
        )
        for name in flops
    )


def moving_texture(frames: int, height: int, width: int) -> Tensor:
    """(1, T, 3, H, W) in [0, 1]: a smooth random picture that moves by (1, 2) pixels a frame."""
    generator = torch.Generator().manual_seed(0)
    size = (height + frames, width + 2 * frames)
    coarse = torch.rand(1, 3, max(2, size[0] // 4), max(2, size[1] // 4), generator=generator)
    picture = F.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    return torch.stack([picture[..., i : i + height, 2 * i : 2 * i + width] for i in range(frames)], dim=1)


def _baseline() -> tuple[BasicVSR, tuple[str, ...]]:
    try:
        return load_basicvsr(find_basicvsr("basicvsr-bi")), ()
    except MediaError:
        torch.manual_seed(0)
        remark = "BasicVSR ran with random weights (its published ones are not installed): a timing only"
        return BasicVSR().eval().requires_grad_(False), (remark,)


def _copy(
    baseline: BasicVSR, device: torch.device, dtype: torch.dtype, layout: torch.memory_format
) -> BasicVSR:
    copy = BasicVSR(baseline.channels, len(baseline.backward_trunk.blocks)).eval().requires_grad_(False)
    copy.load_state_dict(baseline.state_dict())
    return copy.to(device, dtype).to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


def _whole_clip(network: _Network, clip: Tensor) -> Callable[[], None]:
    @torch.inference_mode()
    def whole() -> None:
        for _ in network.frames(clip):
            pass

    return whole


def _work(network: TCNet, before: Tensor, clip: Tensor) -> Callable[[], None]:
    """The pictures of `clip`, or as many of a network that streams: `before` is given to it first, now, since
    it has more to do where a scene begins."""
    if network.config.propagation == "bidirectional":
        return _whole_clip(network, clip)
    with torch.inference_mode():
        _, begun = network.stream(before[:, -1 - network.config.group_size :])

    @torch.inference_mode()
    def goes_on() -> None:
        state = begun
        for frame in clip.unbind(1):
            _, state = network.stream(frame[:, None], state)

    return goes_on
