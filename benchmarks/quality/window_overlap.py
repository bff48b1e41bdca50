"""Quality by context of windows: PSNR against the ground truth.

    python benchmarks/quality/window_overlap.py [--data ../shared/data/train] [--clips 12] [--crop 256]

Each clip is degraded (BI), cut to a square of --crop HR pixels in its middle, and restored as a whole and in
short windows (so that there are many borders), with 0 to 8 frames of context on both sides that are computed
and dropped. Only clips of 32 frames and more are used: shorter ones have hardly any windows.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from tcnet.data.degradation import degrade_bi
from tcnet.evaluation.metrics.fidelity import psnr
from tcnet.inference import choose_device, choose_precision
from tcnet.inference.windows import plan_spans
from tcnet.models import load_model
from tcnet.network import TCNet
from tcnet.video import open_source

LEAST_FRAMES = 32
KEPT = 8  # frames of each window that are kept
OVERLAPS = (0, 1, 2, 4, 8)


def read_square(path: Path, side: int) -> torch.Tensor:
    """(T, 3, side, side) uint8 from the middle of the picture."""
    with open_source(path) as source:
        clip = torch.from_numpy(np.stack([frame.pixels for frame in source])).permute(0, 3, 1, 2)
    top, left = ((length - side) // 2 for length in clip.shape[-2:])
    return clip[..., top : top + side, left : left + side]


@torch.inference_mode()
def restore(model: TCNet, lr_clip: torch.Tensor, overlap: int | None) -> torch.Tensor:
    """(T, 3, H, W) -> (T, 3, 4H, 4W) uint8; in windows with `overlap`, or as a whole (None)."""
    length = lr_clip.shape[0]
    size = length if overlap is None else KEPT + 2 * overlap
    frames = []
    for span in plan_spans(length, size, overlap or 0):
        window = lr_clip[span.start : span.stop].unsqueeze(0)
        pictures = model.frames(window, span.keep_start - span.start)
        frames += [next(pictures)[0] for _ in range(span.keep_stop - span.keep_start)]
    return torch.stack(frames).clamp(0, 1).mul(255).round().to(torch.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/train"))
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--model", default="tcnet-bi")
    parser.add_argument("--crop", type=int, default=256)
    arguments = parser.parse_args()
    device = choose_device("auto")
    model = load_model(arguments.model, device=device, dtype=choose_precision("auto", device).dtype)
    columns = (None, *OVERLAPS)
    print("clip".ljust(28), *("whole" if o is None else f"+{o}".rjust(6) for o in columns), sep="\t")
    means = []
    for path in sorted(arguments.data.glob("*.mkv")):
        hr_clip = read_square(path, arguments.crop)
        if len(hr_clip) < LEAST_FRAMES or len(means) == arguments.clips:
            continue
        lr_clip = torch.stack([degrade_bi(frame / 255) for frame in hr_clip]).float().to(device)
        figures = []
        for overlap in columns:
            sr_clip = restore(model, lr_clip, overlap).cpu()
            figures.append(float(psnr(sr_clip, hr_clip, "y").mean()))
        means.append(figures)
        print(path.stem.ljust(28), *(f"{figure:.3f}" for figure in figures), sep="\t", flush=True)
    mean = np.mean(means, axis=0)
    print("mean".ljust(28), *(f"{figure:.3f}" for figure in mean), sep="\t")
    losses = (f"{after - before:+.3f}" for before, after in pairwise(mean))
    print("from one column to the next".ljust(28), "", *losses, sep="\t")


if __name__ == "__main__":
    main()
