"""Motion: the optical-flow network SPyNet and backward warping.

Flows are float32 whatever the dtype of the features: half precision cannot hold a sub-pixel position in a
wide frame (bfloat16 steps by 1 pixel from 256 on).
"""

import math
from collections.abc import Sequence
from itertools import pairwise, product
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.layers import Substitute, convolve, memory_layout

PUBLISHED_WIDTHS = (32, 64, 32, 16)


class Flow(NamedTuple):
    """Motion, and precomputed sampling for warping several sources by it.

    vectors: (N, 2, H, W) float32 in pixels, x before y. indices, weights: (N * H * W, 4) int32 and float: the
    four pixels around each position, of all N frames in one row, and how much each counts; or None.
    """

    vectors: Tensor
    indices: Tensor | None = None
    weights: Tensor | None = None


def warp(source: Tensor, flow: Tensor | Flow, padding_mode: Literal["zeros", "border"] = "zeros") -> Tensor:
    """Sample `source` at each pixel's position plus `flow`, bilinearly.

    source: (N, C, H, W), any float dtype; flow: a Flow, or its vectors. padding_mode: what is outside the
    frame. Returns (N, C, H, W) in source's dtype, in which features are also weighted on a CPU; positions and
    shares are found in float32.
    """
    if isinstance(flow, Flow):
        if flow.indices is not None and flow.weights is not None and _gathers_fast(source):
            assert padding_mode == "zeros"
            return _gather(source, flow.indices, flow.weights)
        flow = flow.vectors
    if _gathers_fast(source):
        return _gather(source, *_bilinear_taps(flow, padding_mode))
    height, width = flow.shape[-2:]
    x, y = _positions(flow)
    # grid_sample with align_corners puts -1 and 1 on the centres of the outermost pixels. Sums, not max: a
    # tracer would decide that by the size of its example.
    across, down = width - 1 + (width == 1), height - 1 + (height == 1)
    grid = torch.stack((x * (2.0 / across) - 1.0, y * (2.0 / down) - 1.0), dim=-1)
    sampled = F.grid_sample(
        source.float(), grid, mode="bilinear", padding_mode=padding_mode, align_corners=True
    )
    if source.device.type == "cpu" or not source.is_contiguous(memory_format=torch.channels_last):
        return sampled.to(source.dtype)
    # What is joined with it is in this layout too: a mix would be turned round as a whole.
    return sampled.to(source.dtype, memory_format=torch.channels_last)


def shared_flow(vectors: Tensor) -> Flow:
    """For several `warp`s of features, with zeros outside the frame."""
    if vectors.device.type != "cpu" or torch.is_grad_enabled() or torch.compiler.is_exporting():
        return Flow(vectors)
    return Flow(vectors, *_bilinear_taps(vectors, "zeros"))


def _gathers_fast(source: Tensor) -> bool:
    """Whether _gather applies: on a CPU, for many channels, without gradients, by torch itself."""
    few = source.shape[1] < 16  # the weights then cost more than the sampling
    thin = min(source.shape[-2:]) < 2
    return source.device.type == "cpu" and not (
        few or thin or torch.is_grad_enabled() or torch.compiler.is_exporting()
    )


