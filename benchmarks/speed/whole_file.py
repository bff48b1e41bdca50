"""Overhead of a whole file over computing alone: decoding, encoding, segments, the command's start.

    python benchmarks/speed/whole_file.py [--model tcnet-bi] [--precision auto] [--size 64x96] [--frames 300]
                                    [--rounds 2]

Writes a video of a moving texture, then times, interleaved: `tcnet upscale` of it, from start to end of the
process, and the same frames through `Upscaler.stream`, decoded before the clock starts, with memory kept as
the command keeps it.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import torch

from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.models import load_model
from tcnet.profiling.benchmark import moving_texture
from tcnet.system.process import keep_freed_memory
from tcnet.upscale.segment_length import SEGMENT_FRAMES
from tcnet.video import open_source


def write_video(path: Path, frames: int, height: int, width: int) -> None:
    """H.264 of a texture that moves all the time."""
    clip = (
        moving_texture(frames, height, width)[0].mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for picture in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="tcnet-bi")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--size", default="64x96")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    height, width = map(int, arguments.size.split("x"))
    keep_freed_memory()
    upscaler = Upscaler(load_model(arguments.model), UpscaleOptions(precision=arguments.precision))
    files, alone = [], []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "in.mp4"
        write_video(path, arguments.frames, height, width)
        with open_source(path) as source:
            frames = list(source)
        deque(upscaler.stream(frames[:8]), 0)  # warm-up
        command = [sys.executable, "-m", "tcnet", "upscale", str(path), "--overwrite"]
        command += ["--model", arguments.model, "--precision", arguments.precision, "-o", f"{folder}/out.mp4"]
        for _ in range(arguments.rounds):
            begin = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            files.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            deque(upscaler.stream(frames, align=SEGMENT_FRAMES), 0)
            alone.append(time.perf_counter() - begin)
            print(f"file {files[-1]:.1f} s, alone {alone[-1]:.1f} s, {files[-1] / alone[-1]:.3f}", flush=True)
    ratio = statistics.median(files) / statistics.median(alone)
    print(f"{arguments.model}, {arguments.frames} frames of {arguments.size}: {ratio:.3f} of the medians")


if __name__ == "__main__":
    main()
