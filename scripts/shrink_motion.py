"""Distil "tiny" motion, for streaming networks, from "small" motion.

    python scripts/shrink_motion.py MODEL CONFIG.toml OUT.safetensors [--minutes 15] [--set a.b=v]...

MODEL: whose motion is taken, of a whole SPyNet its finest level: a model of the package, a weight file, or
published BasicVSR weights ("basicvsr-bi"). CONFIG: a run's configuration, whose [network] has tiny motion and
whose [data] names the clips to learn from. Its convolutions are fitted to MODEL's by least squares, one after
the other; then all learn together to find MODEL's flows at every size of the pyramid. OUT is a network
of CONFIG with that motion, for `tcnet train`: `start.flow` from scratch; or `start.from` where MODEL differs
from it in motion and coarse_fusion alone: then OUT has its other weights.
"""

import argparse
import copy
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.data.augmentation import draw_orientation
from tcnet.data.cache import CachedClip
from tcnet.data.data_options import DataOptions
from tcnet.data.degradation import SCALE, degrade_bi, to_8bit
from tcnet.data.samples import open_sources
from tcnet.errors import TcnetError, UsageError
from tcnet.evaluation.methods.basicvsr import BASICVSR_FILES, find_basicvsr, load_basicvsr
from tcnet.models import load_own_weights
from tcnet.network import TCNet
from tcnet.network.flow import SPyNet
from tcnet.network.propagation import Motion
from tcnet.training.checkpoint import save_weights
from tcnet.training.config import load_config, network_config
from tcnet.training.start.refit import LeastSquares, most_useful

SIDE = 80  # LR pixels, of the neighbours that are compared
BATCH = 16  # pairs of neighbours, each compared both ways
RATE = 1.5e-3
WARMUP = 50  # steps
SIZES_COUNT = (0.25, 0.25, 0.5, 1.0)  # the smallest first
AVERAGE_KEEPS = 0.995  # of itself, in each step
FITTED_BATCHES = 3
FITTED_POSITIONS = 600  # of each map

