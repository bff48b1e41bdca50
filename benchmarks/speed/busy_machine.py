"""Library against command beside busy programs: both have to keep waiting threads from spinning.

    python benchmarks/speed/busy_machine.py [--busy 2] [--rounds 5] [--model tcnet-lite] [--json FILE]

Each round upscales the sample clip in a fresh process by the command, by `tcnet.upscale_video`, and by the
latter in a program that loads torch before tcnet ("late", which warns), in turn, beside `--busy` programs
that multiply matrices with torch on all cores. Wall-clock seconds of whole processes.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tcnet.system.machine import machine

SAMPLE = Path(__file__).parents[2] / "examples" / "sample-lr.mkv"
BUSY = "import torch\na = torch.rand(512, 512)\nwhile True: a = (a @ a).softmax(0)"
LIBRARY = "import sys, tcnet\ntcnet.upscale_video(sys.argv[1], sys.argv[2], model=sys.argv[3])"
WAYS = {
    "command": ("-m", "tcnet", "upscale", "{input}", "-o", "{output}", "--model", "{model}"),
    "library": ("-c", LIBRARY, "{input}", "{output}", "{model}"),
    "late": ("-c", f"import torch\n{LIBRARY}", "{input}", "{output}", "{model}"),
}
SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "TCNET_PROCESS_SETTINGS")


@contextmanager
def busy_programs(count: int, environment: dict[str, str]) -> Iterator[None]:
    """Other programs that use torch as it comes."""
    programs = [subprocess.Popen([sys.executable, "-c", BUSY], env=environment) for _ in range(count)]
    time.sleep(5)  # they load torch
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--busy", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="tcnet-lite")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # the busy programs have to go too
    environment = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    with TemporaryDirectory() as folder, busy_programs(arguments.busy, environment):
        for number in range(arguments.rounds):
            for way, command in WAYS.items():
                fields = {
                    "input": str(SAMPLE),
                    "output": str(Path(folder) / f"{way}{number}.mkv"),
                    "model": arguments.model,
                }
                # LIBRARY has no braces of its own.
                words = [sys.executable, *(word.format(**fields) for word in command)]
                begin = time.perf_counter()
                subprocess.run(words, env=environment, check=True, capture_output=True)
                seconds[way].append(time.perf_counter() - begin)
                print(f"round {number + 1}, {way}: {seconds[way][-1]:.1f} s", flush=True)
    medians = {way: statistics.median(taken) for way, taken in seconds.items()}
    for way, taken in seconds.items():
        each = ", ".join(f"{value:.1f}" for value in taken)
        ratio = medians[way] / medians["command"]
        print(f"{way}: median {medians[way]:.1f} s, {ratio:.2f} of the command ({each})")
    if arguments.json is not None:
        result = {"busy": arguments.busy, "model": arguments.model, "machine": machine(), "seconds": seconds}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
