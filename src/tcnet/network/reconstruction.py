"""From features to pixels: both recurrences fused, two pixel-shuffle x2 steps, plus bilinear."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network.layers import conv3x3, convolve, shuffle

SCALE = 4
LEAST_ROWS = 4  # in a strip: with fewer, the first would give no picture
LAG = 2  # LR rows that a strip's picture stays behind its features: 1 + 1/2 + 1/4 + 1/4
STRIP_PIXELS = 6400  # LR pixels in a strip: its 64-channel intermediates at x4 (13 MB in bf16) stay in cache
STRIP_ROWS = 14  # at least: the rows computed and copied again count for more in fewer
ACCELERATED_STRIP_PIXELS = 2**15
"""On GPUs, which small strips would leave idle: their intermediates (67 MB in bf16) are within what the
memory estimate counts for temporaries."""


class Reconstruction(nn.Module):
    """Fuses two 64-channel features (1x1), upsamples by 4 and adds the bilinearly upsampled frame.

    At the full frame's size the intermediates are 16 times a feature map; run at once they leave the cache
    and the tail takes five times as long as its FLOPs need. It runs in strips of rows, from top to
    bottom, each with the last rows of the one before: bit-identical to the whole frame.

    doubled, fourfold: channels at x2 and x4; 0 is as many as before them.
    """

    def __init__(self, channels: int, doubled: int = 0, fourfold: int = 0) -> None:
        super().__init__()
        doubled, fourfold = doubled or channels, fourfold or channels
        self.fuse = nn.Conv2d(2 * channels, channels, 1)
        self.up1 = conv3x3(channels, 4 * doubled)
        self.up2 = conv3x3(doubled, 4 * fourfold)
        self.conv = conv3x3(fourfold, fourfold)
        self.last = conv3x3(fourfold, 3)
        self.base = BilinearBase()

    def forward(
        self,
        first: Tensor,
        second: Tensor,
        frame: Tensor,
        strip_rows: int | None = None,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        """first, second: (N, C, H, W) features; frame: (N, 3, H, W) -> (N, 3, 4H, 4W) float32, not clamped.

        strip_rows: LR rows computed at once, at least 4; None chooses by the width, H is the whole frame.
        out: where the result is put, in channels_last memory.
        """
        height, width = frame.shape[-2:]
        pixels = STRIP_PIXELS if frame.device.type == "cpu" else ACCELERATED_STRIP_PIXELS
        rows = max(LEAST_ROWS, strip_rows or max(STRIP_ROWS, pixels // width))
        base = self.base(frame)
        if rows >= height:
            base += self._detail(first, second)
        else:
            done = 0
            for strip in self._strips(first, second, rows):
                base[..., done : done + strip.shape[-2], :] += strip
                done += strip.shape[-2]
        return base if out is None else out.copy_(base)

    def _detail(self, first: Tensor, second: Tensor) -> Tensor:
        """What is added to the base, of the whole frame."""
        x = self._fused(first, second)
        for up in (self.up1, self.up2):
            # LeakyReLU and the shuffle commute; before it, it joins the convolution.
            x = shuffle2(convolve(up, x, "leaky_relu"))
        return self._picture(convolve(self.conv, x, "leaky_relu"))

    def _strips(self, first: Tensor, second: Tensor, rows: int) -> Iterator[Tensor]:
        """`_detail` in strips of about `rows` LR rows, from top to bottom."""
        fused, doubled, fourfold = RowWindow(2), RowWindow(2), RowWindow(4)
        height = first.shape[-2]
        for top, bottom in _parts(height, rows):
            begins, ends = top == 0, bottom == height
            x = fused.take(self._fused(first[..., top:bottom, :], second[..., top:bottom, :]), 1, ends)
            x = doubled.take(convolve(self.up1, x, "leaky_relu", pad_rows=False), 2, ends)
            x = fourfold.take(convolve(self.up2, x, "leaky_relu", pad_rows=False), 2, ends)
            # Of the four rows that it sees again it makes the two that the last convolution sees again.
            x = convolve(self.conv, x, "leaky_relu", pad_rows=False)
            if begins or ends:
                x = F.pad(x, (0, 0, int(begins), int(ends)))
            yield self._picture(x, pad_rows=False)

    def _fused(self, first: Tensor, second: Tensor) -> Tensor:
        return convolve(self.fuse, torch.cat((first, second), dim=1), "leaky_relu")

    def _picture(self, x: Tensor, *, pad_rows: bool = True) -> Tensor:
        """The last convolution, (N, C, 4H, 4W) -> (N, 3, 4H, 4W). pad_rows: as for `convolve`.

        It has 3 outputs, but kernels compute 16 at a time: taking 2x2 pixels of output at once (12 outputs,
        stride 2) halves its cost. Exact: the larger kernel is the small one and zeros.
        """
        assert self.last.bias is not None
        kernel, bias = quad_kernel(self.last.weight), self.last.bias.repeat(4)
        return shuffle2(F.conv2d(x, kernel, bias, stride=2, padding=(int(pad_rows), 1)))


class RowWindow:
    """The rows that a convolution reads of a map which comes in strips, from top to bottom.

    kept: how many of them it reads again with the next strip. Beyond the map's ends there is a row of zeros.
    """

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self.before: Tensor | None = None

    def take(self, strip: Tensor, by: int, ends: bool) -> Tensor:
        """The next rows, (N, by²C, H, W) before their `shuffle` -> (N, C, kept + by H, by W).

        ends: whether they are the last. At an end one row of zeros stands for those beyond it.
        """
        n, channels, height, width = strip.shape
        above = 1 if self.before is None else self.kept
        shape = (n, above + by * height + int(ends), by * width, channels // by**2)
        rows = strip.new_empty(shape).permute(0, 3, 1, 2)
        rows[..., :above, :] = 0.0 if self.before is None else self.before
        shuffle(strip, by, rows[..., above : above + by * height, :])
        if ends:
            rows[..., -1:, :] = 0.0
        self.before = rows[..., -self.kept :, :].clone()
        return rows


class DirectReconstruction(nn.Module):
    """Fuses two features (1x1) and computes all 16 pixels of each LR pixel at once: a tenth of the cost.

    For live use: the x4 features that `Reconstruction` refines are what takes its time.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fuse = nn.Conv2d(2 * channels, channels, 1)
        self.last = conv3x3(channels, 3 * SCALE**2)
        self.base = BilinearBase()

    def forward(self, first: Tensor, second: Tensor, frame: Tensor, out: Tensor | None = None) -> Tensor:
        """As that of `Reconstruction`."""
        x = convolve(self.fuse, torch.cat((first, second), dim=1), "leaky_relu")
        detail = convolve(self.last, x)
        if frame.device.type != "cpu":
            picture = self.base(frame).add_(shuffle(detail, SCALE))
            return picture if out is None else out.copy_(picture)
        return shuffle(self.base.before_shuffle(frame).add_(detail), SCALE, out)


