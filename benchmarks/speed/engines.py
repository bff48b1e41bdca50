"""Engines compared: torch, onnxruntime and OpenVINO, interleaved in one process.

    python benchmarks/speed/engines.py [--model tcnet-bi] [--sizes 90x160,180x320] [--frames 6] [--rounds 3]
                                 [--threads N] [--compile] [--json FILE]

Each size: one clip of a moving texture, every engine in every precision available here, interleaved. Medians
of the seconds a frame, ratios to torch, the largest difference from torch in float32 in any picture, and
PSNR against it. --compile also times the residual trunk of propagation, eager and compiled.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tcnet.export import ENGINES, export_model, open_export
from tcnet.export.parity import moving_clip
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.precision import choose_precision
from tcnet.models import load_model
from tcnet.network import TCNet

CPU = torch.device("cpu")
Row = dict[str, float | str]


def timings(model: str, folder: Path) -> dict[str, VideoNetwork]:
    found: dict[str, VideoNetwork] = {
        "torch fp32": load_model(model),
        "torch bf16": load_model(model, dtype=torch.bfloat16),
    }
    export_model(model, "onnx", folder / "model", sizes=((33, 47),), clip_lengths=(5,))
    for engine in ENGINES:
        exported = open_export(folder / "model", engine)
        for precision in exported.runtime.precisions:
            name = f"{engine} {exported.runtime.version} {precision}"
            found[name] = exported.placed(CPU, choose_precision(precision, CPU).dtype)
    return found


def measure(networks: dict[str, VideoNetwork], size: tuple[int, int], frames: int, rounds: int) -> list[Row]:
    clip = moving_clip(frames, *size)
    pictures = {name: run(network, clip) for name, network in networks.items()}  # the warm-up
    reference = pictures["torch fp32"]
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(rounds):
        for name, network in networks.items():
            begin = time.perf_counter()
            run(network, clip)
            seconds[name].append((time.perf_counter() - begin) / frames)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rows: list[Row] = []
    for name, found in pictures.items():
        error = (found - reference).double()
        rows.append(
            {
                "size": f"{size[0]}x{size[1]}",
                "engine": name,
                "ms a frame": 1e3 * medians[name],
                "slowest": 1e3 * max(seconds[name]),
                "frames a second": 1 / medians[name],
                "against torch fp32": medians["torch fp32"] / medians[name],
                "against torch bf16": medians["torch bf16"] / medians[name],
                "largest difference": float(error.abs().max()),
                "PSNR against torch fp32": -10 * float(error.square().mean().clamp_min(1e-20).log10()),
            }
        )
    return rows


@torch.inference_mode()
def run(network: VideoNetwork, clip: torch.Tensor) -> torch.Tensor:
    return torch.stack([picture.contiguous() for picture in network.frames(clip)])


def measure_compiled(model: str, size: tuple[int, int], rounds: int) -> list[Row]:
    """The residual trunk of pre-propagation, eager and compiled, interleaved."""
    rows: list[Row] = []
    for precision in ("fp32", "bf16"):
        dtype = choose_precision(precision, CPU).dtype
        network = load_model(model, dtype=dtype)
        assert isinstance(network, TCNet)
        trunk = network.propagation.trunk
        x = torch.rand(1, trunk.entry.conv.in_channels, *size, dtype=dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
            "eager": trunk,
            "torch.compile": torch.compile(trunk),
            "torch.compile, frozen": torch.compile(trunk, options={"freezing": True}),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        with torch.inference_mode():
            first = {}
            for name, way in ways.items():
                begin = time.perf_counter()
                way(x)
                first[name] = time.perf_counter() - begin
            for _ in range(rounds):
                for name, way in ways.items():
                    begin = time.perf_counter()
                    way(x)
                    seconds[name].append(time.perf_counter() - begin)
        for name, values in seconds.items():
            rows.append(
                {
                    "size": f"{size[0]}x{size[1]}",
                    "trunk": f"{len(trunk.blocks)} blocks {precision}, {name}",
                    "ms": 1e3 * statistics.median(values),
                    "first call, s": first[name],
                    "against eager": statistics.median(seconds["eager"]) / statistics.median(values),
                }
            )
    return rows


def show(rows: list[Row]) -> None:
    print("| " + " | ".join(rows[0]) + " |")
    print("|---" * len(rows[0]) + "|")
    for row in rows:
        print(
            "| " + " | ".join(v if isinstance(v, str) else f"{v:.4g}" for v in row.values()) + " |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="tcnet-bi")
    parser.add_argument("--sizes", default="90x160,180x320")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sizes = [tuple(int(side) for side in text.split("x")) for text in arguments.sizes.split(",")]
    print(f"{arguments.model}, {arguments.threads} threads, {arguments.frames} frames, medians of "
          f"{arguments.rounds}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    engines: list[Row] = []
    trunks: list[Row] = []
    with TemporaryDirectory() as folder:
        networks = timings(arguments.model, Path(folder))
        for height, width in sizes:
            rows = measure(networks, (height, width), arguments.frames, arguments.rounds)
            show(rows)
            engines += rows
            if arguments.compile:
                rows = measure_compiled(arguments.model, (height, width), arguments.rounds)
                show(rows)
                trunks += rows
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"engines": engines, "trunks": trunks}, indent=2) + "\n")


if __name__ == "__main__":
    main()
