"""An exported model that is used as a TCNet is: the loops over frames around the step graphs.

Written after `TCNet.frames` and `TCNet.stream`; what is a call of a module there is a graph here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tcnet.errors import UsageError
from tcnet.export.graphs import GraphName

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


class Surroundings(NamedTuple):
    """What is known of a frame (1, 3, h, w): beside its neighbours, warped onto it, (1, 9, h, w), and the
    flows to them, None at the ends of a clip; see `tcnet.network.propagation.Neighbourhood`."""

    frame: Tensor
    neighbourhood: Tensor
    flow_to_previous: Tensor | None
    flow_to_next: Tensor | None


@dataclass(frozen=True, slots=True)
class ExportedState:
    """What a forward model remembers between calls of `stream`; see `tcnet.network.StreamState`."""

    newest: Tensor | None = None
    previous: Tensor | None = None
    """The frame before the newest, warped onto it."""
    flow_to_previous: Tensor | None = None
    around: tuple[Surroundings, ...] = ()
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

    @property
    def weight_bytes(self) -> int:
        """Of the weights in float32, about."""
        return self.runtime.file_bytes * (2 if self.manifest.weight_type == "float16" else 1)

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
        height, width = (self.scale * side for side in lr_clip.shape[-2:])
        frames = [self._padded(frame) for frame in lr_clip.float().unbind(1)]
        forward = self.config.propagation == "forward"
        pictures = self._forward(frames, start) if forward else self._bidirectional(frames, start)
        for picture in pictures:
            yield picture[..., :height, :width]

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
            state = self._advance(state, self._padded(frame), ready)
        if last and state.newest is not None:
            state = self._advance(state, None, ready)
        height, width = (self.scale * side for side in lr_frames.shape[-2:])
        if not ready:
            return torch.zeros(1, 0, 3, height, width), state
        return torch.stack(ready, dim=1)[..., :height, :width], state

    def _forward(self, frames: list[Tensor], start: int) -> Iterator[Tensor]:
        state = ExportedState()
        number = 0
        for frame in (*frames, None):
            ready: list[Tensor] = []
            state = self._advance(state, frame, ready)
            for picture in ready:
                if number >= start:
                    yield picture
                number += 1

    def _bidirectional(self, frames: list[Tensor], start: int) -> Iterator[Tensor]:
        clip = self._observe(frames)
        features: list[Tensor] = []
        state = None
        for around in reversed(clip):
            state = self._propagate(around, state, around.flow_to_next)
            features.append(state)
        features.reverse()
        for first in range(0, len(features), self.config.group_size):
            group = slice(first, first + self.config.group_size)
            features[group] = self._stabilise(features[group])
        refined = None
        for i, (around, fused) in enumerate(zip(clip, features, strict=True)):
            refined = self._refine(around, fused, refined)
            if i >= start:
                yield self._reconstruct(fused, refined, around.frame)

    def _advance(self, state: ExportedState, following: Tensor | None, ready: list[Tensor]) -> ExportedState:
        """Take in one more frame, or the end (None): the newest frame now has its successor."""
        if state.newest is None:
            return replace(state, newest=following)
        current, flow_to_next, flow_back, next_on_it, it_on_next = state.newest, None, None, None, None
        if following is not None:
            next_on_it, it_on_next, flow_to_next, flow_back = self._run("motion", current, following)
        around = _surroundings(current, state.previous, next_on_it, state.flow_to_previous, flow_to_next)
        propagated = self._propagate(around, state.propagated, around.flow_to_previous)
        state = ExportedState(
            newest=following,
            previous=it_on_next,
            flow_to_previous=flow_back,
            around=(*state.around, around),
            features=(*state.features, propagated),
            propagated=propagated,
            refined=state.refined,
        )
        if len(state.features) < self.config.group_size and following is not None:
            return state
        refined = state.refined
        for around, fused in zip(state.around, self._stabilise(list(state.features)), strict=True):
            refined = self._refine(around, fused, refined)
            ready.append(self._reconstruct(fused, refined, around.frame))
        return replace(state, around=(), features=(), refined=refined)

    def _observe(self, frames: list[Tensor]) -> list[Surroundings]:
        """Motion between all neighbours of a clip."""
        pairs = [self._run("motion", first, second) for first, second in pairwise(frames)]
        clip = []
        for i, frame in enumerate(frames):
            _, previous, _, to_previous = pairs[i - 1] if i > 0 else (None,) * 4
            following, _, to_next, _ = pairs[i] if i < len(pairs) else (None,) * 4
            clip.append(_surroundings(frame, previous, following, to_previous, to_next))
        return clip

    def _propagate(self, around: Surroundings, state: Tensor | None, flow: Tensor | None) -> Tensor:
        (propagated,) = self._run("propagate", around.neighbourhood, self._aligned(around, state, flow))
        return propagated

    def _stabilise(self, features: list[Tensor]) -> list[Tensor]:
        (fused,) = self._run("stabilise", torch.cat(features))
        return list(fused.chunk(len(features)))

    def _refine(self, around: Surroundings, fused: Tensor, state: Tensor | None) -> Tensor:
        aligned = self._aligned(around, state, around.flow_to_previous)
        (refined,) = self._run("refine", around.neighbourhood, fused, aligned)
        return refined

    def _aligned(self, around: Surroundings, state: Tensor | None, flow: Tensor | None) -> Tensor:
        """The state of another frame on this one; zeros at an end of the clip."""
        if state is None or flow is None:
            height, width = (side // self.manifest.stride for side in around.frame.shape[-2:])
            return torch.zeros(1, self.config.channels, height, width)
        (aligned,) = self._run("warp", state, flow)
        return aligned

    def _reconstruct(self, fused: Tensor, refined: Tensor, frame: Tensor) -> Tensor:
        """In strips of rows with a halo that is computed and dropped: the same as the whole frame at once."""
        stride, halo = self.manifest.stride, self.manifest.halo
        height, width = fused.shape[-2:]
        count = -(-height // max(LEAST_ROWS, STRIP_PIXELS // (width * stride**2)))
        by = self.scale * stride
        strips = []
        for i in range(count):
            top, bottom = i * height // count, (i + 1) * height // count
            begin, end = max(0, top - halo), min(height, bottom + halo)
            rows = slice(begin * stride, end * stride)
            (strip,) = self._run(
                "reconstruct", fused[..., begin:end, :], refined[..., begin:end, :], frame[..., rows, :]
            )
            strips.append(strip[..., by * (top - begin) : by * (bottom - begin), :])
        return torch.cat(strips, dim=-2)

    def _run(self, graph: GraphName, *inputs: Tensor) -> list[Tensor]:
        arrays = (np.ascontiguousarray(value.numpy()) for value in inputs)
        return [torch.from_numpy(value) for value in self.runtime.run(graph, *arrays)]

    def _padded(self, frame: Tensor) -> Tensor:
        """A frame whose edges are replicated to multiples of the stride."""
        bottom, right = (-side % self.manifest.stride for side in frame.shape[-2:])
        return F.pad(frame, (0, right, 0, bottom), mode="replicate") if bottom or right else frame

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


def _surroundings(
    frame: Tensor,
    previous: Tensor | None,
    following: Tensor | None,
    flow_to_previous: Tensor | None,
    flow_to_next: Tensor | None,
) -> Surroundings:
    """previous, following: the neighbours, warped; at an end of the clip the frame itself stands for one."""
    previous = frame if previous is None else previous
    following = frame if following is None else following
    return Surroundings(frame, torch.cat((previous, frame, following), dim=1), flow_to_previous, flow_to_next)
