"""The memory estimate against measured peaks, without an encoder.

    OMP_NUM_THREADS=1 python benchmarks/speed/memory_estimate.py [CASE...]

A network with random weights of the package's size upscales noise up to its first frame, each time in a child
process of its own, so that nothing is left over from the previous one. Measured: by how much the largest
resident set exceeds the one before, that is what grows with frames and windows. Linux only.
"""

import argparse
import multiprocessing
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.memory import encoder_memory, estimate_memory
from tcnet.network import TCNet, TCNetConfig
from tcnet.system.process import keep_freed_memory
from tcnet.video.frame import Frame

TILES = {"tile": 80, "tile_overlap": 8}
CASES = {
    # name: (propagation, precision, height, width, sample type, options)
    "window": ("bidirectional", "bf16", 128, 144, "uint8", {"window": 12}),
    "window-fp32": ("bidirectional", "fp32", 128, 144, "uint8", {"window": 12}),
    "window-tiles": ("bidirectional", "bf16", 128, 144, "uint8", {"window": 12, **TILES}),
    "window-tiles-fp32": ("bidirectional", "fp32", 128, 144, "uint16", {"window": 12, **TILES}),
    "stream": ("forward", "bf16", 128, 144, "uint8", {}),
    "stream-fp32": ("forward", "fp32", 128, 144, "uint8", {}),
    "stream-tiles": ("forward", "bf16", 128, 144, "uint8", TILES),
    "stream-tiles-fp32": ("forward", "fp32", 128, 144, "uint8", TILES),
    "window-half": ("bidirectional", "bf16", 128, 144, "uint16", {"window": 12, "scale": 2, **TILES}),
    "window-long": ("bidirectional", "bf16", 128, 144, "uint8", {"window": 56}),
    "window-large": ("bidirectional", "bf16", 360, 480, "uint8", {"window": 12}),
    "window-long-fp32": ("bidirectional", "fp32", 64, 96, "uint8", {"window": 56}),
}


def noise(count: int, height: int, width: int, sample: str) -> Iterator[Frame]:
    random = np.random.default_rng(0)
    kind = np.uint8 if sample == "uint8" else np.uint16
    for i in range(count):
        pixels = random.integers(0, np.iinfo(kind).max, (height, width, 3), dtype=kind)
        yield Frame(pixels, i, 1, Fraction(1, 25))


def resident(key: str) -> int:
    """Bytes; key: VmRSS for now, VmHWM for the peak."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {key}")


def measure(name: str) -> None:
    keep_freed_memory()  # as the command does
    propagation, precision, height, width, sample, given = CASES[name]
    network = TCNet(TCNetConfig(propagation=propagation)).eval()
    upscaler = Upscaler(
        network,
        UpscaleOptions(precision=precision, device="cpu", scene_cuts=False, memory_limit=2**40, **given),
    )
    sample_bytes = 1 if sample == "uint8" else 2
    layout = upscaler.layout(height, width, sample_bytes)
    with torch.inference_mode():  # the libraries' own memory
        list(upscaler.compute.network.frames(torch.zeros(1, 1, 3, 16, 16)))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    before = resident("VmRSS")
    next(upscaler.stream(noise(layout.window or 10, height, width, sample)))
    measured = resident("VmHWM") - before
    estimate = estimate_memory(layout, network, upscaler.compute.precision.dtype, sample_bytes)
    expected = estimate.network + estimate.frames - encoder_memory(layout)
    sizes = [f"{size / 2**20:.0f}" for size in (measured, expected, before, estimate.fixed)]
    print("|", " | ".join([name, *sizes[:2], f"{expected / measured - 1:+.0%}", *sizes[2:]]), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="*", help=f"of {', '.join(CASES)}; all by default")
    arguments = parser.parse_args()
    print("| MiB | growth | estimated | | before | estimated |\n|---|---|---|---|---|---|", flush=True)
    for name in arguments.case or CASES:
        child = multiprocessing.get_context("spawn").Process(target=measure, args=(name,))
        child.start()
        child.join()
        if child.exitcode:
            sys.exit(f"{name}: the process ended with {child.exitcode}")


if __name__ == "__main__":
    main()