class BilinearBase(nn.Module):
    """Frames enlarged by 4, bilinearly: what a network adds its detail to."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Pixel p of 4 lies (2p - 3) / 8 from its LR pixel's centre. Sums of 1/64, exact in half precision.
        offsets = (2 * torch.arange(SCALE) - 3) / (2 * SCALE)
        taps = (1 - (offsets[:, None] - torch.tensor((-1, 0, 1))).abs()).clamp_min(0)
        kernel = torch.einsum("pi,qj,cd->pqcdij", taps, taps, torch.eye(3)).reshape(3 * SCALE**2, 3, 3, 3)
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, frame: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 3, 4H, 4W) float32, in the memory layout of what is added to it: turning that
        round would take longer than all else here."""
        if frame.device.type == "cpu":
            return shuffle(self.before_shuffle(frame), SCALE)
        frame = frame.to(torch.float32, memory_format=torch.channels_last)
        return F.interpolate(frame, scale_factor=SCALE, mode="bilinear", align_corners=False)

    def before_shuffle(self, frame: Tensor) -> Tensor:
        """`forward` before its `shuffle` by 4, (N, 48, H, W) float32: a convolution, three times as fast with
        the shuffle. For CPUs alone: CUDA's convolutions may round to TF32."""
        frame = F.pad(frame.float(), (1, 1, 1, 1), mode="replicate").contiguous(
            memory_format=torch.channels_last
        )
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(frame, self.kernel.float())


def shuffle2(x: Tensor) -> Tensor:
    """`shuffle` by 2."""
    return shuffle(x, 2)


def quad_kernel(kernel: Tensor) -> Tensor:
    """A kernel (O, C, 3, 3) -> (4*O, C, 4, 4), which at stride 2 gives 2x2 outputs at once, for shuffle2."""
    shifted = [F.pad(kernel, (column, 1 - column, row, 1 - row)) for row in (0, 1) for column in (0, 1)]
    return torch.cat(shifted).contiguous(memory_format=torch.channels_last)


def _parts(height: int, rows: int) -> Iterator[tuple[int, int]]:
    """Ends of equal parts of at most `rows` rows."""
    count = -(-height // rows)
    for i in range(count):
        yield i * height // count, (i + 1) * height // count
