"""TCNet: Temporal Consistency learning Network for video super-resolution.

Liu, Jin, Yao, Lin, Zhao: "Temporal Consistency Learning of Inter-Frames for Video Super-Resolution",
IEEE TCSVT 33(4), 2023, arXiv 2211.01639. docs/architecture.md maps the paper's sections to these files and
lists every deviation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.flow import warp
from tcnet.network.fusion import ProgressiveFusion
from tcnet.network.propagation import Motion, Neighbourhood, RecurrentUnit
from tcnet.network.reconstruction import SCALE, DirectReconstruction, Reconstruction
from tcnet.network.stability import SpatioTemporalStability


@dataclass(frozen=True, slots=True, kw_only=True)
class TCNetConfig:
    """Everything that determines the network's shape; stored in the weight file."""

    propagation: Literal["forward", "bidirectional"] = "bidirectional"
    """Direction of pre-propagation. "forward" is the paper's and can be streamed; "bidirectional" runs
    pre-propagation backward in time and refinement forward, so that every frame sees the whole clip."""
    channels: int = 64
    """Feature channels everywhere."""
    propagation_blocks: int = 30
    """Residual blocks of the alignment unit."""
    refinement_blocks: int = 30
    """Residual blocks of the refinement unit."""
    group_size: int = 4
    """Frames that temporal self-alignment looks at together."""
    alignment_depth: int = 2
    """Temporal self-alignment layers."""
    alignment_blocks: int = 0
    """Residual blocks before the attention of each of those layers."""
    alignment_patch: int = 4
    """Side of a token's patch, in LR pixels."""
    alignment_window: int = 32
    """Side of the window inside which patches attend to each other, in LR pixels."""
    matching_depth: int = 2
    """Spatial correlative matching layers."""
    matching_window: int = 16
    """Side of the window inside which pixels attend to each other, in LR pixels."""
    matching_pool: int = 2
    """Average pooling of keys and values in position attention; 1 is none."""
    stability_stride: int = 1
    """Positions of the features, in each direction, that self-alignment and matching see as one; more than 1
    is for live use."""
    fusion_width: int = 32
    """Channels inside the pyramid fusions."""
    fusion_levels: int = 3
    """Resolutions of the pyramid fusions."""
    fusion_stages: int = 2
    """Pyramid fusions one after the other: the paper's 2, or 1, which adds both branches to g at once."""
    short_term: bool = True
    """The sliding window: the neighbours' pixels, warped onto each frame. Without it the frame itself stands
    in their place. This and the next are what an ablation switches off."""
    long_term: bool = True
    """The recurrences: the state of the frame before. Without it that is zero."""
    motion: Literal["spynet", "small"] = "spynet"
    """The network that estimates motion; "small" is for live use."""
    reconstruction: Literal["full", "direct"] = "full"
    """"full": features at x2 and x4 are refined; "direct": all pixels at once, for live use."""
    stride: int = 1
    """LR pixels from one position of the features to the next. With 2, four pixels share a position: as many
    operations with twice the channels, a quarter of the positions to warp and to attend to; for live use,
    with reconstruction="direct" only."""

    def __post_init__(self) -> None:
        if self.propagation not in ("forward", "bidirectional"):
            raise ValueError(f"propagation must be 'forward' or 'bidirectional', got {self.propagation!r}")
        if self.channels < 8 or self.channels % 8:
            raise ValueError(f"channels must be a positive multiple of 8, got {self.channels}")
        if self.fusion_stages not in (1, 2):
            raise ValueError(f"fusion_stages must be 1 or 2, got {self.fusion_stages}")
        if self.motion not in ("spynet", "small"):
            raise ValueError(f"motion must be 'spynet' or 'small', got {self.motion!r}")
        if self.reconstruction not in ("full", "direct"):
            raise ValueError(f"reconstruction must be 'full' or 'direct', got {self.reconstruction!r}")
        if self.stability_stride < 1:
            raise ValueError(f"stability_stride must be at least 1, got {self.stability_stride}")
        if self.stride < 1 or (self.stride > 1 and self.reconstruction != "direct"):
            raise ValueError(
                f"stride must be 1, or more with reconstruction='direct', got {self.stride} with "
                f"{self.reconstruction!r}"
            )
        if not (self.short_term or self.long_term):
            raise ValueError("short_term and long_term are both False: motion would have no use")


