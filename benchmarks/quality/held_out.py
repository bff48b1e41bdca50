"""Models on held-out clips beside BasicVSR, by whose weights the large ones began.

    python benchmarks/quality/held_out.py [--metrics psnr,ssim] [--json benchmarks/results/held_out.json]

Clips of heldout/ (soft) and heldout_sharp/, BI and BD, in the machine's own precision; whole, or --frames of
them and the middle of those (--crop). Restored frames are kept below --kept, so that other metrics, and
error_spectrum.py, need no network again. Interrupted, the same command continues.
"""

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tcnet.data.degradation import SCALE, to_8bit
from tcnet.errors import TcnetError
from tcnet.evaluation import ClipUpscaler, EvaluationResult, evaluate
from tcnet.evaluation.datasets import find_clips, read_clip
from tcnet.evaluation.methods.choice import load_method
from tcnet.evaluation.protocol import evaluation_set
from tcnet.video import write_png

SETS = {"soft": "heldout", "sharp": "heldout_sharp"}
METHODS = {
    "BI": ("bicubic", "tcnet-lite", "basicvsr-bi", "basicvsr-reds", "tcnet-bi"),
    "BD": ("bicubic", "basicvsr-bd", "tcnet-bd"),
}
PARENTS = {"tcnet-bi": ("basicvsr-bi", "basicvsr-reds"), "tcnet-bd": ("basicvsr-bd",)}


class KeptFrames:
    """A method whose 8-bit frames are kept in files, by the method and its input, and read from there."""

    def __init__(self, method: ClipUpscaler, folder: Path) -> None:
        self.name = method.name
        self.description: Mapping[str, str] = method.description
        self._method = method
        self._folder = folder

    def __call__(self, lr_clip: Tensor) -> Iterator[Tensor]:
        for codes in self.codes(lr_clip):
            yield torch.from_numpy(codes.copy()) / 255

    def codes(self, lr_clip: Tensor) -> np.ndarray:
        """All frames, uint8 (T, 3, 4H, 4W); computed where there is no file of them."""
        digest = hashlib.sha256(to_8bit(lr_clip).numpy().tobytes()).hexdigest()[:12]
        about = f"{self.name}-{self.description['weights'][:12]}-{self.description['precision']}"
        path = self._folder / f"{about}-{digest}.npy"
        if not path.exists():
            frames = np.stack([to_8bit(frame.cpu()).numpy() for frame in self._method(lr_clip)])
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part.npy")
            np.save(unfinished, frames)
            unfinished.replace(path)
        return np.load(path, mmap_mode="r")


def middles(data: Path, kept: Path, crop: int, frames: int | None) -> Path:
    """The same folders with the middle of the frames alone, as images. crop: pixels a side, at most."""
    for folder in SETS.values():
        for found in find_clips(evaluation_set("folder"), data / folder):
            clip = read_clip(found, limit_frames=frames).frames
            height, width = (min(side, crop) // SCALE * SCALE for side in clip.shape[-2:])
            top, left = (clip.shape[-2] - height) // 2, (clip.shape[-1] - width) // 2
            place = kept / f"middle-{crop}-{frames or 'all'}" / folder / found.name
            place.mkdir(parents=True, exist_ok=True)
            for index, frame in enumerate(clip[..., top : top + height, left : left + width]):
                path = place / f"{index:03d}.png"
                if not path.exists():  # a rewritten one would look like another clip to the journal
                    write_png(path, frame.permute(1, 2, 0).contiguous().numpy())
    return place.parents[1]


def measure(
    methods: Mapping[str, Sequence[ClipUpscaler]],
    data: Path,
    metrics: Sequence[str],
    frames: int | None,
    journals: Path,
) -> dict[str, dict[str, EvaluationResult]]:
    """Results by degradation and set. methods: by degradation."""
    results: dict[str, dict[str, EvaluationResult]] = {}
    for degradation, compared in methods.items():
        for title, folder in SETS.items():
            name = f"{folder}-{degradation}-{'-'.join(metrics)}-{frames or 'all'}.jsonl"
            results.setdefault(degradation, {})[title] = evaluate(
                "folder", data / folder, degradation, compared,
                metrics=metrics, limit_frames=frames, journal=journals / name,
            )  # fmt: skip
    return results


def summarise(
    results: Mapping[str, Mapping[str, EvaluationResult]], crop: int | None = None
) -> dict[str, object]:
    """The figures of every clip, by degradation, set and method, as a JSON document."""
    document: dict[str, object] = {}
    for degradation, sets in results.items():
        first = next(iter(sets.values()))
        document[degradation] = {
            "protocol": first.protocol,
            "crop": crop,
            "environment": dict(first.environment),
            "methods": {
                model.name: {key: model.description[key] for key in ("weights", "precision")}
                for model in first.models
            },
            "sets": {title: _of_set(result) for title, result in sets.items()},
        }
    return document


def _of_set(result: EvaluationResult) -> dict[str, object]:
    models = (*result.models, *(() if result.truth is None else (result.truth,)))
    return {
        "frames": {clip.clip: clip.frame_count for clip in result.models[0].clips},
        "clips": {
            model.name: {
                clip.clip: {metric: _rounded(clip.mean(metric)) for metric in clip.frames}
                for clip in model.clips
            }
            for model in models
        },
    }


def _rounded(figure: float) -> float | None:
    """None where the clip has no value, such as flicker without a static region."""
    return None if math.isnan(figure) else round(figure, 5)


def add_clip_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds both folders")
    parser.add_argument("--frames", type=int, help="of each clip the first ones alone")
    parser.add_argument("--crop", type=int, help="of each frame the middle alone, pixels a side")
    parser.add_argument("--degradations", default=",".join(METHODS))
    parser.add_argument("--kept", type=Path, default=Path("runs/held-out"), help="frames and journals")


def chosen_clips(arguments: argparse.Namespace) -> Path:
    """The folder that holds both sets as the options want them."""
    if arguments.crop is None:
        data: Path = arguments.data
        return data
    return middles(arguments.data, arguments.kept, arguments.crop, arguments.frames)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_clip_options(parser)
    parser.add_argument("--metrics", default="psnr,ssim", help="as of tcnet evaluate")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    try:
        data = chosen_clips(arguments)
        methods = {
            degradation: [KeptFrames(load_method(name), arguments.kept) for name in METHODS[degradation]]
            for degradation in arguments.degradations.split(",")
        }
        metrics = arguments.metrics.split(",")
        results = measure(methods, data, metrics, arguments.frames, arguments.kept)
    except TcnetError as error:
        sys.exit(f"error: {error}")
    document = json.dumps(summarise(results, arguments.crop), indent=1) + "\n"
    print(document, end="")
    if arguments.json is not None:
        arguments.json.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
