"""Self-ensemble: the mean of a network's outputs for a clip and for transformed versions of it.

Its errors differ, so the mean is closer to the truth, for as many times the cost. Timofte et al.,
"Seven ways to improve example-based single image super resolution", CVPR 2016; here with time as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal, NoReturn

import torch
from torch import Tensor

from tcnet.network.tcnet import TCNet, TCNetConfig
from tcnet.network.torch_network import TorchNetwork


@dataclass(frozen=True, slots=True)
class ClipTransform:
    """Any of time reversal, flip and transposition of a clip; exactly invertible."""

    reverse: bool = False
    flip_rows: bool = False
    flip_columns: bool = False
    transpose: bool = False

    def apply(self, clip: Tensor) -> Tensor:
        """(B, T, C, H, W) -> the same, H and W exchanged if transposed."""
        if self.transpose:
            clip = clip.transpose(-1, -2)
        return clip.flip(dims) if (dims := self._dims()) else clip

    def undo(self, clip: Tensor) -> Tensor:
        """The inverse of `apply`, for clips of any size."""
        if dims := self._dims():
            clip = clip.flip(dims)
        return clip.transpose(-1, -2) if self.transpose else clip

    def _dims(self) -> list[int]:
        flips = {1: self.reverse, 3: self.flip_rows, 4: self.flip_columns}
        return [dim for dim, flipped in flips.items() if flipped]


EnsembleKind = Literal["time", "full"]
ENSEMBLES: dict[EnsembleKind, tuple[ClipTransform, ...]] = {
    "time": (ClipTransform(), ClipTransform(reverse=True)),
    "full": tuple(ClipTransform(*bits) for bits in product((False, True), repeat=4)),
}
"""time: the clip and its reverse, twice the cost; full: both in all eight orientations, 16 times the cost."""


class SelfEnsemble(TorchNetwork):
    """A bidirectional TCNet over all transforms of ENSEMBLES[kind], with the interface of the network.

    Holds the SR frames of the whole clip in float32, unlike the network.
    """

    sums_pictures = True

    def __init__(self, network: TCNet, kind: EnsembleKind) -> None:
        """Raises ValueError for a streaming network: a stream has no reverse."""
        super().__init__()
        if network.config.propagation != "bidirectional":
            raise ValueError(
                f"only a bidirectional network can be ensembled, not {network.config.propagation}"
            )
        self.network = network
        self.kind = kind
        self.scale = network.scale
        self.minimum_size = network.minimum_size

    @property
    def config(self) -> TCNetConfig:
        return self.network.config

    @property
    def inner(self) -> TCNet:
        return self.network

    @property
    def detail(self) -> float | None:  # type: ignore[override]
        return self.network.detail

    @property
    def denoise(self) -> float:  # type: ignore[override]
        return self.network.denoise

    @property
    def delay(self) -> int:
        return self.network.delay

    @property
    def precisions(self) -> tuple[str, ...]:
        return self.network.precisions

    @property
    def spatial_multiple(self) -> int:
        return self.network.spatial_multiple

    def forward(self, lr_clip: Tensor) -> Tensor:
        """(B, T, 3, H, W) in [0, 1] -> (B, T, 3, 4H, 4W) float32, not clamped. Raises like the network."""
        return torch.stack(list(self.frames(lr_clip)), dim=1)

    def frames(self, lr_clip: Tensor, start: int = 0) -> Iterator[Tensor]:
        """As `TCNet.frames`."""
        transforms = ENSEMBLES[self.kind]
        count = lr_clip.shape[1]
        sums: list[Tensor | None] = [None] * count
        for transform in transforms:
            shown = transform.apply(lr_clip)
            if transform.reverse:  # the requested frames come first
                pictures = zip(range(count - 1, start - 1, -1), self.network.frames(shown), strict=False)
            else:
                pictures = zip(range(start, count), self.network.frames(shown, start), strict=True)
            for i, picture in islice(pictures, count - start):
                upright = transform.undo(picture.unsqueeze(1)).squeeze(1)
                total = sums[i]
                sums[i] = upright.contiguous() if total is None else total.add_(upright)
        for i in range(start, count):
            total, sums[i] = sums[i], None
            assert total is not None
            yield total.div_(len(transforms))

    def stream(self, lr_frames: Tensor, state: object, *, last: bool) -> NoReturn:
        """Raises ValueError: only networks that are not ensembled can stream."""
        raise ValueError("a self-ensemble cannot stream")
