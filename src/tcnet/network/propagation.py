"""Information pre-propagation, the first stage of the paper: a sliding window and a recurrence in one.

The short term is the previous and the next frame, warped onto the current one; the long term is the hidden
feature of the frame before in the direction of the recurrence, warped likewise.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.flow import SPyNet, warp
from tcnet.network.layers import ResidualTrunk, unshuffle
from tcnet.network.small_flow import SmallFlow


class Neighbourhood(NamedTuple):
    """What the network knows of frame i from its neighbours' pixels; shared by both recurrences.

    frame: (B, 3, H, W) float32: x_i itself.
    frames: (B, 9 s², H/s, W/s) in the network's dtype: h_{i-1}, x_i, h_{i+1}: the neighbours warped onto
    frame i, with the pixels of each position of the features (their stride is s) side by side as channels.
    flow_to_previous, flow_to_next: (B, 2, H/s, W/s) float32 in pixels of the features, None at the end of the
    clip where there is no such frame; warp(feature of the neighbour, flow) lies on frame i.
    """

    frame: Tensor
    frames: Tensor
    flow_to_previous: Tensor | None
    flow_to_next: Tensor | None

    @classmethod
    def of(
        cls,
        frame: Tensor,
        h_previous: Tensor | None,
        h_next: Tensor | None,
        flow_to_previous: Tensor | None,
        flow_to_next: Tensor | None,
        dtype: torch.dtype,
        stride: int = 1,
    ) -> "Neighbourhood":
        """Frames (B, 3, H, W), flows (B, 2, H, W) in LR pixels, all float32, H and W multiples of the stride.

        At an end of the clip the missing neighbour is the frame itself.
        """
        h_previous = frame if h_previous is None else h_previous
        h_next = frame if h_next is None else h_next
        frames = torch.cat((h_previous, frame, h_next), dim=1)
        # In the memory layout of the features: concatenating mixed layouts would fall back to the slow one.
        frames = frames.to(dtype, memory_format=torch.channels_last)
        if stride > 1:
            frames = unshuffle(frames, stride)
        return cls(frame, frames, _coarser(flow_to_previous, stride), _coarser(flow_to_next, stride))


def _coarser(flow: Tensor | None, stride: int) -> Tensor | None:
    """Flow (B, 2, H, W) in pixels -> (B, 2, H/stride, W/stride) in steps of that grid."""
    return flow if flow is None or stride == 1 else F.avg_pool2d(flow, stride) / stride


class Motion(nn.Module):
    """Motion between neighbouring frames, both ways, by SPyNet or SmallFlow."""

    def __init__(self, kind: Literal["spynet", "small"] = "spynet") -> None:
        super().__init__()
        self.spynet = SPyNet() if kind == "spynet" else None
        self.small = SmallFlow() if kind == "small" else None

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Two frames (B, 3, H, W) that follow each other -> flow first-to-second, flow second-to-first."""
        estimate = self.spynet or self.small
        assert estimate is not None
        flows: Tensor = estimate(torch.cat((first, second)), torch.cat((second, first)))
        to_second, to_first = flows.chunk(2)
        return to_second, to_first


class RecurrentUnit(nn.Module):
    """Concatenates the frames, further features and the aligned state, and runs residual blocks over them.

    The alignment unit of pre-propagation has no further features; the refinement unit has the fused one.
    recurrent: without it every state counts as that at the start, zero.
    """

    def __init__(
        self,
        channels: int,
        blocks: int,
        extra_channels: int = 0,
        *,
        recurrent: bool = True,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.recurrent = recurrent
        self.trunk = ResidualTrunk(9 * stride**2 + extra_channels + channels, channels, blocks)

    def forward(
        self, frames: Tensor, state: Tensor | None, flow: Tensor | None, extra: Sequence[Tensor] = ()
    ) -> Tensor:
        """One step of the recurrence.

        frames: (B, 9 s², H/s, W/s) of the Neighbourhood; state: (B, C, H/s, W/s) of the frame before in the
        direction of the recurrence, None at its start; flow: (B, 2, H/s, W/s) from this frame to that one;
        extra: features of this frame, together extra_channels. Returns the new state, as the one before.
        """
        if state is None or flow is None or not self.recurrent:
            batch, _, height, width = frames.shape
            aligned = frames.new_zeros((batch, self.channels, height, width))
            aligned = aligned.contiguous(memory_format=torch.channels_last)
        else:
            aligned = warp(state, flow)
        new_state: Tensor = self.trunk(torch.cat((frames, *extra, aligned), dim=1))
        return new_state
