"""The memory estimate against measured peaks, each in a process of its own, without an encoder.

    python benchmarks/memory_estimate.py [CASE...]

A network with random weights of the package's size upscales some frames of noise; what counts is the largest
resident set. Linux only.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from tcnet.network import TCNet, TCNetConfig
from tcnet.upscale import UpscaleOptions, Upscaler
from tcnet.upscale.memory import encoder_memory, estimate_memory
from tcnet.video.frame import Frame

CASES = {
    # name: (propagation, precision, height, width, sample type, options)
    "window-fp32": ("bidirectional", "fp32", 96, 160, "uint8", {"window": 12}),
    "window-tiles": ("bidirectional", "bf16", 96, 160, "uint8", {"window": 12, "tile": 96}),
    "stream": ("forward", "bf16", 160, 192, "uint8", {}),
    "stream-tiles": ("forward", "bf16", 160, 192, "uint8", {"tile": 96}),
    "stream-fp32": ("forward", "fp32", 160, 192, "uint8", {}),
    "window": ("bidirectional", "bf16", 96, 160, "uint8", {"window": 12}),
    "window-long": ("bidirectional", "bf16", 64, 96, "uint8", {"window": 32}),
    "window-tiles-half": ("bidirectional", "bf16", 96, 160, "uint16", {"window": 12, "tile": 96, "scale": 2}),
    "window-tiles-fp32": ("bidirectional", "fp32", 96, 160, "uint16", {"window": 12, "tile": 96}),
    "stream-tiles-fp32": ("forward", "fp32", 160, 192, "uint8", {"tile": 96}),
}


def noise(count: int, height: int, width: int, sample: str) -> Iterator[Frame]:
    random = np.random.default_rng(0)
    kind = np.uint8 if sample == "uint8" else np.uint16
    for i in range(count):
        pixels = random.integers(0, np.iinfo(kind).max, (height, width, 3), dtype=kind)
        yield Frame(pixels, i, 1, Fraction(1, 25))


def measure(name: str) -> None:
    propagation, precision, height, width, sample, given = CASES[name]
    network = TCNet(TCNetConfig(propagation=propagation)).eval()
    upscaler = Upscaler(
        network,
        UpscaleOptions(precision=precision, device="cpu", scene_cuts=False, memory_limit=2**40, **given),
    )
    sample_bytes = 1 if sample == "uint8" else 2
    layout = upscaler.layout(height, width, sample_bytes)
    next(upscaler.stream(noise(layout.window or 10, height, width, sample)))  # the peak comes before it
    estimate = estimate_memory(layout, network, upscaler.compute.dtype, sample_bytes)
    expected = estimate.network + estimate.frames + estimate.fixed - encoder_memory(layout)
    measured = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    row = (name, f"{measured / 2**20:.0f}", f"{expected / 2**20:.0f}", f"{expected / measured - 1:+.0%}")
    print("|", " | ".join(row), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="*", choices=[[], *CASES], default=[])
    parser.add_argument("--here", choices=CASES, help="measure this one in this process")
    arguments = parser.parse_args()
    if arguments.here:
        measure(arguments.here)
        return
    print("| case | measured MiB | estimated MiB | |\n|---|---|---|---|", flush=True)
    for name in arguments.case or CASES:
        subprocess.run([sys.executable, __file__, "--here", name], check=True)


if __name__ == "__main__":
    main()
