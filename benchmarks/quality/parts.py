"""What the parts of a trained TCNet are worth: the same weights, one part switched off, on held-out clips.

    python benchmarks/quality/parts.py [--models tcnet-bi,tcnet-bd] [--json benchmarks/results/parts.json]

The first frames of the clips of heldout/ and heldout_sharp/, their middle, under the degradation that the
model is for. What --json already holds is not measured again: the same command continues after a stop. The
ablation (ablation.py) trains without a part instead.
"""

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from held_out import SETS
from torch import nn

from tcnet.catalogue import weights_hash
from tcnet.data.data_options import DataOptions
from tcnet.errors import TcnetError
from tcnet.inference import choose_device, choose_precision
from tcnet.inference.precision import working_copy
from tcnet.models import load_model
from tcnet.network import TCNet
from tcnet.network.layers import zero_last
from tcnet.training.config import ValidationOptions
from tcnet.training.held_out import HeldOutClip, open_held_out, validate
from tcnet.training.processes import Processes

CONDITIONS = {"tcnet-bi": "BI", "tcnet-bd": "BD"}
PIXELS = 9  # h_{i-1}, x_i, h_{i+1}, the first inputs of both recurrent units
WHOLE = "whole"


def without_alignment(network: TCNet) -> None:
    for layer in network.stability.alignment:
        zero_last(layer.last)


def without_matching(network: TCNet) -> None:
    for layer in network.stability.matching:
        zero_last(layer.last)


def without_stability(network: TCNet) -> None:
    """Both branches hand on g as it is."""
    without_alignment(network)
    without_matching(network)


def without_first_fusion(network: TCNet) -> None:
    """The second stage sees self-alignment alone."""
    zero_last(network.fusion.stage_one.last)


def without_branches(network: TCNet) -> None:
    """The second stage sees g alone: of stability and the first stage nothing is left."""
    assert network.fusion.stage_two is not None
    _deaf(network.fusion.stage_two.entry.conv, network.config.channels, 2 * network.config.channels)


def without_fusion(network: TCNet) -> None:
    """g in the place of the fused feature: nothing between the recurrences."""
    zero_last(network.fusion.stages[-1].last)


def without_h_in_propagation(network: TCNet) -> None:
    _without_h(network.propagation.trunk.entry.conv)


def without_h_in_refinement(network: TCNet) -> None:
    _without_h(network.refinement.trunk.entry.conv)


def without_h(network: TCNet) -> None:
    without_h_in_propagation(network)
    without_h_in_refinement(network)


def frames_for_h(network: TCNet) -> None:
    """The frame itself in its neighbours' place."""
    network.config = replace(network.config, short_term=False)


def without_coupling(network: TCNet) -> None:
    """Refinement does not see the fused feature; reconstruction does."""
    _deaf(network.refinement.trunk.entry.conv, PIXELS, PIXELS + network.config.channels)


def without_additions(network: TCNet) -> None:
    """All that BasicVSR lacks."""
    without_fusion(network)
    without_h(network)
    without_coupling(network)


def without_first_recurrence(network: TCNet) -> None:
    network.propagation.recurrent = False


def without_second_recurrence(network: TCNet) -> None:
    network.refinement.recurrent = False


PARTS: Mapping[str, Callable[[TCNet], None]] = {
    WHOLE: lambda _: None,
    "alignment": without_alignment,
    "matching": without_matching,
    "stability": without_stability,
    "first-fusion": without_first_fusion,
    "branches": without_branches,
    "fusion": without_fusion,
    "h-propagation": without_h_in_propagation,
    "h-refinement": without_h_in_refinement,
    "frames-for-h": frames_for_h,
    "coupling": without_coupling,
    "additions": without_additions,
    "first-recurrence": without_first_recurrence,
    "second-recurrence": without_second_recurrence,
}


def _deaf(conv: nn.Conv2d, begin: int, end: int) -> None:
    """Let a convolution not see some of its inputs."""
    with torch.no_grad():
        conv.weight[:, begin:end] = 0


def _without_h(conv: nn.Conv2d) -> None:
    _deaf(conv, 0, 3)
    _deaf(conv, 6, PIXELS)


def open_clips(data: Path, condition: str, frames: int, crop: int) -> dict[str, list[HeldOutClip]]:
    """By set."""
    clips = {}
    with tempfile.TemporaryDirectory() as cache:
        options = DataOptions.model_validate(
            {"root": str(data), "cache": cache, "sources": [{"kind": "generated"}]}
        )
        for title, folder in SETS.items():
            validation = ValidationOptions(path=folder, frames=frames, crop=crop, conditions=[condition])
            clips[title], problems = open_held_out(validation, options)
            for problem in problems:
                print(problem, file=sys.stderr)
    return clips


def measure(
    network: TCNet, switch_off: Callable[[TCNet], None], clips: Sequence[HeldOutClip]
) -> dict[str, float]:
    """PSNR-Y of each clip, in dB."""
    without = copy.deepcopy(network)
    switch_off(without)
    device = choose_device("auto")
    precision = choose_precision("auto", device)
    placed = working_copy(without, device, precision)
    found = validate(placed, clips, device, precision.dtype, Processes())
    return {name: round(figure, 4) for name, figure in found.psnr_y.items()}


def table(document: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A row for each part: what is lost without it, in dB, the mean over clips and the most of one clip."""
    lines = ["| without | " + " | ".join(f"{model}, mean | the most" for model in document) + " |"]
    lines.append("|---" * (1 + 2 * len(document)) + "|")
    for part in PARTS:
        cells = []
        for figures in document.values():
            if part not in figures:
                cells += ["", ""]
                continue
            change = [figures[part][clip] - figures[WHOLE][clip] for clip in figures[WHOLE]]
            cells += [f"{fmean(figures[part].values()):.3f} ({fmean(change):+.3f})", f"{min(change):+.3f}"]
        lines.append(f"| {part} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds both folders")
    parser.add_argument("--models", default=",".join(CONDITIONS))
    parser.add_argument("--frames", type=int, default=8, help="of each clip")
    parser.add_argument("--crop", type=int, default=256, help="HR pixels a side, of the middle; 0: all")
    parser.add_argument("--json", type=Path, default=Path("runs/parts.json"))
    arguments = parser.parse_args()
    document = json.loads(arguments.json.read_text(encoding="utf-8")) if arguments.json.exists() else {}
    try:
        for model in arguments.models.split(","):
            settings = {
                "weights": weights_hash(model),
                "condition": CONDITIONS[model],
                "frames": arguments.frames,
                "crop": arguments.crop,
            }
            known = document.get(model, {})
            figures = known["psnr_y"] if known.get("settings") == settings else {}
            sets = open_clips(arguments.data, CONDITIONS[model], arguments.frames, arguments.crop)
            names = {title: [clip.name for clip in clips] for title, clips in sets.items()}
            document[model] = {"settings": settings, "sets": names, "psnr_y": figures}
            clips = [clip for of_set in sets.values() for clip in of_set]
            network = load_model(model)
            for part, switch_off in PARTS.items():
                if part in figures:
                    continue
                figures[part] = measure(network, switch_off, clips)
                arguments.json.parent.mkdir(parents=True, exist_ok=True)
                arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
                print(f"{model} without {part}: {fmean(figures[part].values()):.3f} dB", flush=True)
    except TcnetError as error:
        sys.exit(f"error: {error}")
    print(table({model: document[model]["psnr_y"] for model in arguments.models.split(",")}))


if __name__ == "__main__":
    main()