def _positions(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Where to sample, in pixels: x and y, each (N, H, W)."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=torch.float32)
    y = torch.arange(height, device=flow.device, dtype=torch.float32)
    return x + flow[:, 0], y[:, None] + flow[:, 1]


def _gather(source: Tensor, indices: Tensor, weights: Tensor) -> Tensor:
    """warp on a CPU: weighted sums of four rows of channels, which embedding_bag does in one pass.

    Eight times as fast as grid_sample on 64 channels in channels_last memory, and it stays in that layout.
    """
    n, c, height, width = source.shape
    table = source.permute(0, 2, 3, 1).reshape(-1, c)
    # Sums are in float32 whatever the dtype. Weights rounded to bfloat16 cost no thousandth of a decibel.
    sampled = F.embedding_bag(indices, table, mode="sum", per_sample_weights=weights.to(source.dtype))
    return sampled.view(n, height, width, c).permute(0, 3, 1, 2)


def _bilinear_taps(flow: Tensor, padding_mode: str) -> tuple[Tensor, Tensor]:
    """The `indices` and `weights` of a `Flow` with vectors `flow`, of frames at least 2 pixels a side."""
    n, _, height, width = flow.shape
    x, y = _positions(flow)
    if padding_mode == "border":
        x, y = x.clamp_(0, width - 1), y.clamp_(0, height - 1)
    row, of_rows = _taps(y, height)
    column, of_columns = _taps(x, width)
    corner = torch.add(column, row, alpha=width)
    corner += height * width * torch.arange(n, device=flow.device, dtype=torch.int32).view(n, 1, 1)
    indices = torch.empty((n, height, width, 4), device=flow.device, dtype=torch.int32)
    weights = torch.empty((n, height, width, 4), device=flow.device)
    # A plane at a time, which is faster than broadcasting over the four taps.
    for i, (down, right) in enumerate(product((0, 1), repeat=2)):
        torch.add(corner, down * width + right, out=indices[..., i])
        torch.mul(of_rows[down], of_columns[right], out=weights[..., i])
    return indices.view(-1, 4), weights.view(-1, 4)


def _taps(positions: Tensor, length: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """(N, H, W) positions, overwritten here -> the first of the two pixels nearest to each, int32, and the
    weights of both: 1 on the pixel, 0 from a pixel away on."""
    first = positions.floor().clamp_(0, length - 2)
    share = positions.sub_(first)
    of_first = share.abs().neg_().add_(1).clamp_min_(0)
    of_second = share.sub_(1).abs_().neg_().add_(1).clamp_min_(0)
    # Where a position is NaN, so are its weights; as an integer it would be no pixel's number.
    return first.to(torch.int32).clamp_min_(0), (of_first, of_second)


def halved(frames: Tensor) -> Tensor:
    """(N, C, 2h, 2w) -> (N, C, h, w), each value of 4x4 with the weights 1 3 3 1 in both directions.

    Downscaled frames alias; 2x2 averages leave so much of it that motion found at half the size is worse
    (0.02 dB of tcnet-lite, docs/experiments/2026-11-28-lite-motion-aliasing.md).
    """
    x = F.pad(frames, (1, 1, 1, 1), mode="replicate")
    x = (x[..., 1:-2:2, :] + x[..., 2:-1:2, :]).mul_(3).add_(x[..., 0:-3:2, :]).add_(x[..., 3::2, :])
    x = (x[..., 1:-2:2] + x[..., 2:-1:2]).mul_(3).add_(x[..., 0:-3:2]).add_(x[..., 3::2])
    return x.div_(64)


class FlowResidual(nn.ModuleList):
    """One pyramid level: [reference, warped neighbour, flow] (N, 8, h, w) -> correction (N, 2, h, w)."""

    def __init__(self, inner: Sequence[int] = PUBLISHED_WIDTHS, kernel: int = 7) -> None:
        """inner: channels between its convolutions, whose kernels have a side of `kernel`, odd."""
        widths = (8, *inner, 2)
        super().__init__(nn.Conv2d(i, o, kernel, padding=kernel // 2) for i, o in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        *inner, last = self
        assert isinstance(last, nn.Conv2d)
        x = x.to(last.weight.dtype, memory_format=memory_layout(last))
        for conv in inner:
            assert isinstance(conv, nn.Conv2d | Substitute)
            x = convolve(conv, x, "relu")
        return convolve(last, x).float()


class SPyNet(nn.Module):
    """Spatial pyramid network for optical flow (Ranjan and Black, CVPR 2017, arXiv 1611.00850).

    Six levels from 1/32 of the size to the full size; each corrects the doubled flow of the level below. For
    live use one level can serve all sizes and the last sizes be omitted: the finest of the published levels,
    used for four sizes up to half the frame's, warps nearly as well with 1/6 of the parameters and 1/4 of
    the FLOPs (docs/experiments/2026-11-23-lite-motion.md).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        sizes: int = 6,
        *,
        shared: bool = False,
        finest: int = 1,
        inner: Sequence[int] = PUBLISHED_WIDTHS,
        kernel: int = 7,
    ) -> None:
        """sizes: of the pyramid; shared: one level for all; finest: pixels to one of the largest size, a
        power of 2; inner, kernel: as of `FlowResidual`."""
        super().__init__()
        self.sizes = sizes
        self.finest = finest
        self.levels = nn.ModuleList(FlowResidual(inner, kernel) for _ in range(1 if shared else sizes))
        # ImageNet statistics: the published weights expect frames normalised so.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def forward(self, reference: Tensor, neighbour: Tensor) -> Tensor:
        """Flow from each reference to its neighbour: warp(neighbour, flow) resembles reference.

        Both (N, 3, H, W), RGB in [0, 1]; returns (N, 2, H, W) float32 in pixels, x before y.
        """
        references, neighbours = (self.pyramid(self._resized(each)) for each in (reference, neighbour))
        return self._flow(references, neighbours, *reference.shape[-2:])

    def both_ways(self, frames: Sequence[Tensor]) -> Tensor:
        """Flows between n + 1 frames (N, 3, H, W) that follow each other: (2nN, 2, H, W), from each but the
        last to the one after it and, after those in the batch, from each but the first to the one before."""
        batch, _, height, width = frames[0].shape
        pyramid = self.pyramid(self._resized(torch.cat(tuple(frames))))
        references = [torch.cat((size[:-batch], size[batch:])) for size in pyramid]
        neighbours = [torch.cat((size[batch:], size[:-batch])) for size in pyramid]
        return self._flow(references, neighbours, height, width)

    def _flow(
        self, references: Sequence[Tensor], neighbours: Sequence[Tensor], height: int, width: int
    ) -> Tensor:
        coarsest = references[0]
        flow = coarsest.new_zeros(coarsest.shape[0], 2, *coarsest.shape[-2:])
        for index in range(self.sizes):
            if index > 0:
                flow = 2.0 * F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=True)
            warped = warp(neighbours[index], flow, padding_mode="border")
            features = torch.cat((references[index], warped, flow), dim=1)  # (N, 8, h, w)
            flow = flow + self.level(index)(features)

        rows, columns = flow.shape[-2:]
        if (rows, columns) != (height, width):
            flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
            # Numbers, not a tensor made of them: an accelerator would be waited for.
            flow = torch.cat((flow[:, :1] * (width / columns), flow[:, 1:] * (height / rows)), dim=1)
        return flow

    @property
    def stride(self) -> int:
        """Pixels to one of the smallest size; frames are resized to multiples of it."""
        return self.finest << (self.sizes - 1)

    def level(self, index: int) -> nn.Module:
        """That of a size, counted from the smallest."""
        return self.levels[min(index, len(self.levels) - 1)]

    def pyramid(self, frames: Tensor) -> list[Tensor]:
        """float32 frames, whose sides are multiples of the stride, normalised and in all sizes, smallest
        first."""
        for _ in range(self.finest.bit_length() - 1):
            frames = halved(frames)
        pyramid = [(frames - self.mean.float()) / self.std.float()]
        for _ in range(self.sizes - 1):
            pyramid.append(F.avg_pool2d(pyramid[-1], 2))
        return pyramid[::-1]

    def _resized(self, frames: Tensor) -> Tensor:
        """In float32, their sides the next multiples of the stride."""
        frames = frames.float()
        height, width = (math.ceil(side / self.stride) * self.stride for side in frames.shape[-2:])
        if frames.shape[-2:] == (height, width):
            return frames
        return F.interpolate(frames, size=(height, width), mode="bilinear", align_corners=False)