CONFIGS = {
    "tcnet": TCNetConfig(),
    "paper": TCNetConfig(
        propagation="forward",
        propagation_blocks=20,
        refinement_blocks=20,
        alignment_depth=2,
        alignment_blocks=1,
        alignment_patch=8,
        alignment_window=64,
        matching_depth=8,
        matching_window=16,
        matching_pool=1,
        fusion_width=64,
    ),
    "lite": TCNetConfig(
        propagation="forward",
        channels=32,
        propagation_blocks=4,
        refinement_blocks=4,
        alignment_depth=1,
        alignment_window=16,
        matching_depth=1,
        stability_stride=2,
        fusion_width=16,
        fusion_levels=2,
        motion="small",
        reconstruction="direct",
    ),
}
"""Named variants. "tcnet" is what the package's large models use, "lite" its small one; "paper" has the
paper's widths and depths."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a forward TCNet remembers between calls of `stream`. All tensors are (B, ...)."""

    newest: Tensor | None = None
    """The last frame given; it waits for its successor."""
    h_previous: Tensor | None = None
    """The frame before the newest, warped onto it."""
    flow_to_previous: Tensor | None = None
    """Flow from the newest frame to the one before."""
    around: tuple[Neighbourhood, ...] = ()
    features: tuple[Tensor, ...] = ()
    """Neighbourhoods and propagated features g of the unfinished group, oldest first."""
    propagated: Tensor | None = None
    refined: Tensor | None = None
    """The states of both recurrences."""


