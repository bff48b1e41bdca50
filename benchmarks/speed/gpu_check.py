"""One look at a machine with a GPU: whether it computes what the CPU does, how fast, and in how much memory.

    make gpu-check            # or: python benchmarks/speed/gpu_check.py --json FILE --markdown FILE

Without a GPU it runs to its end on the CPU with small sizes, as a rehearsal, and says so: what it measures
then is of no interest. Measured for each model: PSNR of its frames in fp32, bf16 and fp16 to the CPU's in
fp32; streams against whole clips; tiles against whole frames; the memory estimate against the peak; the time
of a frame beside BasicVSR's, eager, in channels_last, compiled and as a CUDA graph; and decoding and encoding
beside it, against each alone. What there was no time for, and what failed, is listed by name; the exit code
is 1 where something failed or differs too much.
"""

import argparse
import copy
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tcnet.catalogue import NAMES
from tcnet.evaluation.methods.basicvsr import BasicVSR
from tcnet.inference import UpscaleOptions, Upscaler, choose_device
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.memory import peak_memory
from tcnet.inference.precision import BF16, FP16, FP32, Precision, compiled_copy, working_copy
from tcnet.models import load_model
from tcnet.profiling.benchmark import moving_texture
from tcnet.profiling.clock import clock, reset_peak
from tcnet.system.machine import processor
from tcnet.upscale import upscale_video
from tcnet.video import EncodeOptions, open_sink, open_source
from tcnet.video.frame import ColorSpec, Frame, VideoInfo

CPU = torch.device("cpu")
LEAST_PSNR = {"fp32": 80.0, "bf16": 40.0, "fp16": 50.0}
"""dB between a device's frames and the CPU's in fp32; less is a failure."""
LEAST_TILED_PSNR = 45.0
LARGEST_STREAM_DIFFERENCE = {"fp32": 1e-4, "bf16": 0.05, "fp16": 0.01}
WAYS = ("eager", "channels_last", "compiled", "CUDA graph")
Row = dict[str, Any]
Codes = npt.NDArray[np.uint8]  # (H, W, 3)


@dataclass(frozen=True)
class Sizes:
    """height, width of LR frames, and their number, for each section."""

    parity: tuple[int, int, int]
    tiles: tuple[int, int, int]
    memory: tuple[int, int, int]
    throughput: tuple[tuple[int, int, int], ...]
    pipeline: tuple[int, int, int]
    rounds: int


FULL = Sizes(
    (96, 128, 6),
    (270, 480, 8),
    (270, 480, 12),
    ((180, 320, 8), (270, 480, 8), (480, 854, 8)),
    (270, 480, 96),
    3,
)
REHEARSAL = Sizes((24, 32, 3), (40, 320, 4), (24, 32, 8), ((24, 32, 4),), (24, 32, 12), 1)