Pairs = Iterator[tuple[Tensor, Tensor]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("config", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--set", action="append", default=[], metavar="a.b=v", dest="overrides")
    arguments = parser.parse_args()
    try:
        config = load_config(arguments.config, arguments.overrides)
        torch.manual_seed(config.seed)
        network = TCNet(network_config(config.network))
        if network.config.motion != "tiny":
            raise UsageError(f"{arguments.config}: network.motion is {network.config.motion!r}, not 'tiny'")
        student, teacher = network.motion.spynet, small_motion(arguments.model, network)
        pairs = draw_pairs(open_clips(config.data), config.seed)
        fit(student, teacher, pairs)
        learn(student, teacher, pairs, 60 * arguments.minutes)
        save_weights(arguments.out, network)
    except TcnetError as error:
        sys.exit(f"error: {error}")


def small_motion(name: str, network: TCNet) -> SPyNet:
    """The motion of a model, as the small form; `network` gets its other weights where they fit."""
    if name in BASICVSR_FILES:
        given = load_basicvsr(find_basicvsr(name)).spynet
    else:
        source = load_own_weights(name)
        given = source.motion.spynet
        if source.config.motion == "tiny":
            raise UsageError(f"{name}: its motion is tiny already")
        wanted = network.config
        if replace(source.config, motion=wanted.motion, coarse_fusion=wanted.coarse_fusion) == wanted:
            kept = {key: value for key, value in source.state_dict().items() if not key.startswith("motion.")}
            network.load_state_dict(kept, strict=False)
    small = Motion("small").spynet.requires_grad_(False)
    small.levels[0].load_state_dict(given.levels[-1].state_dict())
    return small


def open_clips(options: DataOptions) -> list[tuple[Tensor, float]]:
    """The training clips by BI, (T, 3, h, w) uint8, and their odds."""
    clips = []
    for source in open_sources(options).sources:
        for clip, odds in zip(source.clips, source.odds, strict=True):
            if (
                not isinstance(clip, CachedClip)
                or min(clip.height, clip.width) < SCALE * SIDE
                or clip.frames < 3
            ):
                continue
            rows, columns = (slice(side // SCALE * SCALE) for side in (clip.height, clip.width))
            frames = (clip.read([i], rows, columns) for i in range(clip.frames))
            hr = (torch.from_numpy(frame).permute(0, 3, 1, 2).float() / 255 for frame in frames)
            clips.append((torch.cat([to_8bit(degrade_bi(frame)) for frame in hr]), odds))
    if not clips:
        raise UsageError(f"data.sources has no clip of 3 frames and {SCALE * SIDE} pixels a side")
    return clips


def draw_pairs(clips: Sequence[tuple[Tensor, float]], seed: int) -> Pairs:
    """Without end: frames and their neighbours, mostly the next ones, (BATCH, 3, SIDE, SIDE) in [0, 1]."""
    rng = np.random.default_rng(seed)
    odds = np.array([odds for _, odds in clips])
    while True:
        drawn = []
        for index in rng.choice(len(clips), BATCH, p=odds / odds.sum()):
            clip = clips[index][0]
            apart = int(rng.choice((1, 1, 1, 2)))
            first = int(rng.integers(len(clip) - apart))
            top, left = (int(rng.integers(side - SIDE + 1)) for side in clip.shape[-2:])
            pair = clip[[first, first + apart], :, top : top + SIDE, left : left + SIDE]
            turned = draw_orientation(rng).apply(pair.permute(0, 2, 3, 1).numpy())
            drawn.append(torch.from_numpy(turned.copy()).permute(0, 3, 1, 2))
        first_frames, second_frames = (torch.stack(drawn).float() / 255).unbind(1)
        yield first_frames, second_frames


def corrections(spynet: SPyNet, first: Tensor, second: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What the level saw (N, 8, h, w) and the corrected flow (N, 2, h, w), both ways, at each size."""
    seen: list[tuple[Tensor, Tensor]] = []

    def watch(_: nn.Module, inputs: tuple[Tensor], correction: Tensor) -> None:
        seen.append((inputs[0], inputs[0][:, 6:] + correction))

    handle = spynet.level(0).register_forward_hook(watch)
    try:
        spynet.both_ways((first, second))
    finally:
        handle.remove()
    return seen


@torch.no_grad()
def fit(student: SPyNet, teacher: SPyNet, pairs: Pairs) -> None:
    """Each convolution's outputs, before activation, as near to the teacher's as least squares bring them."""
    seen = [x for _ in range(FITTED_BATCHES) for x, _ in corrections(teacher, *next(pairs))]
    convs = [[m for m in net.level(0).children() if isinstance(m, nn.Conv2d)] for net in (student, teacher)]
    known, wanted = seen, seen
    for index, (conv, model) in enumerate(zip(*convs, strict=True)):
        wanted = [model(x) for x in wanted]
        kept = torch.arange(model.out_channels)
        if conv.out_channels < model.out_channels:
            following = convs[1][index + 1].weight
            kept = most_useful([F.relu(y) for y in wanted], following, conv.out_channels)
        _solve(conv, known, [y[:, kept] for y in wanted])
        known, wanted = ([F.relu(y) for y in maps] for maps in ([conv(x) for x in known], wanted))


def _solve(conv: nn.Conv2d, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    fit = LeastSquares(conv)
    for x, y in zip(inputs, outputs, strict=True):
        fit.add(x, y, FITTED_POSITIONS)
    fit.solve()


def learn(student: SPyNet, teacher: SPyNet, pairs: Pairs, seconds: float) -> None:
    """Set `student` to the average over the steps of a training towards the teacher's flows."""
    teacher = copy.deepcopy(teacher).to(torch.bfloat16, memory_format=torch.channels_last)  # type: ignore[call-overload]
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(student)
    optimiser = torch.optim.Adam(student.parameters(), betas=(0.9, 0.99))
    begin, step = time.monotonic(), 0
    while (done := (time.monotonic() - begin) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, step / WARMUP) * (1 + math.cos(math.pi * done)) / 2
        first, second = next(pairs)
        with torch.no_grad():
            flows = [flow for _, flow in corrections(teacher, first, second)]
        with torch.autocast("cpu", torch.bfloat16):
            found = [flow for _, flow in corrections(student, first, second)]
        distances = [
            ((ours - theirs).square().sum(1) + 1e-4).sqrt().mean()
            for ours, theirs in zip(found, flows, strict=True)
        ]
        loss = torch.stack(distances) @ torch.tensor(SIZES_COUNT)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            for mean, parameter in zip(average.parameters(), student.parameters(), strict=True):
                mean.lerp_(parameter, 1 - min(AVERAGE_KEEPS, step / (step + 10)))
        step += 1
        if step % 200 == 0:
            print(f"{step} steps, distance at the largest size {distances[-1].item():.3f} pixels", flush=True)
    student.load_state_dict(average.state_dict())


if __name__ == "__main__":
    main()
