"""Tile seams: tiled against whole frames, by the overlap of the tiles.

    python benchmarks/quality/tile_seams.py [--data ../shared/data/heldout] [--clips 2] [--frames 4]
        [--any-size]

Each clip is degraded (BI), cut to multiples of 32 LR pixels, and upscaled whole and in the smallest tiles of
each overlap, so that there are as many seams as can be. PSNR over the pixels of all channels against the
whole frame: of the worst frame, and of the worst frame in the bands of 8 SR pixels beside the seams.
--any-size does not cut: the motion of a whole frame is estimated on a copy resized to multiples of 32, and
differs from the motion in tiles for that alone.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from tcnet.data.degradation import degrade_bi
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.tiling import Layout, smallest_tile
from tcnet.models import load_model
from tcnet.network import TCNet
from tcnet.video import open_source
from tcnet.video.frame import Frame

OVERLAPS = (16, 32)
"""Tiles begin and end at multiples of 32, so that 8 is the same as 16, and 24 as 32."""
BAND = 8


def read_lr(path: Path, count: int, multiple: int) -> list[Frame]:
    frames = []
    with open_source(path) as source:
        for frame, _ in zip(source, range(count), strict=False):
            height, width = (length // (4 * multiple) * 4 * multiple for length in frame.pixels.shape[:2])
            hr = torch.from_numpy(frame.pixels[:height, :width].copy()).permute(2, 0, 1)
            lr = degrade_bi(hr / 255).clamp(0, 1).mul(65535).round()  # 16 bits: 8 would end at 59 dB
            pixels = lr.permute(1, 2, 0).numpy().astype(np.uint16)
            frames.append(Frame(pixels, frame.pts, frame.duration, Fraction(frame.time_base)))
    return frames


def upscaled(model: TCNet, frames: list[Frame], overlap: int, tile: int | None) -> tuple[list[Frame], Layout]:
    options = UpscaleOptions(
        tile_overlap=overlap, tile=tile or 10**6, window=32, scene_cuts=False, memory_limit=2**40
    )
    upscaler = Upscaler(model, options)
    height, width, _ = frames[0].pixels.shape
    return list(upscaler.stream(frames)), upscaler.layout(height, width, 2)


def near_seams(layout: Layout) -> np.ndarray:
    """(4H, 4W) bool."""
    marked = np.zeros((layout.out_height, layout.out_width), bool)
    for span in layout.rows[1:]:
        marked[4 * span.keep_start - BAND : 4 * span.keep_start + BAND] = True
    for span in layout.columns[1:]:
        marked[:, 4 * span.keep_start - BAND : 4 * span.keep_start + BAND] = True
    return marked


def decibels(tiled: Frame, whole: Frame, where: np.ndarray) -> float:
    difference = (tiled.pixels.astype(float) - whole.pixels.astype(float))[where] / 65535
    return float(-10 * np.log10(max(1e-12, np.mean(difference**2))))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/heldout"))
    parser.add_argument("--model", default="tcnet-bi")
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--any-size", action="store_true")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    print("| clip | overlap | tile | tiles | whole frame, dB | at seams, dB | computed area |")
    print("|---|---|---|---|---|---|---|", flush=True)
    paths = sorted(arguments.data.glob("*.mkv"))
    for path in paths[:: len(paths) // arguments.clips][: arguments.clips]:
        frames = read_lr(path, arguments.frames, 1 if arguments.any_size else model.spatial_multiple)
        wholes, whole_layout = upscaled(model, frames, 0, None)
        everywhere = np.ones((whole_layout.out_height, whole_layout.out_width), bool)
        for overlap in OVERLAPS:
            tile = smallest_tile(model, UpscaleOptions(tile_overlap=overlap))
            tiled, layout = upscaled(model, frames, overlap, tile)
            seams = near_seams(layout)
            pairs = list(zip(tiled, wholes, strict=True))
            row = (
                path.stem,
                overlap,
                tile,
                len(layout.tiles),
                f"{min(decibels(a, b, everywhere) for a, b in pairs):.1f}",
                f"{min(decibels(a, b, seams) for a, b in pairs):.1f}",
                f"{layout.computed_area / whole_layout.computed_area:.1f}",
            )
            print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    main()
