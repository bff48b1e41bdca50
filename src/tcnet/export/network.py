"""An exported model that is used as a TCNet is: the loops over frames around the step graphs.

Written after `TCNet.frames` and `TCNet.stream`; what is one call of a module there is one graph here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from tcnet.errors import UsageError
from tcnet.export.graphs import GraphName
from tcnet.network.propagation import Neighbourhood

if TYPE_CHECKING:  # it imports this module
    from tcnet.export.runtimes import StepRuntime

STRIP_PIXELS = 6400
"""LR pixels reconstructed at once, as in `tcnet.network.reconstruction`: x4 features of more are slow."""
LEAST_ROWS = 8

_PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


@dataclass(frozen=True, slots=True)
class ExportedConfig:
    """The part of TCNetConfig that matters outside the graphs."""

    propagation: str
    group_size: int
    channels: int


@dataclass(frozen=True, slots=True)
class ExportedState:
    """What a forward model remembers between calls of `stream`; see `tcnet.network.StreamState`."""

    newest: Tensor | None = None
    h_previous: Tensor | None = None
    flow_to_previous: Tensor | None = None
    around: tuple[Neighbourhood, ...] = ()
    features: tuple[Tensor, ...] = ()
    propagated: Tensor | None = None
    refined: Tensor | None = None


class ExportedNetwork:
    """x4 video super-resolution of one clip at a time by the graphs of an export, on the CPU.

    Tensors in and out are float32, as are the states, whatever precision the graphs compute in.
    """

    training = False

    def __init__(self, runtime: "StepRuntime") -> None:
        manifest = runtime.manifest
        self.runtime = runtime
        self.manifest = manifest
        self.config = ExportedConfig(manifest.propagation, manifest.group_size, manifest.channels)
        self.scale = manifest.scale
        self.minimum_size = manifest.minimum_size
        self.spatial_multiple = manifest.spatial_multiple

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """None: the weights are the runtime's."""
        return iter(())

    def eval(self) -> Self:
        return self

    def to(self, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Itself, or one that computes in `dtype`. Raises UsageError for what the runtime does not do."""
        if device.type != "cpu":
            raise UsageError(f"{self.runtime.engine} computes on the cpu here, not on {device.type}")
        runtime = self.runtime.in_precision(_PRECISIONS.get(dtype, str(dtype)))
        return self if runtime is self.runtime else type(self)(runtime)

    def __call__(self, lr_clip: Tensor) -> Tensor:
        """(1, T, 3, H, W) in [0, 1] -> (1, T, 3, 4H, 4W) float32, not clamped. Raises like TCNet."""
        return torch.stack(list(self.frames(lr_clip)), dim=1)

    def frames(self, lr_clip: Tensor, start: int = 0) -> Iterator[Tensor]:
        """As `TCNet.frames`."""
        self._check(lr_clip, minimum_frames=1)
        frames = list(lr_clip.float().unbind(1))
        if self.config.propagation == "forward":
            yield from self._frames_forward(frames, start)
            return
        around = self._observe(frames)
        features = self._propagate_backward(around)
        size = self.config.group_size
        for first in range(0, len(features), size):
            features[first : first + size] = self._stabilise(features[first : first + size])
        refined = None
        for i, (neighbourhood, fused) in enumerate(zip(around, features, strict=True)):
            refined = self._refine(neighbourhood, fused, refined)
            if i >= start:
                yield self._reconstruct(fused, refined, neighbourhood.frame)

    def stream(
        self, lr_frames: Tensor, state: ExportedState | None = None, *, last: bool = False
    ) -> tuple[Tensor, ExportedState]:
        """As `TCNet.stream`."""
        if self.config.propagation != "forward":
            raise ValueError(f"only propagation='forward' can stream, this is {self.config.propagation!r}")
        self._check(lr_frames, minimum_frames=0)
        state = state or ExportedState()
        ready: list[Tensor] = []
        for frame in lr_frames.float().unbind(1):
            state = self._advance(state, frame, ready)
        if last and state.newest is not None:
            state = self._advance(state, None, ready)
        if ready:
            return torch.stack(ready, dim=1), state
        batch, _, _, height, width = lr_frames.shape
        return torch.zeros(batch, 0, 3, self.scale * height, self.scale * width), state

    def _frames_forward(self, frames: list[Tensor], start: int) -> Iterator[Tensor]:
        state = ExportedState()
        number = 0
        for frame in (*frames, None):
            ready: list[Tensor] = []
            state = self._advance(state, frame, ready)
            for picture in ready:
                if number >= start:
                    yield picture
                number += 1

    def _advance(
        self, state: ExportedState, following: Tensor | None, ready: list[Tensor]
    ) -> ExportedState:  # fmt: skip
        """Take in one more frame, or the end (None): the newest frame now has its successor."""
        if state.newest is None:
            return replace(state, newest=following)
        current, flow_to_next, flow_back, h_next, h_previous = state.newest, None, None, None, None
        if following is not None:
            flow_to_next, flow_back = self._run("motion", current, following)
            h_next, h_previous = self._warp(following, flow_to_next), self._warp(current, flow_back)
        around = _neighbourhood(current, state.h_previous, h_next, state.flow_to_previous, flow_to_next)
        aligned = self._aligned(current, state.propagated, around.flow_to_previous)
        (propagated,) = self._run("propagate", around.frames, aligned)
        state = ExportedState(
            newest=following,
            h_previous=h_previous,
            flow_to_previous=flow_back,
            around=(*state.around, around),
            features=(*state.features, propagated),
            propagated=propagated,
            refined=state.refined,
        )
        if len(state.features) < self.config.group_size and following is not None:
            return state
        refined = state.refined
        for neighbourhood, fused in zip(state.around, self._stabilise(list(state.features)), strict=True):
            refined = self._refine(neighbourhood, fused, refined)
            ready.append(self._reconstruct(fused, refined, neighbourhood.frame))
        return replace(state, around=(), features=(), refined=refined)

    def _observe(self, frames: list[Tensor]) -> list[Neighbourhood]:
        """Motion between all neighbours of a clip, and the frames warped by it."""
        flows = [self._run("motion", first, second) for first, second in pairwise(frames)]
        around = []
        for i, frame in enumerate(frames):
            to_previous = flows[i - 1][1] if i > 0 else None
            to_next = flows[i][0] if i < len(flows) else None
            h_previous = None if to_previous is None else self._warp(frames[i - 1], to_previous)
            h_next = None if to_next is None else self._warp(frames[i + 1], to_next)
            around.append(_neighbourhood(frame, h_previous, h_next, to_previous, to_next))
        return around

    def _propagate_backward(self, around: list[Neighbourhood]) -> list[Tensor]:
        features: list[Tensor] = []
        state = None
        for neighbourhood in reversed(around):
            aligned = self._aligned(neighbourhood.frame, state, neighbourhood.flow_to_next)
            (state,) = self._run("propagate", neighbourhood.frames, aligned)
            features.append(state)
        return features[::-1]

    def _stabilise(self, features: list[Tensor]) -> list[Tensor]:
        (fused,) = self._run("stabilise", torch.cat(features))
        return list(fused.chunk(len(features)))

    def _refine(self, around: Neighbourhood, fused: Tensor, state: Tensor | None) -> Tensor:
        aligned = self._aligned(around.frame, state, around.flow_to_previous)
        (refined,) = self._run("refine", around.frames, fused, aligned)
        return refined

    def _reconstruct(self, fused: Tensor, refined: Tensor, frame: Tensor) -> Tensor:
        """In strips of rows with a halo that is computed and dropped: the same as the whole frame at once."""
        height, width = frame.shape[-2:]
        count = -(-height // max(LEAST_ROWS, STRIP_PIXELS // width))
        strips = []
        for i in range(count):
            top, bottom = i * height // count, (i + 1) * height // count
            first, end = max(0, top - self.manifest.halo), min(height, bottom + self.manifest.halo)
            (strip,) = self._run("reconstruct", *(x[..., first:end, :] for x in (fused, refined, frame)))
            strips.append(strip[..., self.scale * (top - first) : self.scale * (bottom - first), :])
        return torch.cat(strips, dim=-2)

    def _aligned(self, frame: Tensor, state: Tensor | None, flow: Tensor | None) -> Tensor:
        """The state of another frame on this one; zeros at an end of the clip."""
        if state is None or flow is None:
            return frame.new_zeros(1, self.config.channels, *frame.shape[-2:])
        return self._warp(state, flow)

    def _warp(self, source: Tensor, flow: Tensor) -> Tensor:
        (warped,) = self._run("warp", source, flow)
        return warped

    def _run(self, graph: GraphName, *inputs: Tensor) -> list[Tensor]:
        arrays = (np.ascontiguousarray(value.numpy()) for value in inputs)
        return [torch.from_numpy(value) for value in self.runtime.run(graph, *arrays)]

    def _check(self, clip: Tensor, minimum_frames: int) -> None:
        if not clip.is_floating_point():
            raise TypeError(f"expected floating-point frames in [0, 1], got {clip.dtype}")
        if clip.dim() != 5 or clip.shape[0] != 1 or clip.shape[2] != 3 or clip.shape[1] < minimum_frames:
            raise ValueError(
                f"expected frames of shape (1, T >= {minimum_frames}, 3, H, W), got {tuple(clip.shape)}"
            )
        if min(clip.shape[-2:]) < self.minimum_size:
            height, width = clip.shape[-2:]
            raise ValueError(
                f"frames must be at least {self.minimum_size} pixels a side, got {width}x{height} (WxH)"
            )


def _neighbourhood(
    frame: Tensor,
    h_previous: Tensor | None,
    h_next: Tensor | None,
    flow_to_previous: Tensor | None,
    flow_to_next: Tensor | None,
) -> Neighbourhood:
    """As `Neighbourhood.of`, in the memory layout of the graphs."""
    h_previous = frame if h_previous is None else h_previous
    h_next = frame if h_next is None else h_next
    frames = torch.cat((h_previous, frame, h_next), dim=1)
    return Neighbourhood(frame, frames, flow_to_previous, flow_to_next)
