"""How fast a model runs here: beside BasicVSR, by the same clock, and against the machine's own limit.

The limit is a plain 3x3 convolution of 64 channels at the same size and precision in channels_last memory:
what the network mostly is. A model's fraction of it is its multiply-adds per second over the limit's.
"""

import dataclasses
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.peers import BasicVSR, find_basicvsr, load_basicvsr
from tcnet.models import load_model
from tcnet.upscale import choose_device, choose_precision
from tcnet.upscale.precision import precision_name

LIMIT_CHANNELS = 64
LIMIT_REPEATS = 9
LARGEST_SIDE = 4320
"""LR pixels: beyond 8K at x4 nothing is worth timing, and memory would not do."""


class _Network(Protocol):
    def frames(self, lr_clip: Tensor) -> Iterator[Tensor]: ...


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row: medians over the rounds. `ratio` is to the first peer run the plain way."""

    name: str
    milliseconds_per_frame: float
    slowest_round: float
    ratio: float
    gflop_per_frame: float
    limit_fraction: float
    peak_memory: int | None


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """Everything measured in one run. Bytes, FLOP/s (two per multiply-add), milliseconds."""

    title: str
    device: str
    precision: str
    threads: int
    height: int
    width: int
    frames: int
    rounds: int
    convolution_limit: float
    contestants: tuple[Contestant, ...]
    remarks: tuple[str, ...]

    @property
    def header(self) -> tuple[str, ...]:
        return ("network", "ms", "ratio", "GFLOP", "of limit", "MiB")

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return [
            (
                c.name,
                f"{c.milliseconds_per_frame:.0f}",
                f"{c.ratio:.2f}",
                f"{c.gflop_per_frame:.0f}",
                f"{c.limit_fraction:.2f}",
                "" if c.peak_memory is None else f"{c.peak_memory / 2**20:.0f}",
            )
            for c in self.contestants
        ]


def run_benchmark(
    model: str, height: int, width: int, frames: int, rounds: int, device: str, precision: str
) -> BenchmarkResult:
    """Time `model`, BasicVSR the plain way, and BasicVSR in channels_last memory, in turn, `rounds` times.

    The plain way: eager, whole frames, the layout that torch gives. Raises UsageError for impossible sizes,
    unknown names, devices and precisions.
    """
    chosen = choose_device(device)
    dtype = choose_precision(precision, chosen)
    network = load_model(model, device=chosen, dtype=dtype)
    if min(height, width) < network.minimum_size:
        raise UsageError(f"size {height}x{width} is too small: at least {network.minimum_size} a side")
    if max(height, width) > LARGEST_SIDE:
        raise UsageError(f"size {height}x{width} is too large: at most {LARGEST_SIDE} a side")
    peer, remarks = _peer()
    networks: dict[str, _Network] = {
        f"{Path(model).name} (TCNet {network.config.propagation})": network,
        "BasicVSR, the plain way": _copy(peer, chosen, dtype, torch.contiguous_format),
        "BasicVSR, channels_last": _copy(peer, chosen, dtype, torch.channels_last),
    }
    clip = moving_texture(frames, height, width).to(chosen)
    flops = {name: _count_flops(each, clip) for name, each in networks.items()}  # also the warm-up
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    peaks: dict[str, int | None] = dict.fromkeys(networks)
    limits = []
    for _ in range(rounds):
        limits.append(convolution_limit(chosen, dtype, height, width))
        for name, each in networks.items():
            taken, peak = _time_clip(each, clip)
            seconds[name].append(taken / frames)
            peaks[name] = max(filter(None, (peaks[name], peak)), default=None)
    limit = statistics.median(limits)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    plain = list(medians.values())[1]
    return BenchmarkResult(
        title=f"{height}x{width} to {4 * height}x{4 * width}, {precision_name(dtype)} on {chosen}, "
        f"{torch.get_num_threads()} threads, {frames} frames, median of {rounds}",
        device=str(chosen),
        precision=precision_name(dtype),
        threads=torch.get_num_threads(),
        height=height,
        width=width,
        frames=frames,
        rounds=rounds,
        convolution_limit=limit,
        contestants=tuple(
            Contestant(
                name,
                1e3 * medians[name],
                1e3 * max(seconds[name]),
                medians[name] / plain,
                flops[name] / 1e9,
                flops[name] / medians[name] / limit,
                peaks[name],
            )
            for name in networks
        ),
        remarks=(
            f"convolution limit: {limit / 1e12:.3f} TFLOP/s "
            f"({LIMIT_CHANNELS} channels, 3x3, {height}x{width}, channels_last)",
            *remarks,
        ),
    )


def write_json(result: BenchmarkResult, path: Path) -> None:
    """Write all figures. Raises MediaError where the file cannot be written."""
    try:
        path.write_text(json.dumps(dataclasses.asdict(result), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror})") from error


@torch.inference_mode()
def convolution_limit(device: torch.device, dtype: torch.dtype, height: int, width: int) -> float:
    """FLOP/s of a plain 3x3 convolution with 64 channels: the median of a few."""
    channels = LIMIT_CHANNELS
    conv = nn.Conv2d(channels, channels, 3, padding=1).to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.rand(1, channels, height, width, device=device, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    taken = [_clock(lambda: conv(x), device) for _ in range(LIMIT_REPEATS + 2)][2:]
    return 2 * 9 * channels**2 * height * width / statistics.median(taken)


def moving_texture(frames: int, height: int, width: int) -> Tensor:
    """(1, T, 3, H, W) in [0, 1]: a smooth random picture that moves by (1, 2) pixels a frame."""
    generator = torch.Generator().manual_seed(0)
    size = (height + frames, width + 2 * frames)
    coarse = torch.rand(1, 3, max(2, size[0] // 4), max(2, size[1] // 4), generator=generator)
    picture = F.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    return torch.stack([picture[..., i : i + height, 2 * i : 2 * i + width] for i in range(frames)], dim=1)


def _peer() -> tuple[BasicVSR, tuple[str, ...]]:
    try:
        return load_basicvsr(find_basicvsr("basicvsr-bi")), ()
    except MediaError:
        torch.manual_seed(0)
        remark = "BasicVSR ran with random weights (its published ones are not installed): a timing only"
        return BasicVSR().eval().requires_grad_(False), (remark,)


def _copy(peer: BasicVSR, device: torch.device, dtype: torch.dtype, layout: torch.memory_format) -> BasicVSR:
    copy = BasicVSR(peer.channels, len(peer.backward_trunk.blocks)).eval().requires_grad_(False)
    copy.load_state_dict(peer.state_dict())
    return copy.to(device, dtype).to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


@torch.inference_mode()
def _count_flops(network: _Network, clip: Tensor) -> float:
    """Floating-point operations of the convolutions and matrix products, per frame."""
    counts = {torch.ops.mkldnn._convolution_pointwise: _fused_flops}
    with FlopCounterMode(display=False, custom_mapping=counts) as counter:
        for _ in network.frames(clip):
            pass
    return float(counter.get_total_flops()) / clip.shape[1]


def _fused_flops(x: Sequence[int], *shapes: Sequence[int], out_shape: Sequence[int], **_: object) -> int:
    """Of oneDNN's convolution with activation (x, weight, bias) or sum (x, other, weight, bias)."""
    with_sum = len(shapes[1]) == len(out_shape)
    weight = shapes[1] if with_sum else shapes[0]
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


@torch.inference_mode()
def _time_clip(network: _Network, clip: Tensor) -> tuple[float, int | None]:
    """Seconds for the clip, and the peak memory meanwhile."""
    _reset_peak(clip.device)

    def run() -> None:
        for _ in network.frames(clip):
            pass

    return _clock(run, clip.device), _peak(clip.device)


def _clock(work: Callable[[], object], device: torch.device) -> float:
    _synchronise(device)
    begin = time.perf_counter()
    work()
    _synchronise(device)
    return time.perf_counter() - begin


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


_CLEAR_REFS = Path("/proc/self/clear_refs")


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _CLEAR_REFS.exists():
        _CLEAR_REFS.write_text("5")  # Linux: resets VmHWM, the peak of the resident set


def _peak(device: torch.device) -> int | None:
    """Bytes: allocated by torch on CUDA, the whole process' resident set on Linux, None elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
