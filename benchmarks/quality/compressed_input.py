"""Models on compressed video: PSNR on luma against the ground truth, by strength of compression.

    python benchmarks/quality/compressed_input.py [--models bicubic,tcnet-bi,tcnet-video] [--frames 12]

Each clip is downscaled by 4 (BI), compressed by H.264 (x264, preset medium, 4:2:0) at each CRF as one clip,
decoded, and upscaled as a whole, all its frames. The figures are means over frames, then over clips. The last
column is the smallest gain over bicubic interpolation among all clips and compressions.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch

from tcnet.data.data_options import DataOptions
from tcnet.data.degradation import to_8bit
from tcnet.evaluation.methods.choice import load_method
from tcnet.evaluation.methods.method import ClipUpscaler
from tcnet.evaluation.metrics.fidelity import psnr
from tcnet.training.config import ValidationOptions
from tcnet.training.held_out import HeldOutClip, open_held_out

CRFS = (18, 23, 28, 33)
CONDITIONS = ("BI", *(f"BI+crf{crf}" for crf in CRFS))


def open_clips(folder: Path, frames: int) -> list[HeldOutClip]:
    """All clips of the folder under all conditions; frames: the first of each, 0 is all."""
    validation = ValidationOptions(path=folder.name, frames=frames, conditions=list(CONDITIONS))
    with tempfile.TemporaryDirectory() as cache:
        data = DataOptions.model_validate(
            {"root": str(folder.parent), "cache": cache, "sources": [{"kind": "generated"}]}
        )
        clips, problems = open_held_out(validation, data)
    for problem in problems:
        print(problem)
    return clips


def measure(upscaler: ClipUpscaler, clip: HeldOutClip) -> float:
    """Mean PSNR-Y of the clip's frames, in dB."""
    pictures = upscaler(clip.lr.float() / 255)
    figures = [float(psnr(to_8bit(sr), hr, "y")) for sr, hr in zip(pictures, clip.hr, strict=True)]
    return statistics.fmean(figures)


def table(results: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown; results: PSNR by model and "CLIP CONDITION"."""
    lines = [
        "| model | " + " | ".join((*CONDITIONS, "mean of CRF 23, 28, 33", "least gain")) + " |",
        "|---" * (len(CONDITIONS) + 3) + "|",
    ]
    for model, figures in results.items():
        means = {
            condition: statistics.fmean(
                value for name, value in figures.items() if name.endswith(f" {condition}")
            )
            for condition in CONDITIONS
        }
        strong = statistics.fmean(means[f"BI+crf{crf}"] for crf in (23, 28, 33))
        cells = [f"{value:.2f}" for value in (*means.values(), strong)]
        base = results.get("bicubic", {})
        least = f"{min(figures[name] - base[name] for name in base):+.2f}" if base else ""
        lines.append("| " + " | ".join((model, *cells, least)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/heldout"))
    parser.add_argument("--models", default="bicubic,basicvsr-bi,tcnet-bi,tcnet-video")
    parser.add_argument("--frames", type=int, default=0, help="first frames of each clip; 0 is all")
    parser.add_argument("--json", type=Path, help="also write the figures of each clip there")
    arguments = parser.parse_args()
    clips = open_clips(arguments.data, arguments.frames)
    results: dict[str, dict[str, float]] = {}
    for model in arguments.models.split(","):
        upscaler = load_method(model)
        with torch.inference_mode():
            results[upscaler.name] = {clip.name: measure(upscaler, clip) for clip in clips}
        print(table(results), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
