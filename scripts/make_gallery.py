"""Draw the gallery: twelve crops of held-out clips, by several models side by side, with temporal profiles.

    python scripts/make_gallery.py [--models bicubic,tcnet-video,tcnet-vivid] [--out docs/images/gallery]
    python scripts/make_gallery.py --only person --models tcnet-vivid@0,tcnet-vivid@1 --out docs/images

Each clip is downscaled by 4 (BI) and compressed by H.264 at CRF 23 as one clip, then upscaled as a whole. A
picture has the crop by each model and the original, three times enlarged, and below it the middle column of
the crop over time: level lines are steady, stripes across are flicker. The crops were chosen before the last
model was trained; none is left out. No held-out clip has a face in close-up, a drawing, grain or a night.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from tcnet.compare.labels import draw_text, put_text
from tcnet.data.condition import degrade_under
from tcnet.data.degradation import to_8bit
from tcnet.errors import TcnetError
from tcnet.evaluation.crops import Picture, PictureTaker
from tcnet.evaluation.datasets import Clip, read_clip
from tcnet.evaluation.methods.choice import load_method
from tcnet.evaluation.methods.method import ClipUpscaler
from tcnet.evaluation.result import CropBox
from tcnet.video.images import encode_png

CONDITION = "BI+crf23"
SIDE = 96  # HR pixels of a crop
ZOOM = 3
GAP, BAND, LETTERS, INK = 8, 30, 20, 0.1  # pixels; grey of the letters, of 1
MOST_BYTES = 300_000


class Crop(NamedTuple):
    """What a picture shows, of which clip, and where: frame from 0, left and top in HR pixels."""

    subject: str
    clip: str
    frame: int
    left: int
    top: int


CROPS = (
    Crop("fur", "heldout/davis_camel", 8, 418, 66),
    Crop("person", "heldout/davis_kite-surf", 8, 168, 82),
    Crop("foam", "heldout/davis_kite-surf", 8, 240, 166),
    Crop("people-in-shade", "heldout/derf_park_joy_480x270", 5, 92, 96),
    Crop("statue", "heldout/difrint07_garden", 10, 256, 126),
    Crop("foliage", "heldout/difrint07_garden", 10, 108, 140),
    Crop("leaf", "heldout/ntia_aspen", 8, 592, 236),
    Crop("stone", "heldout_sharp/affirmations-stones-27df", 18, 104, 236),
    Crop("sign", "heldout_sharp/capstone-city-8a76", 18, 540, 40),
    Crop("falling-water", "heldout_sharp/focustimer-forest-7a44", 18, 300, 176),
    Crop("crowd", "heldout_sharp/hootie-drone50-6236", 18, 484, 108),
    Crop("carving", "heldout_sharp/travelplannerwebsite-puri-297e", 14, 236, 78),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--models", default="bicubic,tcnet-video,tcnet-vivid")
    parser.add_argument("--out", type=Path, default=Path("docs/images/gallery"))
    parser.add_argument("--only", choices=[crop.subject for crop in CROPS], help="one crop instead of all")
    arguments = parser.parse_args()
    chosen = [crop for crop in CROPS if arguments.only in (None, crop.subject)]
    try:
        models = [load_method(name) for name in arguments.models.split(",")]
        arguments.out.mkdir(parents=True, exist_ok=True)
        for clip in dict.fromkeys(crop.clip for crop in chosen):
            crops = [crop for crop in chosen if crop.clip == clip]
            for crop, versions in zip(
                crops, versions_of(arguments.data / f"{clip}.mkv", crops, models), strict=True
            ):
                data = encode_png(draw(versions))
                path = arguments.out / f"{CROPS.index(crop) + 1:02d}-{crop.subject}.png"
                if len(data) > MOST_BYTES:
                    sys.exit(
                        f"error: {path} has {len(data)} bytes, more than {MOST_BYTES}: give fewer models"
                    )
                path.write_bytes(data)
                print(f"{path}: {clip}, frame {crop.frame}, {len(data)} bytes", flush=True)
    except TcnetError as error:
        sys.exit(f"error: {error}")


def versions_of(
    path: Path, crops: list[Crop], models: list[ClipUpscaler]
) -> list[list[tuple[str, Picture, Picture]]]:
    """For each crop of a clip, each version's name, crop and temporal profile; the original is the last."""
    truth = read_clip(Clip(path.stem, path)).frames  # (T, 3, H, W)
    lr_clip = degrade_under(truth, CONDITION) / 255
    boxes = [CropBox(crop.frame, crop.top, crop.left, SIDE, SIDE) for crop in crops]
    found: list[list[tuple[str, Picture, Picture]]] = [[] for _ in crops]
    for name, frames in [
        *((model.name, map(to_8bit, _on_cpu(model, lr_clip))) for model in models),
        ("original", iter(truth)),
    ]:
        takers = [PictureTaker(box) for box in boxes]
        for index, codes in enumerate(frames):
            for taker in takers:
                taker.add(index, codes)
        for versions, taker in zip(found, takers, strict=True):
            versions.append((name, taker.crop(), taker.profile()))
    return found


def draw(versions: list[tuple[str, Picture, Picture]]) -> Picture:
    """Columns of crop, name and profile on white: uint8 (H, W, 3)."""
    side = ZOOM * SIDE
    height = GAP + side + BAND + side + GAP
    sheet = np.full((height, GAP + len(versions) * (side + GAP), 3), 255, np.uint8)
    for column, (name, crop, profile) in enumerate(versions):
        left = GAP + column * (side + GAP)
        sheet[GAP : GAP + side, left : left + side] = crop.repeat(ZOOM, 0).repeat(ZOOM, 1)
        put_text(sheet, draw_text(name, LETTERS, side), GAP + side + 4, left, level=INK)
        frames = profile.shape[1]
        times = np.arange(side) * frames // side  # a column of the sheet shows one frame
        sheet[GAP + side + BAND : -GAP, left : left + side] = profile[:, times].repeat(ZOOM, 0)
    return sheet


def _on_cpu(model: ClipUpscaler, lr_clip: torch.Tensor) -> map:
    return map(torch.Tensor.cpu, model(lr_clip))


if __name__ == "__main__":
    main()
