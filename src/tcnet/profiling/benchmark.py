"""Times models and BasicVSR, interleaved, on the same frames."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from tcnet.errors import UsageError
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


Work = Callable[[], None]


class _Network(Protocol):
    def frames(self, lr_clip: Tensor) -> Iterator[Tensor]: ...


@dataclass(slots=True, eq=False)
class _Row:
    """One network, and what was measured of it.

    work: what is timed. counted: the same, not compiled, so that its FLOPs can be counted. network: for its
    stages; None for a baseline. as_written: the network not compiled. seconds: for a frame, by round; stages:
    likewise, for the clip.
    """

    name: str
    work: Work
    counted: Work
    network: TCNet | None = None
    as_written: TCNet | None = None
    flops_per_frame: float = 0.0
    peak: int | None = None
    seconds: list[float] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def timing(self, baseline: float, clip: Tensor, limit: float) -> Timing:
        """baseline: seconds for a frame. limit: FLOP/s."""
        stages: tuple[Stage, ...] = ()
        if self.as_written is not None:
            stages = _stages(stage_flops(self.as_written, self.counted), self.stages, clip, limit)
        return Timing(
            name=self.name,
            milliseconds_per_frame=1e3 * self.median,
            slowest_round=1e3 * max(self.seconds),
            ratio=self.median / baseline,
            gflop_per_frame=self.flops_per_frame / 1e9,
            limit_fraction=self.flops_per_frame / self.median / limit,
            peak_memory=self.peak,
            stages=stages,
        )


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
    networks = _load(models, height, width, frames, chosen, number_format)
    if compiled and number_format.quantised:
        raise UsageError("compile is for floating point, not for int8: leave it out, or use auto")
    baseline, remarks = _baseline()
    if number_format.quantised:
        remarks = (
            *remarks,
            f"BasicVSR ran in {number_format.floating.name}, of which its fraction of the limit is low",
        )
    lead = max(1 + network.delay for network in networks.values())
    texture = moving_texture(lead + frames, height, width).to(chosen)
    before, clip = texture[:, :lead], texture[:, lead:]
    rows = _rows(networks, before, clip, compiled=compiled)
    rows += _baseline_rows(baseline, clip, chosen, number_format.dtype)
    for row in rows:
        flops, row.peak = _warm_up(row.work, row.counted, chosen)
        row.flops_per_frame = flops / frames
    limits, bandwidths = [], []
    for _ in range(rounds):
        limits.append(convolution_limit(chosen, number_format, height, width))
        bandwidths.append(memory_bandwidth(chosen))
        _measure(rows, frames, chosen)
    limit, bandwidth = statistics.median(limits), statistics.median(bandwidths)
    (contiguous,) = (row.median for row in rows if row.name == PLAIN)
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
        timings=tuple(row.timing(contiguous, clip, limit) for row in rows),
        remarks=(
            f"convolution limit: {limit / 1e12:.3f} TFLOP/s "
            f"({LIMIT_CHANNELS} channels, 3x3, {height}x{width}, channels_last); "
            f"memory: {bandwidth / 1e9:.1f} GB/s (copying)",
            *remarks,
        ),
    )


def _rows(networks: Mapping[str, TCNet], before: Tensor, clip: Tensor, *, compiled: bool) -> list[_Row]:
    rows = []
    for name, network in networks.items():
        work = _work(network, before, clip)
        if compiled:
            quick = compiled_copy(network)
            rows.append(_Row(f"{name}, compiled", _work(quick, before, clip), work, quick, network))
        else:
            rows.append(_Row(name, work, work, network, network))
    return rows


def _baseline_rows(baseline: BasicVSR, clip: Tensor, device: torch.device, dtype: torch.dtype) -> list[_Row]:
    layouts = {PLAIN: torch.contiguous_format, "BasicVSR, channels_last": torch.channels_last}
    works = {
        name: _whole_clip(_copy(baseline, device, dtype, layout), clip) for name, layout in layouts.items()
    }
    return [_Row(name, work, work) for name, work in works.items()]


def _measure(rows: Sequence[_Row], frames: int, device: torch.device) -> None:
    """One round: each row once, and then the stages of those that have some."""
    for row in rows:
        row.seconds.append(clock(row.work, device) / frames)
    for row in rows:
        if row.network is not None:
            row.stages.append(stage_times(row.network, row.work, device))


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
            raise UsageError(f"{frames} frames are not whole groups of {model}: give a multiple of {group}")
        networks[name] = network
    if max(height, width) > LARGEST_SIDE:
        raise UsageError(f"size {height}x{width} is too large: at most {LARGEST_SIDE} a side")
    return networks


def _warm_up(work: Work, counted: Work, device: torch.device) -> tuple[float, int | None]:
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
    """BasicVSR, and a remark where its weights are not installed."""
    try:
        path = find_basicvsr("basicvsr-bi")
    except UsageError:
        torch.manual_seed(0)
        remark = "BasicVSR ran with random weights (its published ones are not installed): a timing only"
        return BasicVSR().eval().requires_grad_(False), (remark,)
    return load_basicvsr(path), ()


def _copy(
    baseline: BasicVSR, device: torch.device, dtype: torch.dtype, layout: torch.memory_format
) -> BasicVSR:
    copy = BasicVSR(baseline.channels, len(baseline.backward_trunk.blocks)).eval().requires_grad_(False)
    copy.load_state_dict(baseline.state_dict())
    return copy.to(device, dtype).to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


def _whole_clip(network: _Network, clip: Tensor) -> Work:
    @torch.inference_mode()
    def whole() -> None:
        for _ in network.frames(clip):
            pass

    return whole


def _work(network: TCNet, before: Tensor, clip: Tensor) -> Work:
    """The pictures of `clip`, or as many of a network that streams: `before` is given to it first, now, since
    it has more to do where a scene begins."""
    if network.config.propagation == "bidirectional":
        return _whole_clip(network, clip)
    with torch.inference_mode():
        _, begun = network.stream(before[:, -1 - network.delay :])

    @torch.inference_mode()
    def goes_on() -> None:
        state = begun
        for frame in clip.unbind(1):
            _, state = network.stream(frame[:, None], state)

    return goes_on
