"""Detection of interlaced video: whether progressive clips pass and woven fields are detected.

    python benchmarks/video/interlace_detection.py ../shared/data/train ../shared/data/heldout \
        ../shared/data/vid4

Each clip is measured as it is, and woven into fields of half the rate, in both orders: 24 frames, a window of
320x240 of the green channel, at 30 pictures a second, so that film is looked for. Prints JSON.
"""

import argparse
import json
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from tcnet.video import ReadOptions, open_source
from tcnet.video.read.scan import INTERLACED, Scan, ScanMeter
from tcnet.video.read.telecine import PICTURE_SECONDS

Luma = npt.NDArray[np.uint8]  # (H, W)
WINDOW = (slice(40, 280), slice(60, 380))
FRAMES = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    files = sorted(file for folder in parser.parse_args().folders for file in folder.glob("*.mkv"))
    found = {f"{file.parent.name}/{file.name}": measure_clip(file) for file in files}
    right = sum(
        clip[order]["interlaced"] is True and clip[order]["parity"] == order
        for clip in found.values()
        for order in ("tff", "bff")
    )
    summary = {
        "clips": len(found),
        "taken for interlaced": [name for name, clip in found.items() if clip["as it is"]["interlaced"]],
        "taken for film": [name for name, clip in found.items() if any(row["film"] for row in clip.values())],
        "woven": 2 * len(found),
        "woven, found in the right order": right,
    }
    json.dump({"summary": summary, "clips": found}, sys.stdout, indent=1)


def measure_clip(file: Path) -> dict[str, dict[str, object]]:
    with open_source(file, ReadOptions(deinterlace="off")) as source:
        frames = [np.ascontiguousarray(f.pixels[WINDOW][..., 1], np.uint8) for f in islice(source, FRAMES)]
    pairs = list(zip(frames[0::2], frames[1::2], strict=False))
    return {
        "as it is": measure(frames),
        "tff": measure([woven(first, second) for first, second in pairs]),
        "bff": measure([woven(second, first) for first, second in pairs]),
    }


def measure(frames: list[Luma]) -> dict[str, object]:
    meter = ScanMeter()
    for number, frame in enumerate(frames):
        meter.feed(av.VideoFrame.from_ndarray(frame, "gray"), number * PICTURE_SECONDS)
    scan: Scan = meter.finish()
    return {**asdict(scan), "interlaced": scan.kind == INTERLACED, "parity": scan.parity}


def woven(top: Luma, bottom: Luma) -> Luma:
    """The even rows of one frame and the odd ones of the other."""
    picture = top.copy()
    picture[1::2] = bottom[1::2]
    return picture


if __name__ == "__main__":
    main()
