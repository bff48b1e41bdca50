"""The order in which TCNet's steps are computed: over a whole clip, or frame by frame as a stream.

How a step is computed is not known here: `TCNet` does it with its modules, `tcnet.export.network` with the
graphs of an export.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from tcnet.network.flow import Flow


class Neighbourhood(NamedTuple):
    """What the network knows of frame i from its neighbours' pixels; shared by both recurrences.

    frame: (B, 3, H, W) float32: x_i itself.
    frames: (B, 9, H, W) in the network's dtype: h_{i-1}, x_i, h_{i+1}: the neighbours warped onto frame i. At
    an end of the clip, and without the sliding window, the frame itself stands in a neighbour's place.
    flow_to_previous, flow_to_next: None at the end of the clip where there is no such frame; warp(feature of
    the neighbour, flow) lies on frame i.
    """

    frame: Tensor
    frames: Tensor
    flow_to_previous: Flow | None
    flow_to_next: Flow | None


class Pair(NamedTuple):
    """Two frames that follow each other, each warped onto the other, and the flow between them.

    second_on_first, first_on_second: (B, 3, H, W), None where neighbours' pixels are not used; to_second is
    on the first frame's grid, to_first on the second's.
    """

    second_on_first: Tensor | None
    first_on_second: Tensor | None
    to_second: Flow
    to_first: Flow


class Refined(NamedTuple):
    """A frame before its reconstruction: frame (B, 3, H, W), its features ĝ and R̂ (B, C, H, W)."""

    frame: Tensor
    fused: Tensor
    refined: Tensor


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a forward network remembers between calls of `stream`. All tensors are (B, ...)."""

    frames: tuple[Tensor, ...] = ()
    """Of the unfinished group, oldest first, and one more: the newest waits for its successor."""
    pair: Pair | None = None
    """The frame before those, and the first of them."""
    propagated: Tensor | None = None
    refined: Tensor | None = None
    """The states of both recurrences."""
    unclean: tuple[Tensor, ...] = ()
    """What the clean-up looks at: frames that it has done, then those that wait for their successors."""
    cleaned: int = 0
    """How many of those it has done."""


class Topology(Protocol):
    """As in TCNetConfig."""

    @property
    def propagation(self) -> str: ...
    @property
    def group_size(self) -> int: ...