class TCNet(nn.Module):
    """x4 video super-resolution. Any number of frames T >= 1, any height and width >= 16.

    Computes in the dtype of its parameters (or under autocast); motion, sampling positions and the bilinear
    base stay in float32.
    """

    scale = SCALE
    minimum_size = 16

    def __init__(self, config: TCNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TCNetConfig()
        channels = config.channels
        self.motion = Motion(config.motion)
        self.propagation = RecurrentUnit(
            channels, config.propagation_blocks, recurrent=config.long_term, stride=config.stride
        )
        self.stability = SpatioTemporalStability(
            channels,
            config.group_size,
            config.alignment_depth,
            config.alignment_blocks,
            config.alignment_patch,
            config.alignment_window,
            config.matching_depth,
            config.matching_window,
            config.matching_pool,
            config.stability_stride,
        )
        self.fusion = ProgressiveFusion(
            channels, config.fusion_width, config.fusion_levels, config.fusion_stages
        )
        self.refinement = RecurrentUnit(
            channels,
            config.refinement_blocks,
            extra_channels=channels,
            recurrent=config.long_term,
            stride=config.stride,
        )
        self.reconstruction: Reconstruction | DirectReconstruction = (
            Reconstruction(channels)
            if config.reconstruction == "full"
            else DirectReconstruction(channels, config.stride)
        )

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the parameters, in which features are computed."""
        return self.reconstruction.fuse.weight.dtype

    @property
    def spatial_multiple(self) -> int:
        """Tiles that start at multiples of this see the same attention windows as the whole frame."""
        config = self.config
        window = max(config.alignment_window, config.matching_window)
        return window * config.stability_stride * config.stride

    @property
    def delay(self) -> int:
        """`stream` gives frame i once frame i + delay is in, or earlier: its group and one frame more."""
        return self.config.group_size

    def forward(self, lr_clip: Tensor) -> Tensor:
        """Upscale a whole clip.

        lr_clip: (B, T, 3, H, W), RGB in [0, 1]. Returns (B, T, 3, 4H, 4W) float32, not clamped.
        Raises TypeError for integer input, ValueError for a wrong shape, no frames, or a side under 16.
        """
        return torch.stack(list(self.frames(lr_clip)), dim=1)

    def frames(self, lr_clip: Tensor, start: int = 0) -> Iterator[Tensor]:
        """Like forward, but yields the frames (B, 3, 4H, 4W) one by one: nobody need hold them all.

        Frames before `start` are context: they inform the others, but are not reconstructed.
        """
        self._check(lr_clip)
        height, width = (SCALE * side for side in lr_clip.shape[-2:])
        around = self._observe([self._padded(frame) for frame in lr_clip.float().unbind(1)])
        features = self._propagate(around)
        for first in range(0, len(features), self.config.group_size):
            group = slice(first, first + self.config.group_size)
            features[group] = self._stabilise(features[group])
        refined = None
        for i, (neighbourhood, fused) in enumerate(zip(around, features, strict=True)):
            refined = self._refine(neighbourhood, fused, refined)
            if i >= start:
                yield self.reconstruction(fused, refined, neighbourhood.frame)[..., :height, :width]

    def stream(
        self, lr_frames: Tensor, state: StreamState | None = None, *, last: bool = False
    ) -> tuple[Tensor, StreamState]:
        """Upscale a clip piece by piece, with the output of forward; for propagation="forward" only.

        lr_frames: (B, n, 3, H, W), the next n >= 0 frames; state: what the call before returned, None at the
        start; last: no more frames follow. Returns the m frames that became ready, (B, m, 3, 4H, 4W), and the
        new state. Raises like forward, and ValueError for a bidirectional network.
        """
        if self.config.propagation != "forward":
            raise ValueError(f"only propagation='forward' can stream, this is {self.config.propagation!r}")
        self._check(lr_frames, minimum_frames=0)
        state = state or StreamState()
        ready: list[Tensor] = []
        for frame in lr_frames.float().unbind(1):
            state = self._advance(state, self._padded(frame), ready)
        if last and state.newest is not None:
            state = self._advance(state, None, ready)
        height, width = (SCALE * side for side in lr_frames.shape[-2:])
        if ready:
            # Stacked as they lie in memory, channels last: turning them round takes as long as a stage.
            stacked = torch.stack([picture.permute(0, 2, 3, 1) for picture in ready], dim=1)
            return stacked.permute(0, 1, 4, 2, 3)[..., :height, :width], state
        empty = (lr_frames.shape[0], 0, 3, height, width)
        return lr_frames.new_zeros(empty, dtype=torch.float32), state

    def _advance(self, state: StreamState, following: Tensor | None, ready: list[Tensor]) -> StreamState:
        """Take in one more frame, or the end (None): the newest frame now has its successor."""
        if state.newest is None:
            return replace(state, newest=following)
        current, flow_to_next, flow_back, h_next, h_previous = state.newest, None, None, None, None
        if following is not None:
            flow_to_next, flow_back = self.motion(current, following)
            h_next, h_previous = self._warped(following, flow_to_next), self._warped(current, flow_back)
        around = Neighbourhood.of(
            current,
            state.h_previous,
            h_next,
            state.flow_to_previous,
            flow_to_next,
            self.dtype,
            self.config.stride,
        )
        propagated = self.propagation(around.frames, state.propagated, around.flow_to_previous)
        state = StreamState(
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
            ready.append(self.reconstruction(fused, refined, neighbourhood.frame))
        return replace(state, around=(), features=(), refined=refined)

    def _observe(self, frames: list[Tensor]) -> list[Neighbourhood]:
        """Motion between all neighbours of a clip, and the frames warped by it."""
        flows = [self.motion(first, second) for first, second in pairwise(frames)]
        around = []
        for i, frame in enumerate(frames):
            to_previous = flows[i - 1][1] if i > 0 else None
            to_next = flows[i][0] if i < len(flows) else None
            h_previous = None if to_previous is None else self._warped(frames[i - 1], to_previous)
            h_next = None if to_next is None else self._warped(frames[i + 1], to_next)
            around.append(
                Neighbourhood.of(
                    frame, h_previous, h_next, to_previous, to_next, self.dtype, self.config.stride
                )
            )
        return around

    def _padded(self, frame: Tensor) -> Tensor:
        """A frame (B, 3, H, W) whose edges are replicated to multiples of the stride."""
        height, width = frame.shape[-2:]
        bottom, right = -height % self.config.stride, -width % self.config.stride
        return F.pad(frame, (0, right, 0, bottom), mode="replicate") if bottom or right else frame

    def _warped(self, neighbour: Tensor, flow: Tensor) -> Tensor | None:
        """h: a neighbour's pixels on this frame; None without the sliding window."""
        return warp(neighbour, flow) if self.config.short_term else None

    def _propagate(self, around: list[Neighbourhood]) -> list[Tensor]:
        """Information pre-propagation over a clip: g of each frame, in order of time."""
        backward = self.config.propagation == "bidirectional"
        features: list[Tensor] = []
        state = None
        for neighbourhood in reversed(around) if backward else around:
            flow = neighbourhood.flow_to_next if backward else neighbourhood.flow_to_previous
            state = self.propagation(neighbourhood.frames, state, flow)
            features.append(state)
        return features[::-1] if backward else features

    def _stabilise(self, features: list[Tensor]) -> list[Tensor]:
        """Stability and progressive fusion of one group of frames: g -> fused, each (B, C, H, W)."""
        g_sa, g_cm = self.stability(features)
        return [self.fusion(*branches) for branches in zip(features, g_sa, g_cm, strict=True)]

    def _refine(self, around: Neighbourhood, fused: Tensor, state: Tensor | None) -> Tensor:
        """One step of the refinement recurrence, forward in time for both topologies."""
        refined: Tensor = self.refinement(around.frames, state, around.flow_to_previous, extra=(fused,))
        return refined

    def _check(self, clip: Tensor, minimum_frames: int = 1) -> None:
        if not clip.is_floating_point():
            raise TypeError(f"expected floating-point frames in [0, 1], got {clip.dtype}")
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[1] < minimum_frames:
            raise ValueError(
                f"expected frames of shape (B, T >= {minimum_frames}, 3, H, W), got {tuple(clip.shape)}"
            )
        if min(clip.shape[-2:]) < self.minimum_size:
            height, width = clip.shape[-2:]
            raise ValueError(
                f"frames must be at least {self.minimum_size} pixels a side, got {width}x{height} (WxH)"
            )
