"""Make a second held-out set of sharp clips: photographs in motion, and clips cut out of the training data.

    python scripts/make_sharp_held_out.py [../shared/data] [cache/heldout-sharp]

The clips of heldout/ are softer than benchmarks are. Leave out of training what is here:
--set 'data.sources.0.exclude=[...]' with CLIPS and 'data.sources.1.exclude=[...]' with PHOTOS.
"""

import argparse
from pathlib import Path

import numpy as np

from tcnet.data.synthetic import moving_clip
from tcnet.video.images import read_image, write_png

CLIPS = (
    "davis-scooter-black.mkv",
    "grounded-sam-2-03-blocks-0ee8.mkv",
    "grounded-sam-2-05-default-juggle-eb98.mkv",
    "matanyone-street.mkv",
    "video-recognition-football-f63c.mkv",
)
PHOTOS = ("lomiri-wallpapers-16-04-picosdeeuropa-by-aitzol-berasategi.jpg",)
FRAMES, HEIGHT, WIDTH = 24, 320, 448


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("out", type=Path, nargs="?", default=Path("cache/heldout-sharp"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in CLIPS:
        link = arguments.out / name
        link.unlink(missing_ok=True)
        link.symlink_to((arguments.data / "train" / name).resolve())
    for seed, name in enumerate(PHOTOS):
        still = read_image(arguments.data / "photos" / name)
        folder = arguments.out / Path(name).stem
        folder.mkdir(exist_ok=True)
        clip = moving_clip(np.random.default_rng(seed), [still], FRAMES, HEIGHT, WIDTH)
        for number, pixels in enumerate(clip):
            write_png(folder / f"{number:03d}.png", pixels)
        print(f"{folder}: {FRAMES} frames of {WIDTH}x{HEIGHT}")


if __name__ == "__main__":
    main()
