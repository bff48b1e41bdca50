"""The protocol of a network here, and all that is asked of one: `tcnet.network.TCNet`, its self-ensemble,
exported networks and the fakes of the tests fulfil it. Those that torch computes derive from
`tcnet.network.torch_network.TorchNetwork`."""

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

    @property
    def config(self) -> NetworkConfig: ...
    @property
    def spatial_multiple(self) -> int: ...
    @property
    def engine(self) -> str:
        """What computes it: "torch", "onnxruntime" or "openvino"."""

    @property
    def inner(self) -> object:
        """The network inside a self-ensemble, or itself."""

    @property
    def detail(self) -> float | None:
        """Where it lies between two networks, from 0 to 1; None: it is one of its own."""

    @property
    def denoise(self) -> float:
        """How far its input is cleaned first, from 0, not at all, to 1."""

    @property
    def delay(self) -> int:
        """Of one that streams: `stream` gives frame i once frame i + delay is in, or earlier."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """The number formats it can be computed in; of other engines than torch the fastest here is last."""

    @property
    def weight_bytes(self) -> int:
        """Of the weights in float32."""

    @property
    def sums_pictures(self) -> bool:
        """Whether it keeps the SR frames of a whole clip in float32."""

    def identity(self) -> str:
        """Names weights and configuration: the same for the same pictures."""

    def placed(self, device: torch.device, dtype: torch.dtype) -> Self:
        """On `device` in `dtype`, in eval mode: itself if it is so, else a copy; never changed.

        Raises UsageError where its engine cannot.
        """

    def frames(self, lr_clip: Tensor, start: int = 0) -> Iterator[Tensor]:
        """lr_clip: (1, T, 3, H, W) -> SR frames from `start` on, each (1, 3, 4H, 4W) float32, unclamped."""

    def stream(self, lr_frames: Tensor, state: Any, *, last: bool) -> tuple[Tensor, Any]:  # noqa: ANN401 - the network's own
        """lr_frames: (1, n >= 0, 3, H, W) -> the frames that became ready (1, m, 3, 4H, 4W), new state."""
