"""TCNet: Temporal Consistency learning Network for video super-resolution.

Liu, Jin, Yao, Lin, Zhao: "Temporal Consistency Learning of Inter-Frames for Video Super-Resolution",
IEEE TCSVT 33(4), 2023, arXiv 2211.01639. docs/architecture.md maps the paper's sections to these files and
lists every deviation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tcnet.network.clean_up import REACH, CleanUp
from tcnet.network.flow import Flow, shared_flow, warp
from tcnet.network.fusion import ProgressiveFusion
from tcnet.network.propagation import Motion, RecurrentUnit
from tcnet.network.reconstruction import SCALE, DirectReconstruction, Reconstruction
from tcnet.network.recurrence import Neighbourhood, Pair, Recurrence, Refined
from tcnet.network.stability import SpatioTemporalStability
from tcnet.network.torch_network import TorchNetwork


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
    block_width: int = 0
    """Channels between the two convolutions of those blocks; 0 is `channels`. Multiples of 16 suit CPUs."""
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
    """Average pooling of keys and values in position attention; 1: none."""
    stability_stride: int = 1
    """Positions of the features, in each direction, that self-alignment and matching see as one; more than 1
    is for live use."""
    fusion_width: int = 32
    """Channels inside the pyramid fusions."""
    fusion_levels: int = 3
    """Resolutions of the pyramid fusions."""
    fusion_stages: int = 2
    """Pyramid fusions one after the other: the paper's 2, or 1, which adds both branches to g at once."""
    coarse_fusion: bool = False
    """Whether the first of two works on the grid of stability_stride, and its result alone is repeated."""
    short_term: bool = True
    """The sliding window: the neighbours' pixels, warped onto each frame. Without it the frame itself stands
    in their place. This and the next are what an ablation switches off."""
    long_term: bool = True
    """The recurrences: the state of the frame before. Without it that is zero."""
    motion: Literal["spynet", "small", "tiny"] = "spynet"
    """The network that estimates motion, for live use "small", one level of SPyNet for all sizes, or "tiny",
    the same with 5x5 kernels and half the widest layer."""
    reconstruction: Literal["full", "direct"] = "full"
    """"full": features at x2 and x4 are refined; "direct": all pixels at once, for live use."""
    doubled_width: int = 0
    """Channels of the full reconstruction at x2; 0 is `channels`."""
    fourfold_width: int = 0
    """Channels of the full reconstruction at x4; 0 is `channels`."""

    def __post_init__(self) -> None:
        if self.propagation not in ("forward", "bidirectional"):
            raise ValueError(f"propagation must be 'forward' or 'bidirectional', got {self.propagation!r}")
        if self.channels < 8 or self.channels % 8:
            raise ValueError(f"channels must be a positive multiple of 8, got {self.channels}")
        for name in ("block_width", "doubled_width", "fourfold_width"):
            if not 0 <= getattr(self, name) <= self.channels:
                raise ValueError(
                    f"{name} must be from 0, which is as channels, to channels ({self.channels}), "
                    f"got {getattr(self, name)}"
                )
        if self.reconstruction == "direct" and (self.doubled_width or self.fourfold_width):
            raise ValueError("doubled_width and fourfold_width are of the full reconstruction, not 'direct'")
        if self.fusion_stages not in (1, 2):
            raise ValueError(f"fusion_stages must be 1 or 2, got {self.fusion_stages}")
        if self.motion not in ("spynet", "small", "tiny"):
            raise ValueError(f"motion must be 'spynet', 'small' or 'tiny', got {self.motion!r}")
        if self.reconstruction not in ("full", "direct"):
            raise ValueError(f"reconstruction must be 'full' or 'direct', got {self.reconstruction!r}")
        if self.coarse_fusion and self.fusion_stages == 1:
            raise ValueError("coarse_fusion needs two fusion_stages, got 1")
        if self.stability_stride < 1:
            raise ValueError(f"stability_stride must be at least 1, got {self.stability_stride}")
        if not (self.short_term or self.long_term):
            raise ValueError("short_term and long_term are both False: motion would have no use")


OBSERVED_PIXELS = 2**18


