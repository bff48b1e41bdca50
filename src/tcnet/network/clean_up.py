"""The clean-up: noise and coding artefacts out of LR frames, before anything of them runs through time.

As in Chan et al., "Investigating Tradeoffs in Real-World Video Super-Resolution", CVPR 2022, but small,
trained by itself against clean LR frames, and looking at the frames around: what flickers shows best there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.layers import ResidualTrunk, conv3x3, convolve, zero_last

REACH = 2
"""Frames before and after one that is cleaned."""
WINDOW = 2 * REACH + 1
_CHANGE_GAIN = 10.0
"""Changes between frames are some hundredths; so they enter the network in its range ..."""
_OUTPUT_GAIN = 0.1
"""... and what it takes out leaves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUpConfig:
    """The shape of a clean-up; stored in its weight file."""

    channels: int = 64
    """At half the frame's size."""
    blocks: int = 4
    """Residual blocks."""

    def __post_init__(self) -> None:
        if self.channels < 8 or self.channels % 8:
            raise ValueError(f"channels must be a positive multiple of 8, got {self.channels}")
        if self.blocks < 0:
            raise ValueError(f"blocks must be at least 0, got {self.blocks}")


class CleanUp(nn.Module):
    """One frame from itself and its neighbours as they lie, at half the size: a residual network.

    What it takes out is added with its sign turned. It begins as a network that takes out nothing.
    """

    def __init__(self, config: CleanUpConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or CleanUpConfig()
        self.trunk = ResidualTrunk(WINDOW * 12, config.channels, config.blocks)
        self.last = conv3x3(config.channels, 12)
        zero_last(self.last)

    def forward(self, lr_clip: Tensor) -> Tensor:
        """(B, T, 3, H, W) in [0, 1] -> the same, float32, each frame cleaned, not clamped; beyond the ends
        of the clip frames repeat."""
        count = lr_clip.shape[1]
        places = torch.arange(count).unsqueeze(1) + torch.arange(-REACH, REACH + 1)  # (T, 5)
        windows = lr_clip[:, places.clamp(0, count - 1)]
        return self.middle(windows.flatten(0, 1)).view(lr_clip.shape)

    def frames(self, lr_clip: Tensor) -> Iterator[Tensor]:
        """The frames of `forward`, each (B, 3, H, W), as other networks give theirs."""
        yield from self(lr_clip).unbind(1)

    def middle(self, frames: Tensor) -> Tensor:
        """(N, 5, 3, H, W) in [0, 1], neighbouring frames in order -> (N, 3, H, W) float32: the middle one,
        cleaned; not clamped."""
        height, width = frames.shape[-2:]
        frames = frames.float()
        features = self.trunk(self._seen(frames))
        residual = F.pixel_shuffle(convolve(self.last, features).float(), 2)[..., :height, :width]
        return frames[:, REACH] + _OUTPUT_GAIN * residual

    def _seen(self, frames: Tensor) -> Tensor:
        """What the trunk reads: the frame, and by how much the others differ from it; (N, 60, h, w)."""
        middle = frames[:, REACH]
        changes = (frames - middle.unsqueeze(1)) * _CHANGE_GAIN
        changes[:, REACH] = middle - 0.5
        height, width = frames.shape[-2:]
        # Odd sides grow by a pixel.
        whole = F.pad(changes.flatten(1, 2), (0, width % 2, 0, height % 2), mode="replicate")
        weight = self.last.weight
        return F.pixel_unshuffle(whole, 2).to(weight.dtype, memory_format=torch.channels_last)
