"""Information pre-propagation, the first stage of the paper: a sliding window and a recurrence in one.

The short term is the previous and the next frame, warped onto the current one; the long term is the hidden
feature of the frame before in the direction of the recurrence, warped likewise.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from tcnet.network.flow import Flow, SPyNet, warp
from tcnet.network.layers import ResidualTrunk


class Motion(nn.Module):
    """Motion between neighbouring frames, both ways, by SPyNet or a smaller form of it."""

    def __init__(self, kind: Literal["spynet", "small", "tiny"] = "spynet") -> None:
        super().__init__()
        if kind == "spynet":
            self.spynet = SPyNet()
        elif kind == "small":
            self.spynet = SPyNet(4, shared=True, finest=2)
        else:
            self.spynet = SPyNet(4, shared=True, finest=2, inner=(32, 32, 32, 16), kernel=5)

    def forward(self, frames: Sequence[Tensor]) -> Tensor:
        """n + 1 frames (B, 3, H, W) that follow each other -> (2nB, 2, H, W): the flows from each to the one
        after it, then those from each to the one before."""
        return self.spynet.both_ways(frames)


class RecurrentUnit(nn.Module):
    """Concatenates the frames, further features and the aligned state, and runs residual blocks over them.

    The alignment unit of pre-propagation has no further features; the refinement unit has the fused one.
    width: inside the blocks, as of `ResidualBlock`. recurrent: without it every state counts as that at the
    start, zero.
    """

    def __init__(
        self, channels: int, blocks: int, extra_channels: int = 0, width: int = 0, *, recurrent: bool = True
    ) -> None:
        super().__init__()
        self.channels = channels
        self.recurrent = recurrent
        self.trunk = ResidualTrunk(9 + extra_channels + channels, channels, blocks, width)

    def forward(
        self,
        frames: Tensor,
        state: Tensor | None,
        flow: Flow | None,
        extra: Sequence[Tensor] = (),
    ) -> Tensor:
        """One step of the recurrence.

        frames: (B, 9, H, W) of the Neighbourhood; state: (B, C, H, W) of the frame before in the direction of
        the recurrence, None at its start; flow: (B, 2, H, W) from this frame to that one; extra: features of
        this frame, together extra_channels. Returns the new state, as the one before.
        """
        new_state: Tensor = self.trunk(self.joined(frames, state, flow, extra))
        return new_state

    def joined(
        self,
        frames: Tensor,
        state: Tensor | None,
        flow: Flow | None,
        extra: Sequence[Tensor] = (),
    ) -> Tensor:
        """What the trunk reads, from what `forward` takes: (B, 9 + extra_channels + C, H, W)."""
        if state is None or flow is None or not self.recurrent:
            batch, _, height, width = frames.shape
            aligned = frames.new_zeros((batch, self.channels, height, width))
            aligned = aligned.contiguous(memory_format=torch.channels_last)
        else:
            aligned = warp(state, flow)
        return torch.cat((frames, *extra, aligned), dim=1)