def observed_at_once(pixels: int) -> int:
    """Between how many pairs of frames with so many LR pixels motion is estimated at once: one of large
    frames, at most four of small ones, whose lesser pyramid levels take as long for one pair."""
    return max(1, min(4, OBSERVED_PIXELS // pixels))


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
    "fast": TCNetConfig(
        propagation_blocks=22,
        refinement_blocks=22,
        block_width=16,
        alignment_depth=1,
        alignment_window=16,
        matching_depth=1,
        stability_stride=2,
        fusion_width=16,
        coarse_fusion=True,
        motion="tiny",
        doubled_width=32,
        fourfold_width=16,
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
        coarse_fusion=True,
        motion="tiny",
        reconstruction="direct",
    ),
}
"""Named variants. "tcnet" is what the package's large models use, "fast" the same for a fifth of the
operations, "lite" the small streaming one; "paper" has the paper's widths and depths."""


class TCNet(Recurrence, TorchNetwork):
    """x4 video super-resolution for any number of frames T >= 1, any height and width >= 16.

    Computes in the dtype of its parameters (or under autocast); motion, sampling positions and the bilinear
    base stay in float32. `frames` and `stream` yield the frames of a clip one by one.

    Args:
        config: the network's shape; by default the package's large models'.
    """

    config: TCNetConfig
    clean_up: CleanUp | None
    """What cleans its frames first, if `denoise` is over 0; no part of its weight file."""
    ranges: Mapping[str, Tensor]
    """For `tcnet.network.quantisation`: the largest absolute value of each input channel of convolutions, by
    their names. Empty where they were not measured."""
    scale = SCALE
    minimum_size = 16

    def __init__(self, config: TCNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TCNetConfig()
        self.clean_up = None
        self.ranges = {}
        channels = config.channels
        self.motion = Motion(config.motion)
        self.propagation = RecurrentUnit(
            channels, config.propagation_blocks, width=config.block_width, recurrent=config.long_term
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
            coarse=config.coarse_fusion,
        )
        self.fusion = ProgressiveFusion(
            channels,
            config.fusion_width,
            config.fusion_levels,
            config.fusion_stages,
            config.stability_stride if config.coarse_fusion else 1,
        )
        self.refinement = RecurrentUnit(
            channels,
            config.refinement_blocks,
            extra_channels=channels,
            width=config.block_width,
            recurrent=config.long_term,
        )
        self.reconstruction: Reconstruction | DirectReconstruction = (
            Reconstruction(channels, config.doubled_width, config.fourfold_width)
            if config.reconstruction == "full"
            else DirectReconstruction(channels)
        )

    @property
    def dtype(self) -> torch.dtype:
        return self.reconstruction.fuse.weight.dtype

    @property
    def precisions(self) -> tuple[str, ...]:
        return (*super().precisions, "int8") if self.ranges else super().precisions

    @property
    def spatial_multiple(self) -> int:
        """Tiles that start at multiples of this see the same attention windows as the whole frame."""
        config = self.config
        window = max(config.alignment_window, config.matching_window)
        return window * config.stability_stride

    @property
    def clean_reach(self) -> int:
        return REACH if self.denoise else 0

    def forward(self, lr_clip: Tensor) -> Tensor:
        """Upscale a whole clip.

        Args:
            lr_clip: (B, T, 3, H, W), RGB in [0, 1].

        Returns:
            (B, T, 3, 4H, 4W) float32, not clamped.

        Raises:
            TypeError, ValueError: as `frames`.
        """
        return torch.stack(list(self.frames(lr_clip)), dim=1)

    def clean(self, around: Sequence[Tensor]) -> Tensor:
        assert self.clean_up is not None
        cleaned = self.clean_up.middle(torch.stack(tuple(around), dim=1)).clamp_(0, 1)
        return torch.lerp(around[REACH], cleaned, self.denoise)

    def observe(self, first: Tensor, second: Tensor) -> Pair:
        return self.observe_all((first, second))[0]

    def observe_all(self, frames: Sequence[Tensor]) -> list[Pair]:
        height, width = frames[0].shape[-2:]
        at_once = observed_at_once(height * width)
        pairs: list[Pair] = []
        for begin in range(0, len(frames) - 1, at_once):
            pairs += self._observe_at_once(frames[begin : begin + at_once + 1])
        return pairs

    def _observe_at_once(self, frames: Sequence[Tensor]) -> list[Pair]:
        count = len(frames) - 1
        flows: Tensor = self.motion(frames)  # (2 * count * B, 2, H, W), to the second of two, to the first
        to_second, to_first = (each.chunk(count) for each in flows.chunk(2))
        # Of a forward network both recurrences follow the same flow, to the frame before.
        flow_to_first = shared_flow if self.config.propagation == "forward" else Flow
        warped: Sequence[Tensor | None] = (None,) * (2 * count)
        if self.config.short_term:
            warped = warp(torch.cat((*frames[1:], *frames[:-1])), flows).chunk(2 * count)
        return [
            Pair(warped[i], warped[count + i], Flow(to_second[i]), flow_to_first(to_first[i]))
            for i in range(count)
        ]

    def propagate(self, around: Neighbourhood, state: Tensor | None, flow: Flow | None) -> Tensor:
        propagated: Tensor = self.propagation(around.frames, state, flow)
        return propagated

    def stabilise(self, features: Sequence[Tensor]) -> list[Tensor]:
        g_sa, g_cm = self.stability(features)
        return [self.fusion(*branches) for branches in zip(features, g_sa, g_cm, strict=True)]

    def refine(self, around: Neighbourhood, fused: Tensor, state: Tensor | None) -> Tensor:
        refined: Tensor = self.refinement(around.frames, state, around.flow_to_previous, extra=(fused,))
        return refined

    def reconstruct(self, ready: Refined) -> Tensor:
        picture: Tensor = self.reconstruction(ready.fused, ready.refined, ready.frame)
        return picture

    def reconstruct_into(self, picture: Tensor, ready: Refined) -> None:
        self.reconstruction(ready.fused, ready.refined, ready.frame, out=picture)