@dataclass
class Check:
    """What was found. failures: what is wrong; left_out: what there was no time for."""

    device: torch.device
    sizes: Sizes
    networks: dict[str, VideoNetwork]
    deadline: float
    sections: dict[str, list[Row]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def row(self, section: str, measure: Callable[[], Row], **about: Any) -> None:
        """Adds `about` with what is measured. A failure is one of this row alone."""
        name = f"{section}: {', '.join(str(value) for value in about.values())}"
        if time.monotonic() > self.deadline:
            self.left_out.append(name)
            return
        print(name, file=sys.stderr, flush=True)
        try:
            found = measure()
        except Exception as error:  # noqa: BLE001 - the report says it, the exit code too
            reason = str(error).strip().splitlines() or [type(error).__name__]
            found = {"failed": reason[0][:200]}
            self.failures.append(f"{name}: {reason[0][:200]}")
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        self.sections.setdefault(section, []).append({**about, **found})
        if problem := found.get("wrong"):
            self.failures.append(f"{name}: {problem}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default=",".join(NAMES), help="names, by commas")
    parser.add_argument("--seconds", type=float, default=460.0, help="begin nothing new after these")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    device = choose_device("auto")
    networks = {name: load_model(name) for name in arguments.models.split(",")}
    check = run(device, networks, FULL if device.type != "cpu" else REHEARSAL, arguments.seconds)
    report = markdown(check)
    print(report)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(document(check), indent=1) + "\n", encoding="utf-8")
    if arguments.markdown is not None:
        arguments.markdown.write_text(report, encoding="utf-8")
    return 1 if check.failures else 0


def run(device: torch.device, networks: dict[str, VideoNetwork], sizes: Sizes, seconds: float) -> Check:
    check = Check(device, sizes, networks, time.monotonic() + seconds)
    # Convolutions in fp32 would round to TF32 otherwise, here and where fp32 repeats what failed.
    torch.backends.cudnn.allow_tf32 = False
    for section in (parity, streams, tiles, memory, throughput, pipeline):
        section(check)
    return check


def formats(device: torch.device) -> tuple[Precision, ...]:
    """fp16 is for GPUs: torch's convolutions on a CPU take 50 times as long."""
    return (FP32, BF16) if device.type == "cpu" else (FP32, BF16, FP16)


def parity(check: Check) -> None:
    """Frames of the device against those of the CPU in float32."""
    height, width, frames = check.sizes.parity
    clip = moving_texture(frames, height, width)
    for name, network in check.networks.items():
        expected = pictures(network, clip)
        for number_format in formats(check.device):
            work = partial(agreement, check.device, network, clip, expected, number_format)
            check.row("parity", work, model=name, precision=number_format.name)


def agreement(
    device: torch.device, network: VideoNetwork, clip: Tensor, expected: Tensor, number_format: Precision
) -> Row:
    placed = working_copy(network, device, number_format)
    found = pictures(placed, clip.to(device)).cpu()
    psnr, finite = psnr_between(found, expected), bool(torch.isfinite(found).all())
    least = LEAST_PSNR[number_format.name]
    return {
        "psnr": psnr,
        "finite": finite,
        "largest difference": float((found - expected).abs().max()),
        "wrong": None
        if finite and psnr >= least
        else f"{psnr:.1f} dB to the CPU, at least {least:g} are due",
    }


def streams(check: Check) -> None:
    """Streams frame by frame against whole clips, on the device."""
    height, width, frames = check.sizes.parity
    clip = moving_texture(frames, height, width).to(check.device)
    for name, network in check.networks.items():
        if network.config.propagation != "forward":
            continue
        for number_format in formats(check.device):
            work = partial(stream_against_clip, check.device, network, clip, number_format)
            check.row("streams", work, model=name, precision=number_format.name)


def stream_against_clip(
    device: torch.device, network: VideoNetwork, clip: Tensor, number_format: Precision
) -> Row:
    placed = working_copy(network, device, number_format)
    state, parts = None, []
    with torch.inference_mode():
        for i in range(clip.shape[1]):
            ready, state = placed.stream(clip[:, i : i + 1], state, last=i == clip.shape[1] - 1)
            parts.append(ready)
    difference = float((torch.cat(parts, 1) - pictures(placed, clip)).abs().max())
    most = LARGEST_STREAM_DIFFERENCE[number_format.name]
    wrong = None if difference <= most else f"differs by {difference:.2g}, {most:g} may be"
    return {"largest difference": difference, "wrong": wrong}


def tiles(check: Check) -> None:
    """Frames computed in tiles against whole ones."""
    clip = codes(check.sizes.tiles)
    for name, network in check.networks.items():
        check.row("tiles", partial(tiled_against_whole, check.device, network, clip), model=name)


def tiled_against_whole(device: torch.device, network: VideoNetwork, clip: Sequence[Codes]) -> Row:
    large = max(clip[0].shape) * 2 // 3 // 32 * 32 + 32
    whole, tiled = (
        np.stack([*Upscaler(network, device=device.type, tile=tile, scene_cuts=False).stream(clip)])
        for tile in (None, large)
    )
    psnr = psnr_between(*(torch.from_numpy(each).float() / 255 for each in (tiled, whole)))
    return {"psnr": psnr, "wrong": f"{psnr:.1f} dB to whole frames" if psnr < LEAST_TILED_PSNR else None}


def memory(check: Check) -> None:
    """The estimate of a run's peak against the peak; without a GPU the peak is that of the whole process."""
    clip = codes(check.sizes.memory)
    for name, network in check.networks.items():
        check.row("memory", partial(peak_against_estimate, check.device, network, clip), model=name)


def peak_against_estimate(device: torch.device, network: VideoNetwork, clip: Sequence[Codes]) -> Row:
    upscaler = Upscaler(network, device=device.type, scene_cuts=False)
    height, width, _ = clip[0].shape
    estimate = upscaler.memory_needed(upscaler.layout(height, width, 1), 1)
    reset_peak(device)
    for _ in upscaler.stream(clip):
        pass
    peak = peak_memory(device) or 0
    wrong = (
        f"takes {peak} bytes, estimated were {estimate}"
        if device.type == "cuda" and peak > estimate
        else None
    )
    return {"estimate MiB": estimate / 2**20, "peak MiB": peak / 2**20, "wrong": wrong}


def throughput(check: Check) -> None:
    """Milliseconds a frame, of BasicVSR and each model, in each way."""
    networks: dict[str, Any] = {"BasicVSR": BasicVSR().eval().requires_grad_(False), **check.networks}
    for height, width, frames in check.sizes.throughput:
        clip = moving_texture(frames, height, width).to(check.device)
        for name, network in networks.items():
            for way in WAYS:
                if offers(way, name, check.device):
                    work = partial(milliseconds, network, clip, way, check.sizes.rounds)
                    check.row("throughput", work, size=f"{height}x{width}", network=name, way=way)


def milliseconds(network: Any, clip: Tensor, way: str, rounds: int) -> Row:
    work = prepared(copy.deepcopy(network), clip, way)
    return {"ms a frame": min(clock(work, clip.device) for _ in range(rounds)) * 1e3 / clip.shape[1]}


def offers(way: str, name: str, device: torch.device) -> bool:
    """BasicVSR is the baseline as it is written: neither compiled nor captured."""
    if way == "CUDA graph":
        return device.type == "cuda"
    return way != "compiled" or (name != "BasicVSR" and device.type != "cpu")


def prepared(network: Any, clip: Tensor, way: str) -> Callable[[], None]:
    """A whole clip in the fastest number format of the device, warmed up."""
    number_format = BF16 if clip.device.type == "cuda" else FP32
    placed = network.to(clip.device, number_format.dtype)
    layout = torch.contiguous_format if way == "eager" else torch.channels_last
    placed = placed.to(memory_format=layout)
    if way == "compiled":
        placed = compiled_copy(placed)

    @torch.inference_mode()
    def whole() -> None:
        for _ in placed.frames(clip):
            pass

    whole()
    whole()
    if way != "CUDA graph":
        return whole
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        whole()
    return graph.replay


def pipeline(check: Check) -> None:
    """Decoding, computing and encoding at the same time, against each of them alone."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.mp4"
        info = write_clip(source, check.sizes.pipeline)
        for name, network in check.networks.items():
            check.row("pipeline", partial(beside_each_other, check.device, network, source, info), model=name)


def beside_each_other(device: torch.device, network: VideoNetwork, source: Path, info: VideoInfo) -> Row:
    """Milliseconds a frame. hidden: the part of the two shorter stages that the longest one hides."""
    options = UpscaleOptions(device=device.type)
    with open_source(source) as reader:
        decoding = timed(lambda: list(reader))
        frames = list(reader)
    upscaler = Upscaler(network, options)
    for _ in upscaler.stream(frames[:8]):
        pass  # libraries and kernels are loaded
    pictures: list[Frame] = []
    computing = timed(lambda: pictures.extend(upscaler.stream(frames)))
    with tempfile.TemporaryDirectory() as folder:
        larger = replace(info, height=4 * info.height, width=4 * info.width)

        def encode() -> None:
            sink = open_sink(Path(folder) / "out.mp4", info=larger, options=EncodeOptions())
            for picture in pictures:
                sink.write(picture)
            sink.finish()

        encoding = timed(encode)
        planned: list[float] = []  # when: planning, which computes a probe, is not counted
        upscale_video(
            source, Path(folder) / "all.mp4", model=network, options=options,
            on_plan=lambda _: planned.append(time.perf_counter()),
        )  # fmt: skip
        whole = time.perf_counter() - planned[0]
    stages = sorted((decoding, computing, encoding))
    each = 1e3 / len(frames)
    return {
        "decode": decoding * each, "compute": computing * each, "encode": encoding * each,
        "all": whole * each,
        "hidden": 1 - max(0.0, whole - stages[2]) / (stages[0] + stages[1]),
    }  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@torch.inference_mode()
def pictures(network: Any, clip: Tensor) -> Tensor:
    return torch.stack(list(network.frames(clip)), dim=1)


def psnr_between(found: Tensor, expected: Tensor) -> float:
    """dB, 1.0 being the peak; infinite where they are equal."""
    error = float((found.double() - expected.double()).square().mean())
    return math.inf if error == 0 else -10 * math.log10(error) if error == error else -math.inf


def codes(size: tuple[int, int, int]) -> list[Codes]:
    height, width, frames = size
    clip = moving_texture(frames, height, width)[0].permute(0, 2, 3, 1)
    return [*(clip * 255).round().to(torch.uint8).contiguous().numpy()]


def write_clip(path: Path, size: tuple[int, int, int]) -> VideoInfo:
    height, width, frames = size
    info = VideoInfo(
        width=width, height=height, time_base=Fraction(1, 25), frame_rate=Fraction(25), frame_count=frames,
        duration=Fraction(frames, 25), bit_depth=8, pixel_format="yuv420p", codec="h264",
        color=ColorSpec(matrix=1, full_range=False), sample_aspect_ratio=Fraction(1),
    )  # fmt: skip
    sink = open_sink(path, info=info, options=EncodeOptions())
    for number, pixels in enumerate(codes(size)):
        sink.write(Frame(pixels, number, 1, info.time_base))
    sink.finish()
    return info


def document(check: Check) -> Row:
    return {
        "device": describe(check.device), "rehearsal": check.device.type == "cpu", "torch": torch.__version__,
        "sizes": asdict(check.sizes), "sections": check.sections, "failures": check.failures,
        "left out": check.left_out,
    }  # fmt: skip


def describe(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type}, {processor()}"


def markdown(check: Check) -> str:
    """The report, as docs/results.md has tables."""
    lines = [f"GPU check: {describe(check.device)}, torch {torch.__version__}", ""]
    if check.device.type == "cpu":
        lines += ["A rehearsal: there is no GPU here, so all of this ran on the CPU with small sizes.", ""]
    for section, rows in check.sections.items():
        lines += [f"### {section}", "", *table(rows), ""]
    for title, items in (("Failed", check.failures), ("Left out, for lack of time", check.left_out)):
        if items:
            lines += [f"### {title}", "", *(f"- {item}" for item in items), ""]
    return "\n".join(lines)


def table(rows: Sequence[Row]) -> Iterator[str]:
    header = list(dict.fromkeys(key for row in rows for key in row if key != "wrong"))
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(cell(row.get(key, '')) for key in header)} |"


def cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
