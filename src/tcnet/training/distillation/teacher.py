"""A teacher made of trained networks: its clip is closer to the truth than any of them alone, because they
err independently, and far less noisy than a single ground truth."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from tcnet.catalogue import weights_hash
from tcnet.evaluation.methods.basicvsr import BASICVSR_FILES, find_basicvsr, load_basicvsr
from tcnet.models import load_model
from tcnet.network import CONFIGS, TCNet
from tcnet.network.ensemble import ClipTransform
from tcnet.network.quantisation import measure_ranges, quantise
from tcnet.training.config import split_degradation
from tcnet.training.start.initialise import embed_basicvsr

_BASICVSR = replace(
    CONFIGS["tcnet"],
    alignment_depth=0,
    matching_depth=0,
    fusion_width=8,
    fusion_levels=1,
    fusion_stages=1,
    short_term=False,
)
"""A TCNet computes the same as BasicVSR, and faster; what BasicVSR lacks would add zeros, and is left out."""


class ClipNetwork(Protocol):
    """(B, T, 3, H, W) in [0, 1] -> (B, T, 3, 4H, 4W)."""

    def __call__(self, lr_clip: Tensor) -> Tensor: ...


def draw_transform(seed: int, step: int, index: int) -> ClipTransform:
    """The transform of network `index` at a step; the same for all processes."""
    # 1: beside the numbers of samples, which are drawn by (seed, number).
    rng = np.random.default_rng((seed, step, index, 1))
    return ClipTransform(*(bool(bit) for bit in rng.integers(0, 2, 4)))


class EnsembleTeacher:
    """The mean of networks, of which each but the first sees a transformed clip.

    networks: may hold one network several times. transform_first: the first sees a transformed clip too.
    """

    def __init__(self, networks: Sequence[ClipNetwork], seed: int, *, transform_first: bool = False) -> None:
        if not networks:
            raise ValueError("a teacher needs at least one network")
        self._networks = tuple(networks)
        self._seed = seed
        self._first_drawn = 0 if transform_first else 1

    def __len__(self) -> int:
        return len(self._networks)

    @torch.no_grad()
    def __call__(self, lr_clip: Tensor, step: int) -> Tensor:
        """(B, T, 3, H, W) float32 in [0, 1] -> (B, T, 3, 4H, 4W) float32, clamped to [0, 1]."""
        total: Tensor | None = None
        for index, network in enumerate(self._networks):
            drawn = index >= self._first_drawn
            transform = draw_transform(self._seed, step, index) if drawn else ClipTransform()
            # Each of them as published: a picture in [0, 1], before any mean.
            sr_clip = transform.undo(network(transform.apply(lr_clip)).float().clamp(0, 1))
            total = sr_clip if total is None else total + sr_clip
        assert total is not None
        return total / len(self._networks)


def load_teacher_networks(
    names: Iterable[str],
    device: torch.device,
    dtype: torch.dtype,
    range_clips: Callable[[], Iterable[Tensor]] | None = None,
) -> list[TCNet]:
    """Networks by name, a repeated name sharing one. Raises UsageError and MediaError like their loaders.

    range_clips: compute in 8-bit integers; gives LR clips (1, T, 3, H, W) in [0, 1] on which the ranges of
    networks that come without are measured.
    """
    loaded: dict[str, TCNet] = {}
    order = list(names)
    for name in order:
        if name not in loaded:
            network = _load(name)
            network.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
            if range_clips is not None:
                network.ranges = network.ranges or measure_ranges(network, range_clips())
                quantise(network)
            loaded[name] = network
    return [loaded[name] for name in order]


def describe_teacher(entries: Iterable[str]) -> str:
    """A text that differs between teachers of different networks. entries: as `teacher.models` has them.
    Raises like `load_teacher_networks`."""
    described = []
    for entry in entries:
        name = split_degradation(entry)[0]
        described.append(entry if name in BASICVSR_FILES else f"{entry}:{weights_hash(name)}")
    return " ".join(described)


def _load(name: str) -> TCNet:
    if name not in BASICVSR_FILES:
        return load_model(name)
    network = TCNet(_BASICVSR)
    embed_basicvsr(network, load_basicvsr(find_basicvsr(name)))
    return network.eval().requires_grad_(False)
