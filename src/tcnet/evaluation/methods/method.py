"""What an evaluation can measure, and the simplest methods: interpolation."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

from torch import Tensor

from tcnet.data.degradation import SCALE, imresize


class ClipUpscaler(Protocol):
    """Upscales whole clips, frame by frame."""

    @property
    def name(self) -> str:
        """The heading of its column, unique within an evaluation."""
        ...

    @property
    def description(self) -> Mapping[str, str]:
        """What it takes to repeat the measurement: "weights" (hash), "precision", "device" and more."""
        ...

    def __call__(self, lr_clip: Tensor) -> Iterator[Tensor]:
        """(T, 3, H, W) float32 in [0, 1] on the CPU -> T times (3, 4H, 4W) float32, any device, unclamped."""
        ...


class BicubicUpscaler:
    """MATLAB's bicubic `imresize` by 4, the baseline of every published table."""

    name = "bicubic"
    description: Mapping[str, str] = MappingProxyType(
        {"weights": "none", "precision": "float64", "device": "cpu"}
    )

    def __call__(self, lr_clip: Tensor) -> Iterator[Tensor]:
        for lr_frame in lr_clip:
            yield imresize(lr_frame, SCALE)


class LanczosUpscaler:
    """MATLAB's `imresize` by 4 with the Lanczos kernel of three lobes."""

    name = "lanczos"
    description: Mapping[str, str] = MappingProxyType(
        {"weights": "none", "precision": "float64", "device": "cpu"}
    )

    def __call__(self, lr_clip: Tensor) -> Iterator[Tensor]:
        for lr_frame in lr_clip:
            yield imresize(lr_frame, SCALE, kernel="lanczos3")
