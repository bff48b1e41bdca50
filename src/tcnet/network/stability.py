"""Spatio-temporal stability module of the paper: temporal self-alignment and spatial correlative matching.

Both attend inside windows of fixed size, so that cost grows linearly with the frame's area and the same
weights serve every size. Frames whose sides are not multiples of the window are padded by replicating edges.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.layers import ResidualBlock, conv3x3, convolve, repeat

ALIGNED_VALUES = 2**24
"""Features of a group that temporal self-alignment processes at once. Its intermediate results take ten times
their memory, the largest part in large frames."""
MATCHED_VALUES = 2**21
"""Features that correlative matching processes at once: several small frames, which take longer one by one;
more would leave the cache."""


def to_windows(x: Tensor, window: int) -> Tensor:
    """(N, C, H, W) with H, W multiples of `window` -> (N * windows, window², C)."""
    n, c, height, width = x.shape
    rows, columns = height // window, width // window
    x = x.view(n, c, rows, window, columns, window).permute(0, 2, 4, 3, 5, 1)
    return x.reshape(n * rows * columns, window * window, c)


def from_windows(windows: Tensor, size: tuple[int, int], window: int) -> Tensor:
    """Inverse of to_windows for frames of `size` (H, W): -> (N, C, H, W) in channels_last memory."""
    height, width = size
    rows, columns, c = height // window, width // window, windows.shape[-1]
    x = windows.view(-1, rows, columns, window, window, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, height, width, c).permute(0, 3, 1, 2)


def pad_to_windows(x: Tensor, window: int, shift: int = 0) -> Tensor:
    """Replicate the edges so that windows that begin `shift` pixels before the frame cover it whole."""
    height, width = x.shape[-2:]
    bottom = -(height + shift) % window
    right = -(width + shift) % window
    if shift == bottom == right == 0:
        return x
    return F.pad(x, (shift, right, shift, bottom), mode="replicate")


class TemporalSelfAlignment(nn.Module):
    """Self-attention over the patches of a group of frames: each patch gathers its correspondents.

    Tokens are whole patches of features, as in the paper ("tubelet embedding", 8x8 there), so that every
    pixel is kept; they are compared on a quarter of the channels. The layer norm is over each
    pixel's channels: the paper's, over all pixels, ties the weights to one frame size. A learned bias on the
    relative position in time and space distinguishes near patches from far ones.
    """

    def __init__(
        self, channels: int, blocks: int, patch: int, window: int, group_size: int, shift: int
    ) -> None:
        super().__init__()
        if window % patch:
            raise ValueError(f"the window must be a multiple of the patch, got {window} and {patch}")
        self.patch, self.window, self.shift = patch, window, shift
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels // 4, bias=False)
        self.key = nn.Linear(channels, channels // 4, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)
        self.last = conv3x3(channels, channels)
        side = window // patch
        self.relative_bias = nn.Parameter(torch.empty(2 * group_size - 1, 2 * side - 1, 2 * side - 1))
        nn.init.trunc_normal_(self.relative_bias, std=0.02)

    def forward(self, group: Tensor, n: int) -> Tensor:
        """1 <= n <= group_size frames (n*B, C, H, W), one time after the other -> same shape, aligned."""
        x = self.blocks(group)
        return convolve(self.last, self._gathered(x, n), residual=x)

    def _gathered(self, x: Tensor, n: int) -> Tensor:
        """The attention output of each patch, (n*B, C, H, W) -> the same shape, in channels_last memory."""
        height, width = x.shape[-2:]
        padded = pad_to_windows(x, self.window, self.shift)
        bias = self._bias(n)
        rows = self._rows_at_once(padded)
        if rows >= padded.shape[-2]:
            y = self._of_whole_windows(padded, n, bias)
        else:
            y = torch.empty_like(padded)
            for top in range(0, padded.shape[-2], rows):
                band = slice(top, top + rows)
                y[..., band, :] = self._of_whole_windows(padded[..., band, :], n, bias)
        y = y[..., self.shift : self.shift + height, self.shift : self.shift + width]
        return y.contiguous(memory_format=torch.channels_last)

    def _rows_at_once(self, padded: Tensor) -> int:
        """A multiple of the window; all rows under a compiler or an exporter."""
        if torch.compiler.is_compiling():
            return padded.shape[-2]
        row_of_windows = padded.numel() // padded.shape[-2] * self.window
        return max(1, ALIGNED_VALUES // row_of_windows) * self.window

    def _of_whole_windows(self, x: Tensor, n: int, bias: Tensor) -> Tensor:
        """`_gathered` of a frame, or of rows of it, that whole windows cover."""
        tokens = self.norm(self._to_patches(x, n))  # (B*windows, n*side², patch², C)
        queries, keys, values = (
            layer(tokens).flatten(2) for layer in (self.query, self.key, self.value)
        )  # (B*windows, n*side², patch² * C/4, C/4, C)
        bias = bias.to(queries.dtype)
        scores = torch.baddbmm(bias, queries, keys.transpose(1, 2), alpha=queries.shape[-1] ** -0.5)
        gathered = torch.softmax(scores, dim=-1).to(values.dtype) @ values
        return self._from_patches(gathered, x, n)

    def _to_patches(self, x: Tensor, n: int) -> Tensor:
        """(n*B, C, H, W) -> (B*windows, n*side², patch², C), side = window / patch."""
        p, side = self.patch, self.window // self.patch
        frames, c, height, width = x.shape
        batch, rows, columns = frames // n, height // self.window, width // self.window
        x = x.permute(0, 2, 3, 1).reshape(n, batch, rows, side, p, columns, side, p, c)
        x = x.permute(1, 2, 5, 0, 3, 6, 4, 7, 8)  # (B, rows, columns, n, side, side, p, p, C)
        return x.reshape(batch * rows * columns, n * side * side, p * p, c)

    def _from_patches(self, tokens: Tensor, like: Tensor, n: int) -> Tensor:
        """(B*windows, n*side², patch²*C) -> (n*B, C, H, W) as `like`, in channels_last memory."""
        p, side = self.patch, self.window // self.patch
        frames, c, height, width = like.shape
        rows, columns = height // self.window, width // self.window
        x = tokens.view(-1, rows, columns, n, side, side, p, p, c)
        x = x.permute(3, 0, 1, 4, 6, 2, 5, 7, 8)  # (n, B, rows, side, p, columns, side, p, C)
        return x.reshape(frames, height, width, c).permute(0, 3, 1, 2)

    def _bias(self, n: int) -> Tensor:
        """The bias between all patches of n frames: (1, n*side², n*side²)."""
        side, device = self.window // self.patch, self.relative_bias.device
        group_size = (self.relative_bias.shape[0] + 1) // 2
        places = [torch.arange(count, device=device) for count in (n, side, side)]
        t, y, x = (axis.flatten() for axis in torch.meshgrid(*places, indexing="ij"))
        dt = t[:, None] - t + group_size - 1
        dy = y[:, None] - y + side - 1
        dx = x[:, None] - x + side - 1
        return self.relative_bias[dt, dy, dx].unsqueeze(0)


class PositionAttention(nn.Module):
    """Each pixel gathers from the pixels of its window that look alike (paper: of the whole frame).

    Keys and values are average-pooled by `pool`, which divides the cost by pool².
    """

    def __init__(self, channels: int, window: int, pool: int) -> None:
        super().__init__()
        if window % pool:
            raise ValueError(f"the window must be a multiple of the pooling, got {window} and {pool}")
        self.window, self.pool = window, pool
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1, bias=False)  # the softmax would cancel it
        self.value = nn.Conv2d(channels, channels, 1)
        self.gain = nn.Parameter(torch.full((1,), 0.1))

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W), H and W multiples of the window
        size = (x.shape[-2], x.shape[-1])
        pooled = F.avg_pool2d(x, self.pool) if self.pool > 1 else x
        queries = to_windows(self.query(x), self.window)  # (N*windows, window², C/8)
        keys = to_windows(self.key(pooled), self.window // self.pool)
        # The gain scales the values, which are fewer than the results.
        values = to_windows(self.value(pooled) * self.gain, self.window // self.pool)
        scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(1, 2)
        gathered = torch.softmax(scores, dim=-1).to(values.dtype) @ values
        return from_windows(gathered, size, self.window).add_(x)


class ChannelAttention(nn.Module):
    """Each channel gathers from the channels that agree with it inside the window (C x C).

    Channels are compared by cosine similarity with a learned temperature, so that the weights do not depend
    on the number of pixels compared.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window
        self.temperature = nn.Parameter(torch.full((1,), 4.0))
        self.gain = nn.Parameter(torch.full((1,), 0.1))

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W), H and W multiples of the window
        size = (x.shape[-2], x.shape[-1])
        tokens = to_windows(x, self.window)  # (N*windows, window², C)
        products = (tokens.transpose(1, 2) @ tokens).float()  # (N*windows, C, C)
        squares = products.flatten(1)[
            :, :: products.shape[-1] + 1
        ]  # the diagonal, which compilers stumble over
        norms = squares.clamp_min(1e-12).rsqrt()
        cosines = products * norms[:, :, None] * norms[:, None, :]
        weights = torch.softmax(cosines * self.temperature.float(), dim=-1)
        # x + gain * gathered in one product: the identity joins the weights.
        identity = torch.eye(x.shape[1], device=x.device)
        mix = identity + self.gain.float() * weights.transpose(1, 2)
        return from_windows(tokens @ mix.to(tokens.dtype), size, self.window)