class Recurrence(ABC):
    """The loops over frames around seven steps, which a subclass computes."""

    scale: int
    minimum_size: int
    config: Topology
    one_clip = False
    """Whether B has to be 1."""

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """In which features are given to the steps."""

    @property
    def clean_reach(self) -> int:
        """Frames on either side that `clean` looks at; 0: frames are taken as they are."""
        return 0

    @property
    def delay(self) -> int:
        """`stream` gives frame i once frame i + delay is in, or earlier: its group and one frame more, and
        those that the clean-up looks at."""
        return self.config.group_size + self.clean_reach

    def clean(self, around: Sequence[Tensor]) -> Tensor:
        """The middle one of 2 clean_reach + 1 neighbouring frames, cleaned; each (B, 3, H, W) in [0, 1].
        Here, without a clean-up, as it is."""
        return around[self.clean_reach]

    @abstractmethod
    def observe(self, first: Tensor, second: Tensor) -> Pair:
        """Motion between two frames (B, 3, H, W) that follow each other."""

    def observe_all(self, frames: Sequence[Tensor]) -> list[Pair]:
        """`observe` for each two of `frames` that follow each other."""
        return [self.observe(first, second) for first, second in pairwise(frames)]

    @abstractmethod
    def propagate(self, around: Neighbourhood, state: Tensor | None, flow: Flow | None) -> Tensor:
        """One step of information pre-propagation: g of the frame before in its direction -> g (B, C, H, W).

        state: None at the start; flow: from this frame to that of the state.
        """

    @abstractmethod
    def stabilise(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Stability and progressive fusion of a group of frames: g -> ĝ, each (B, C, H, W)."""

    @abstractmethod
    def refine(self, around: Neighbourhood, fused: Tensor, state: Tensor | None) -> Tensor:
        """One step of refinement, forward in time: R̂ of the frame before (None at the start) -> R̂."""

    @abstractmethod
    def reconstruct(self, ready: Refined) -> Tensor:
        """The picture (B, 3, 4H, 4W) float32, not clamped."""

    def reconstruct_into(self, picture: Tensor, ready: Refined) -> None:
        """`reconstruct`, its result in the memory of `picture`."""
        picture.copy_(self.reconstruct(ready))

    def frames(self, lr_clip: Tensor, start: int = 0) -> Iterator[Tensor]:
        """Upscale a whole clip, one output frame in memory at a time.

        Args:
            lr_clip: (B, T, 3, H, W), RGB in [0, 1].
            start: frames before this one are context: they inform the others, but are not reconstructed.

        Yields:
            (B, 3, 4H, 4W) float32 for each frame, not clamped.

        Raises:
            TypeError: for integer input.
            ValueError: for a wrong shape, no frames, or a side under 16.
        """
        self._check(lr_clip, minimum_frames=1)
        frames = lr_clip.float().unbind(1)
        clip = (
            [self.clean(_around(frames, i, self.clean_reach)) for i in range(len(frames))]
            if self.clean_reach
            else frames
        )
        forward = self.config.propagation == "forward"
        for i, ready in enumerate(self._forward(clip) if forward else self._bidirectional(clip)):
            if i >= start:
                yield self.reconstruct(ready)

    def stream(
        self, lr_frames: Tensor, state: StreamState | None = None, *, last: bool = False
    ) -> tuple[Tensor, StreamState]:
        """Upscale a clip piece by piece, with the output of `frames`; for propagation="forward" only.

        Args:
            lr_frames: (B, n, 3, H, W), the next n >= 0 frames, RGB in [0, 1].
            state: what the previous call returned; None at the start.
            last: whether no more frames follow.

        Returns:
            The m frames that became ready, (B, m, 3, 4H, 4W) float32, and the new state.

        Raises:
            TypeError, ValueError: as `frames`, and ValueError for a bidirectional network.
        """
        if self.config.propagation != "forward":
            raise ValueError(f"only propagation='forward' can stream, this is {self.config.propagation!r}")
        self._check(lr_frames, minimum_frames=0)
        state = state or StreamState()
        ready: list[Refined] = []
        for given in (*lr_frames.float().unbind(1), *((None,) if last else ())):
            state, frames = self._clean_next(state, given)
            for frame in frames:
                state, group = self._advance(state, frame)
                ready += group
        batch, _, _, *size = lr_frames.shape
        height, width = (self.scale * side for side in size)
        # Channels last in memory, as pictures are made: turning them round takes as long as a stage.
        pictures = lr_frames.new_empty((batch, len(ready), height, width, 3), dtype=torch.float32)
        pictures = pictures.permute(0, 1, 4, 2, 3)
        for i, refined in enumerate(ready):
            self.reconstruct_into(pictures[:, i], refined)
        return pictures, state

    def _clean_next(
        self, state: StreamState, following: Tensor | None
    ) -> tuple[StreamState, tuple[Tensor | None, ...]]:
        """Take in one more frame, or the end (None): what `_advance` is to take in then. A frame is cleaned
        once those that it is seen with are there."""
        reach = self.clean_reach
        if not reach:
            return state, (following,)
        newest = () if following is None else (following,)
        frames = (*state.unclean, *newest)
        ready = max(state.cleaned, len(frames) - (reach if newest else 0))
        cleaned = [self.clean(_around(frames, i, reach)) for i in range(state.cleaned, ready)]
        past = max(0, ready - reach)
        state = replace(state, unclean=frames[past:], cleaned=ready - past)
        return state, (*cleaned, *(() if newest else (None,)))

    def _forward(self, clip: Sequence[Tensor]) -> Iterator[Refined]:
        state = StreamState()
        for frame in (*clip, None):
            state, group = self._advance(state, frame)
            yield from group

    def _bidirectional(self, clip: Sequence[Tensor]) -> Iterator[Refined]:
        """Pre-propagation backward in time, refinement forward."""
        around = self.neighbourhoods(clip)
        features: list[Tensor] = []
        state = None
        for neighbourhood in reversed(around):
            state = self.propagate(neighbourhood, state, neighbourhood.flow_to_next)
            features.append(state)
        features.reverse()
        size = self.config.group_size
        refined = None
        for first in range(0, len(clip), size):
            # Group by group: frames behind the last one that is asked for are never stabilised.
            group = slice(first, first + size)
            for neighbourhood, fused in zip(around[group], self.stabilise(features[group]), strict=True):
                refined = self.refine(neighbourhood, fused, refined)
                yield Refined(neighbourhood.frame, fused, refined)

    def _advance(self, state: StreamState, following: Tensor | None) -> tuple[StreamState, list[Refined]]:
        """Take in one more frame, or the end (None). A group is computed once its last has a successor."""
        newest = () if following is None else (following,)
        frames = (*state.frames, *newest)
        if not frames or (newest and len(frames) <= self.config.group_size):
            return replace(state, frames=frames), []
        pairs: list[Pair | None] = [state.pair, *self.observe_all(frames)]
        if not newest:
            pairs.append(None)
        state, ready = self._finish_group(state, self._surround_all(state.frames, pairs))
        return replace(state, frames=newest, pair=pairs[-1]), ready

    def _finish_group(
        self, state: StreamState, group: Sequence[Neighbourhood]
    ) -> tuple[StreamState, list[Refined]]:
        """Both recurrences over a complete group. Before a clip's first group they warm up: they reach its
        first frame through the others backward in time, instead of starting with an empty state."""
        propagated, refined = state.propagated, state.refined
        warm_up: list[Neighbourhood] = []
        if propagated is None and len(group) > 1:
            warm_up = [_backward_in_time(around) for around in group[:0:-1]]
            group = (_seen_from_behind(group[0]), *group[1:])
        for around in warm_up:
            propagated = self.propagate(around, propagated, around.flow_to_previous)
        features: list[Tensor] = []
        for around in group:
            propagated = self.propagate(around, propagated, around.flow_to_previous)
            features.append(propagated)
        fused = self.stabilise(features)
        for around, of_frame in zip(warm_up, fused[:0:-1], strict=False):  # of later groups: none
            refined = self.refine(around, of_frame, refined)
        ready: list[Refined] = []
        for around, of_frame in zip(group, fused, strict=True):
            refined = self.refine(around, of_frame, refined)
            ready.append(Refined(around.frame, of_frame, refined))
        return replace(state, propagated=propagated, refined=refined), ready

    def neighbourhoods(self, clip: Sequence[Tensor]) -> list[Neighbourhood]:
        """Of all frames of a clip, each (B, 3, H, W)."""
        return self._surround_all(clip, [None, *self.observe_all(clip), None])

    def _surround_all(self, frames: Sequence[Tensor], pairs: Sequence[Pair | None]) -> list[Neighbourhood]:
        """pairs: each frame lies between two of them, None at an end of the clip."""
        return [self._surround(*each) for each in zip(frames, pairs, pairs[1:], strict=False)]

    def _surround(self, frame: Tensor, before: Pair | None, after: Pair | None) -> Neighbourhood:
        """before: the previous frame and this one; after: this one and the next; None at an end."""
        h_previous = frame if before is None or before.first_on_second is None else before.first_on_second
        h_next = frame if after is None or after.second_on_first is None else after.second_on_first
        frames = torch.cat((h_previous, frame, h_next), dim=1)
        # In the memory layout of the features: concatenating mixed layouts would fall back to the slow one.
        frames = frames.to(self.dtype, memory_format=torch.channels_last)
        return Neighbourhood(frame, frames, before and before.to_first, after and after.to_second)

    def _check(self, clip: Tensor, minimum_frames: int) -> None:
        if not clip.is_floating_point():
            raise TypeError(f"expected floating-point frames in [0, 1], got {clip.dtype}")
        fits = clip.dim() == 5 and clip.shape[2] == 3 and clip.shape[1] >= minimum_frames
        if not fits or (self.one_clip and clip.shape[0] != 1):
            batch = 1 if self.one_clip else "B"
            raise ValueError(
                f"expected frames of shape ({batch}, T >= {minimum_frames}, 3, H, W), got {tuple(clip.shape)}"
            )
        if min(clip.shape[-2:]) < self.minimum_size:
            height, width = clip.shape[-2:]
            raise ValueError(
                f"frames must be at least {self.minimum_size} pixels a side, got {width}x{height} (WxH)"
            )


def _around(frames: Sequence[Tensor], i: int, reach: int) -> list[Tensor]:
    """Frame i and `reach` on either side; beyond the ends they repeat."""
    return [frames[min(max(0, place), len(frames) - 1)] for place in range(i - reach, i + reach + 1)]


def _backward_in_time(around: Neighbourhood) -> Neighbourhood:
    h_previous, frame, h_next = around.frames.chunk(3, dim=1)
    return Neighbourhood(
        around.frame,
        _joined(h_next, frame, h_previous),
        around.flow_to_next,
        around.flow_to_previous,
    )


def _seen_from_behind(first: Neighbourhood) -> Neighbourhood:
    """Of a clip's first frame, after the frame that follows it."""
    _, frame, h_next = first.frames.chunk(3, dim=1)
    return Neighbourhood(first.frame, _joined(h_next, frame, h_next), first.flow_to_next, first.flow_to_next)


def _joined(*frames: Tensor) -> Tensor:
    """In the memory layout of the features: concatenating mixed layouts would fall back to the slow one."""
    return torch.cat(frames, dim=1).contiguous(memory_format=torch.channels_last)
