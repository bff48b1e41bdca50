"""How `--repeated near` decides: frames saved, frames wrongly called repeated, and the error this makes.

    python benchmarks/video/repeated_frames.py [--data ../shared/data] [--report repeated.json]

A cartoon (on twos and threes, with a pan, a fade and a hold in which only a mouth moves) and a screen
recording (typing, a caret, a pointer, scrolling) are drawn, encoded by x264 at CRF 18, 23 and 28, and
decoded. The drawing says which frames repeat their predecessor. Real clips, as they are and encoded likewise,
have none.

PSNR is over the frames that are called repeated: of what is shown against what was decoded, and of both
against the drawing.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from tcnet.video import EncodeOptions, Frame, Pixels, open_sink, open_source
from tcnet.video.frame import ColorSpec, VideoInfo
from tcnet.video.repetition import shown_pictures

HEIGHT, WIDTH = 270, 480
FRAMES = 96
CRFS = (18, 23, 28)
WINDOW = 56  # frames that are decided together, as in a run
MOST_FRAMES = 56  # of a real clip


def cartoon() -> Iterator[Pixels]:
    """Flat shapes with outlines before a painted background."""
    random = np.random.default_rng(1)
    coarse = random.normal(0, 1, (12, 30, 3)).repeat(40, 0).repeat(40, 1)
    for axis in (0, 1):
        for _ in range(3):
            coarse = sum(np.roll(coarse, shift, axis) for shift in range(-12, 13, 4)) / 7
    painted = np.clip(128 + 300 * coarse, 30, 225)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(FRAMES):
        pan = max(0, min(number, 84) - 64)  # on ones
        drawing = number // (3 if number >= 32 else 2)
        picture = painted[40 : 40 + HEIGHT, 100 + 2 * pan : 100 + 2 * pan + WIDTH].copy()
        x = 60 + 5 * drawing if number < 48 else 60 + 5 * 16
        for radius, colour in ((42, (20, 20, 20)), (39, (220, 150, 60))):
            picture[(rows - 130) ** 2 + (columns - x) ** 2 < radius**2] = colour
        opened = 2 + 3 * (drawing % 2)  # the mouth, all that moves in the hold
        picture[(np.abs(rows - 145) < opened) & (np.abs(columns - x) < 9)] = (60, 10, 10)
        if number >= 86:
            picture *= 1 - 0.02 * (number - 85)  # a slow fade
        yield picture.round().astype(np.uint8)


def screen() -> Iterator[Pixels]:
    """Text that is typed, a caret that blinks, a pointer that moves, then scrolling."""
    random = np.random.default_rng(2)
    letters = random.integers(0, 2, (26, 7, 5)).astype(bool)
    text = random.integers(0, 26, (40, 60))
    length = 12 * 60
    for number in range(FRAMES):
        picture = np.full((HEIGHT, WIDTH, 3), 245, np.uint8)
        picture[:18] = (60, 90, 160)
        scrolled = 2 * max(0, min(number, 90) - 72)
        typed = length + number // 4
        for place in range(typed):
            row, column = divmod(place, 60)
            top, left = 26 + 10 * row - scrolled, 20 + 7 * column
            if 18 <= top < HEIGHT - 8:
                picture[top : top + 7, left : left + 5][letters[text[row % 40, column]]] = 30
        row, column = divmod(typed, 60)
        if number // 12 % 2:
            top = 26 + 10 * row - scrolled
            picture[top : top + 8, 20 + 7 * column] = 0
        if 40 <= number < 60:
            left = 300 + 4 * (number - 40)
            picture[200:212, left : left + 6] = 0
            picture[201:211, left + 1 : left + 5] = 255
        else:
            left = 300 + 80 * (number >= 60)
            picture[200:212, left : left + 6] = 0
            picture[201:211, left + 1 : left + 5] = 255
        yield picture


def recoded(pictures: list[Pixels], crf: int, folder: Path) -> list[Pixels]:
    """Through x264 with its usual settings."""
    height, width, _ = pictures[0].shape
    path = folder / "clip.mkv"
    info = VideoInfo(
        width=width, height=height, time_base=Fraction(1, 24), frame_rate=Fraction(24),
        frame_count=len(pictures), duration=None, bit_depth=8, pixel_format="yuv420p",
        color=ColorSpec(matrix=1, full_range=False),
        sample_aspect_ratio=Fraction(1), codec="h264",
    )  # fmt: skip
    options = EncodeOptions(codec="h264", crf=crf, encoder_options={"preset": "medium"})
    sink = open_sink(path, info=info, options=options, overwrite=True)
    for number, picture in enumerate(pictures):
        sink.write(Frame(picture, number, 1, Fraction(1, 24)))
    sink.finish()
    return read(path)


def read(path: Path, most: int = FRAMES) -> list[Pixels]:
    found = []
    with open_source(path) as source:
        for frame in source:
            found.append(frame.pixels)
            if len(found) == most:
                break
    return found


def shown(pictures: list[Pixels]) -> list[int]:
    """The number of the picture that each frame shows, decided window by window."""
    found: list[int] = []
    for begin in range(0, len(pictures), WINDOW):
        window = pictures[begin : begin + WINDOW]
        number = begin
        last = 0
        for i, picture in enumerate(shown_pictures(window, near=True)):
            if picture != last:
                number, last = begin + i, picture
            found.append(number)
    return found


def measure(decoded: list[Pixels], original: list[Pixels] | None) -> dict[str, object]:
    """original: the drawing; None for a real clip, where no frame repeats another."""
    now = shown(decoded)
    repeated = [i for i, picture in enumerate(now) if picture != i]
    false = []
    for i in repeated:
        same = original is not None and np.array_equal(original[i], original[now[i]])
        false += [] if same else [i]
    possible = 0
    if original is not None:
        possible = sum(np.array_equal(a, b) for a, b in pairwise(original))
    exact = sum(np.array_equal(a, b) for a, b in pairwise(decoded))
    result: dict[str, object] = {
        "frames": len(decoded), "repeats": possible, "exact": exact, "near": len(repeated),
        "false": len(false), "false frames": false[:20],
    }  # fmt: skip
    if repeated:
        result["psnr"] = round(psnr([decoded[now[i]] for i in repeated], [decoded[i] for i in repeated]), 2)
    if repeated and original is not None:
        wanted = [original[i] for i in repeated]
        result["psnr of the drawing, without"] = round(psnr([decoded[i] for i in repeated], wanted), 2)
        result["psnr of the drawing, with"] = round(psnr([decoded[now[i]] for i in repeated], wanted), 2)
    return result


def psnr(first: list[Pixels], second: list[Pixels]) -> float:
    errors = [np.mean((a.astype(float) - b) ** 2) for a, b in zip(first, second, strict=True)]
    return float(10 * np.log10(255**2 / max(np.mean(errors), 1e-10)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--report", type=Path, help="JSON file to write")
    choice = parser.parse_args()
    report: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as name:
        for drawn in (cartoon, screen):
            original = list(drawn())
            for crf in CRFS:
                report[f"{drawn.__name__}, CRF {crf}"] = measure(recoded(original, crf, Path(name)), original)
        for path in sorted([*choice.data.glob("heldout*/*.mkv")]):
            pictures = read(path, MOST_FRAMES)
            report[path.stem] = measure(pictures, None)
            for crf in CRFS:
                report[f"{path.stem}, CRF {crf}"] = measure(recoded(pictures, crf, Path(name)), None)
    for what, found in report.items():
        print(what, json.dumps(found), flush=True)
    if choice.report is not None:
        choice.report.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