class SpatialCorrelativeMatching(nn.Module):
    """Position and channel attention inside one frame, merged: uses the frame's own repeating structure."""

    def __init__(self, channels: int, window: int, pool: int) -> None:
        super().__init__()
        self.window = window
        self.position = PositionAttention(channels, window, pool)
        self.position_conv = conv3x3(channels, channels)
        self.channel = ChannelAttention(window)
        self.channel_conv = conv3x3(channels, channels)
        self.last = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        height, width = x.shape[-2:]
        padded = pad_to_windows(x, self.window)
        position, channel = (
            attend(padded)[..., :height, :width].contiguous(memory_format=torch.channels_last)
            for attend in (self.position, self.channel)
        )
        branches = torch.cat(
            (convolve(self.position_conv, position, "relu"), convolve(self.channel_conv, channel, "relu")),
            dim=1,
        )
        return convolve(self.last, branches, residual=x)


class SpatioTemporalStability(nn.Module):
    """The two branches side by side: g -> g_sa (temporal self-alignment) and g_cm (correlative matching).

    stride: both see features averaged over stride x stride positions, for live use; their results are
    repeated over those unless `coarse`.
    """

    def __init__(
        self,
        channels: int,
        group_size: int,
        alignment_depth: int,
        alignment_blocks: int,
        alignment_patch: int,
        alignment_window: int,
        matching_depth: int,
        matching_window: int,
        matching_pool: int,
        stride: int = 1,
        *,
        coarse: bool = False,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.coarse = coarse
        self.alignment = nn.ModuleList(
            TemporalSelfAlignment(
                channels,
                alignment_blocks,
                alignment_patch,
                alignment_window,
                group_size,
                # Every second layer shifts its windows by half, so that patches meet across their borders.
                shift=alignment_window // 2 if index % 2 else 0,
            )
            for index in range(alignment_depth)
        )
        self.matching = nn.Sequential(
            *(
                SpatialCorrelativeMatching(channels, matching_window, matching_pool)
                for _ in range(matching_depth)
            )
        )

    def forward(self, features: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Propagated features of a group, each (B, C, H, W) -> g_sa and g_cm of each frame, same shapes, or
        (B, C, H/stride, W/stride) if `coarse`."""
        n, batch = len(features), len(features[0])
        size = features[0].shape[-2:]
        group = torch.cat([self.coarser(g) for g in features])  # (n*B, C, H/stride, W/stride)
        aligned = group
        for alignment in self.alignment:
            aligned = alignment(aligned, n)
        at_once = max(1, MATCHED_VALUES * n // group.numel())
        matched = [self.matching(several) for several in torch.split(group, at_once * batch)]
        g_sa, g_cm = (
            [self.handed_on(g, size) for found in branch for g in torch.split(found, batch)]
            for branch in ((aligned,), matched)
        )
        return g_sa, g_cm

    def coarser(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H/stride, W/stride), rounded up."""
        return x if self.stride == 1 else F.avg_pool2d(pad_to_windows(x, self.stride), self.stride)

    def handed_on(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """The input of the next stage: back at `size` (H, W), or unchanged."""
        return x if self.coarse else repeat(x, self.stride, size)
