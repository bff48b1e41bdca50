"""How far a window is: the steps of a bidirectional network, counted while they are computed.

The first frame of a window is there only after motion and pre-propagation of all of its frames. What has been
computed is summed up by what each step costs.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, cast

import torch
from torch import Tensor

from tcnet.network.ensemble import ENSEMBLES, SelfEnsemble
from tcnet.network.flow import Flow
from tcnet.network.recurrence import Neighbourhood, Pair, Recurrence, Refined
from tcnet.network.tcnet import TCNet, observed_at_once

OBSERVE, PROPAGATE, STABILISE, REFINE, RECONSTRUCT = 8, 29, 10, 32, 22
"""Cost for one frame, in per cent of all: tcnet-video in bf16 on a CPU. Only progress depends on it."""

Advance = Callable[[float], None]
"""Told how much of the work is done, from 0 to 1."""


class ClipNetwork(Protocol):
    def frames(self, lr_clip: Tensor, start: int = 0) -> Iterator[Tensor]:
        """As `Recurrence.frames`."""


def counted_frames(network: ClipNetwork, clip: Tensor, kept: range, advance: Advance) -> Iterator[Tensor]:
    """`network.frames(clip, kept.start)` up to the last kept one, telling how far that is after each step.

    The same tensors are computed in the same order. Of networks whose steps are not known nothing is counted.
    """
    if isinstance(network, SelfEnsemble):
        return _ensemble_frames(network, clip, kept, advance)
    steps: object = network
    if isinstance(steps, Recurrence) and steps.config.propagation == "bidirectional":
        return _Counted(steps, _work(steps, clip.shape[1], kept), advance).frames(clip, kept.start)
    return network.frames(clip, kept.start)


def _ensemble_frames(ensemble: SelfEnsemble, clip: Tensor, kept: range, advance: Advance) -> Iterator[Tensor]:
    # It goes through whole clips; those that run backward in time have other frames first.
    count = clip.shape[1]
    whole = _work(ensemble.network, count, range(kept.start, count)) * len(ENSEMBLES[ensemble.kind])
    counted = _Counted(ensemble.network, whole, advance)
    return SelfEnsemble(cast(TCNet, counted), ensemble.kind).frames(clip, kept.start)


def _work(network: Recurrence, count: int, kept: range) -> float:
    """Of a clip with `count` frames, of which the kept ones are reconstructed and later ones not refined."""
    group = network.config.group_size
    stabilised = min(count, -(-kept.stop // group) * group)
    in_pairs, reconstructed = OBSERVE * (count - 1), RECONSTRUCT * len(kept)
    return in_pairs + PROPAGATE * count + STABILISE * stabilised + REFINE * kept.stop + reconstructed


class _Counted(Recurrence):
    """The steps of another network, each of which is counted when it is done."""

    def __init__(self, network: Recurrence, work: float, advance: Advance) -> None:
        self.config = network.config
        self.scale = network.scale
        self.minimum_size = network.minimum_size
        self.one_clip = network.one_clip
        self._network = network
        self._work = work
        self._tell = advance
        self._done = 0.0

    @property
    def dtype(self) -> torch.dtype:
        return self._network.dtype

    @property
    def clean_reach(self) -> int:
        return self._network.clean_reach

    def clean(self, around: Sequence[Tensor]) -> Tensor:
        return self._network.clean(around)  # a few per cent of the work: not counted

    def observe(self, first: Tensor, second: Tensor) -> Pair:
        return self.observe_all((first, second))[0]

    def observe_all(self, frames: Sequence[Tensor]) -> list[Pair]:
        height, width = frames[0].shape[-2:]
        at_once = observed_at_once(height * width)  # as the network does: pairs depend on it by rounding
        pairs: list[Pair] = []
        for begin in range(0, len(frames) - 1, at_once):
            part = self._network.observe_all(frames[begin : begin + at_once + 1])
            pairs += part
            self._count(OBSERVE * len(part))
        return pairs

    def propagate(self, around: Neighbourhood, state: Tensor | None, flow: Flow | None) -> Tensor:
        propagated = self._network.propagate(around, state, flow)
        self._count(PROPAGATE)
        return propagated

    def stabilise(self, features: Sequence[Tensor]) -> list[Tensor]:
        fused = self._network.stabilise(features)
        self._count(STABILISE * len(fused))
        return fused

    def refine(self, around: Neighbourhood, fused: Tensor, state: Tensor | None) -> Tensor:
        refined = self._network.refine(around, fused, state)
        self._count(REFINE)
        return refined

    def reconstruct(self, ready: Refined) -> Tensor:
        picture = self._network.reconstruct(ready)
        self._count(RECONSTRUCT)
        return picture

    def _count(self, work: float) -> None:
        self._done += work
        self._tell(min(1.0, self._done / self._work))
