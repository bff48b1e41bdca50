"""Upscale the sample clip with the default model and compare the result with the known original.

Leaves demo/sample.x4.mkv and demo/side-by-side.png: bicubic, TCNet, original.
"""

import sys
from pathlib import Path

import tcnet  # before torch, so that threads which wait do not slow it down beside other programs

# isort: split
import numpy as np
import torch

from tcnet.data.degradation import imresize, to_8bit
from tcnet.durations import describe_duration
from tcnet.evaluation.metrics.fidelity import psnr
from tcnet.video import open_source, write_png

HERE = Path(__file__).parent
OUT = Path("demo")
CROP = (slice(130, 330), slice(330, 610))  # rows and columns of the picture: grass, bushes, cars


def read(path: Path) -> torch.Tensor:
    """(T, 3, H, W) uint8."""
    with open_source(path) as source:
        return torch.from_numpy(np.stack([frame.pixels for frame in source])).permute(0, 3, 1, 2)


def progress(now: tcnet.Progress) -> None:
    """A line that changes, or one for every tenth of the work where stderr is no terminal."""
    if now.fraction is None:
        return
    left = "" if now.eta_seconds is None else f", {describe_duration(now.eta_seconds)} left"
    line = f"{now.fraction:4.0%}, {now.frames_done} of {now.frames_total} frames{left}"
    if sys.stderr.isatty():
        print(f"\r{line:<60}", end="", file=sys.stderr)
    elif int(10 * now.fraction) not in said:
        said.add(int(10 * now.fraction))
        print(line, file=sys.stderr)


said: set[int] = set()


def main() -> None:
    OUT.mkdir(exist_ok=True)
    result = tcnet.upscale_video(
        HERE / "sample-lr.mkv", OUT / "sample.x4.mkv", overwrite=True, progress=progress
    )
    if sys.stderr.isatty():
        print(file=sys.stderr)
    original, lr, sr = read(HERE / "sample.mkv"), read(HERE / "sample-lr.mkv"), read(result.output)
    bicubic = torch.stack([to_8bit(imresize(frame / 255, 4)) for frame in lr])

    middle = len(lr) // 2
    pictures = [clip[middle].permute(1, 2, 0).numpy()[CROP] for clip in (bicubic, sr, original)]
    write_png(OUT / "side-by-side.png", np.concatenate(pictures, axis=1).repeat(2, axis=0).repeat(2, axis=1))

    tcnet_psnr, bicubic_psnr = (float(psnr(clip, original, "y").mean()) for clip in (sr, bicubic))
    peak = "" if result.peak_memory is None else f", peak memory {result.peak_memory / 2**20:.0f} MiB"
    print(
        f"{result.output}: PSNR-Y {tcnet_psnr:.2f} dB (bicubic {bicubic_psnr:.2f} dB), "
        f"{result.frames / result.seconds:.2f} frames a second{peak}"
    )


if __name__ == "__main__":
    main()
