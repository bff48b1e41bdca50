"""The protocol of a network here; `tcnet.network.TCNet` and the fakes of the tests fulfil it."""

from collections.abc import Iterator
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from tcnet.network.recurrence import Topology


class NetworkConfig(Topology, Protocol):
    @property
    def channels(self) -> int: ...


class VideoNetwork(Protocol):
    """x4 video super-resolution of float32 clips in [0, 1]; computes in the dtype of its parameters."""

    scale: int
    minimum_size: int
    training: bool

    @property
    def config(self) -> NetworkConfig: ...
    @property
    def spatial_multiple(self) -> int: ...

    def frames(self, lr_clip: Tensor, start: int = 0) -> Iterator[Tensor]:
        """lr_clip: (1, T, 3, H, W) -> SR frames from `start` on, each (1, 3, 4H, 4W) float32, unclamped."""

    def stream(self, lr_frames: Tensor, state: Any, *, last: bool) -> tuple[Tensor, Any]:  # noqa: ANN401 - the network's own
        """lr_frames: (1, n >= 0, 3, H, W) -> the frames that became ready (1, m, 3, 4H, 4W), new state."""

    def parameters(self) -> Iterator[torch.nn.Parameter]: ...
    def to(self, *, device: torch.device, dtype: torch.dtype) -> Self: ...
    def eval(self) -> Self: ...
