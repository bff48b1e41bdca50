"""Planned against measured time: how long `tcnet upscale` says that a run takes, and how long it then takes.

    python benchmarks/speed/plan_accuracy.py [--models tcnet-lite ...] [--sizes 96x64:30 ...] [--again]

Each case is a generated file (a texture that moves, H.264), upscaled by a fresh process on a machine
without other work. Measured are the seconds from the plan to the finished output: what a reader of the plan
waits for. Each case is written to the results when it is done; the same command goes on with those that are
missing there for this machine, and with --again measures all anew. Under eight minutes on two cores.
"""

import argparse
import json
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tcnet

# isort: split
import numpy as np
import torch

from tcnet.system.machine import machine
from tcnet.video.frame import ColorSpec, Frame, VideoInfo

RESULTS = Path(__file__).parents[1] / "results" / "plan_accuracy.json"
SIZES = ("96x64:30", "180x120:24", "320x180:16")
"""width x height : frames."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    files = [card.name for card in tcnet.list_models() if card.use == "files"]
    parser.add_argument("--models", nargs="+", default=files)
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--again", action="store_true")
    parser.add_argument(
        "--case", nargs=2, help=argparse.SUPPRESS
    )  # model and file: what the fresh process does
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(run_case(*arguments.case)))
        return
    results = json.loads(arguments.json.read_text()) if arguments.json.exists() else []
    here = [result for result in results if result["machine"] == machine()]
    done = set() if arguments.again else {(each["model"], each["size"]) for each in here}
    for size in arguments.sizes:
        for model in arguments.models:
            if (model, size) not in done:
                results = [
                    each
                    for each in results
                    if (each["machine"], each["model"], each["size"]) != (machine(), model, size)
                ]
                results.append(measured(model, size))
                arguments.json.write_text(json.dumps(results, indent=1) + "\n")


def measured(model: str, size: str) -> dict[str, Any]:
    """One case in a fresh process."""
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_clip(clip, size)
        command = [sys.executable, __file__, "--case", model, str(clip)]
        begin = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        whole = time.perf_counter() - begin
    about = {"machine": machine(), "torch": torch.__version__, "model": model, "size": size}
    result = about | {"process_seconds": whole} | json.loads(done.stdout)
    print(
        f"{model} {size}: planned {result['planned']:.1f} s, measured {result['measured']:.1f} s, "
        f"{result['planned'] / result['measured']:.2f}",
        flush=True,
    )
    return result


def run_case(model: str, clip: str) -> dict[str, Any]:
    """Planned and measured seconds."""
    plans: list[tuple[float, tcnet.Plan]] = []
    result = tcnet.upscale_video(
        clip, model=model, on_plan=lambda plan: plans.append((time.perf_counter(), plan))
    )
    end = time.perf_counter()
    [(begin, plan)] = plans
    return {
        "precision": plan.precision, "threads": torch.get_num_threads(), "frames": result.frames,
        "planned": plan.seconds, "measured": end - begin,
    }  # fmt: skip


def write_clip(path: Path, size: str) -> None:
    """A texture of several scales that moves by a pixel a frame, so that no frame repeats another."""
    dimensions, _, count = size.partition(":")
    (width, height), frames = (int(side) for side in dimensions.split("x")), int(count)
    random = np.random.default_rng(0)
    picture = np.zeros((height + frames + 32, width + frames + 32, 3))
    for scale in (1, 4, 16):
        rows, columns = (1 + length // scale for length in picture.shape[:2])
        coarse = random.normal(0, 10 * scale**0.5, (rows, columns, 3))
        picture += coarse.repeat(scale, 0).repeat(scale, 1)[: picture.shape[0], : picture.shape[1]]
    pixels = np.clip(128 + picture, 0, 255).astype(np.uint8)
    info = VideoInfo(
        width, height, Fraction(1, 25), Fraction(25), frames, None, 8, "yuv420p", ColorSpec(6, False),
        Fraction(1), "h264",
    )  # fmt: skip
    sink = tcnet.open_sink(path, info=info)
    for number in range(frames):
        part = np.ascontiguousarray(pixels[number : number + height, number : number + width])
        sink.write(Frame(part, number, 1, Fraction(1, 25)))
    sink.finish()


if __name__ == "__main__":
    main()
