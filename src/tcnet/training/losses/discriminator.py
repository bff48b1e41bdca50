"""Tells restored clips from true ones: two small U-Nets, one for frames, one for changes over time."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from tcnet.network.layers import conv3x3

SLOPE = 0.2  # of its LeakyReLUs
CHANGE_GAIN = 4.0
"""Changes are far smaller than frames, and spectral norm keeps convolutions from making up for it."""


class UNet(nn.Module):
    """A judgement for each 2x2 pixels, by what is around them at three scales and within them.

    As in Real-ESRGAN (Wang et al., ICCVW 2021, section 3.3), but that the first and largest scale is half the
    frame's, which takes a quarter of the FLOPs.
    """

    def __init__(self, width: int) -> None:
        """width: channels at the largest scale; they double at each smaller one."""
        super().__init__()
        widths = (width, 2 * width, 4 * width, 8 * width)
        self.first = conv3x3(4 * 3, width)
        self.down = nn.ModuleList(
            spectral_norm(nn.Conv2d(wide, 2 * wide, 4, 2, 1, bias=False)) for wide in widths[:-1]
        )
        self.up = nn.ModuleList(
            spectral_norm(nn.Conv2d(2 * wide, wide, 3, 1, 1, bias=False)) for wide in reversed(widths[:-1])
        )
        self.last = spectral_norm(conv3x3(width, width))
        self.judge = conv3x3(width, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W), H and W multiples of 16 -> (N, 1, H/2, W/2), higher where it looks true."""
        x = F.leaky_relu(self.first(F.pixel_unshuffle(pictures, 2)), SLOPE)
        skipped = []
        for conv in self.down:
            skipped.append(x)
            x = F.leaky_relu(conv(x), SLOPE)
        for conv in self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(conv(x), SLOPE) + skipped.pop()
        judgement: Tensor = self.judge(F.leaky_relu(self.last(x), SLOPE))
        return judgement


class Discriminator(nn.Module):
    """Judges frames one by one, and the differences of neighbouring frames, where flicker cannot hide.

    Always in eval mode: the norms' power iterations advance in `iterate` alone, so that a step is the same
    however many batches it is made of.
    """

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.frames = UNet(width)
            self.changes = UNet(width)
        self.eval()

    def forward(self, clip: Tensor) -> list[Tensor]:
        """(B, T, 3, H, W) RGB in [0, 1], H and W multiples of 16 -> judgements of the frames and, with more
        than one frame, of the changes: (B T, 1, H/2, W/2) and (B (T - 1), 1, H/2, W/2)."""
        judgements = [self.frames(clip.flatten(0, 1))]
        if clip.shape[1] > 1:
            changes = CHANGE_GAIN * (clip[:, 1:] - clip[:, :-1])
            judgements.append(self.changes(changes.flatten(0, 1)))
        return judgements

    @torch.no_grad()
    def iterate(self) -> None:
        """One power iteration for each norm."""
        for module in self.modules():
            if nn.utils.parametrize.is_parametrized(module):
                module.train()
                _ = module.weight
                module.eval()
