"""The machine's peak: the rate of a plain convolution, and of copying memory."""

import statistics

import torch
from torch import nn

from tcnet.inference.precision import Precision
from tcnet.network.quantisation import IntegerConv
from tcnet.profiling.clock import clock

LIMIT_CHANNELS = 64
REPEATS = 9
WARM_UP = 2
COPY_BYTES = 256 * 2**20
"""Larger than any cache."""


@torch.inference_mode()
def convolution_limit(device: torch.device, precision: Precision, height: int, width: int) -> float:
    """FLOP/s, two per multiply-add, of a 3x3 convolution of 64 channels in channels_last memory: the median
    of a few. The network is mostly that. For int8, inputs and outputs are codes."""
    channels, dtype = LIMIT_CHANNELS, precision.dtype
    conv = nn.Conv2d(channels, channels, 3, padding=1).to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.rand(1, channels, height, width, device=device, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last)

    def run() -> None:
        conv(x)

    if precision.quantised:
        step = torch.full((channels,), 1 / 255)
        integer = IntegerConv(conv, step, 0, step)
        codes = (255 * x).to(torch.uint8)

        def run() -> None:
            integer.codes(codes, 1.0)

    taken = [clock(run, device) for _ in range(REPEATS + WARM_UP)][WARM_UP:]
    return 2 * 9 * channels**2 * height * width / statistics.median(taken)


@torch.inference_mode()
def memory_bandwidth(device: torch.device) -> float:
    """Bytes a second, read and written together, of copying beyond all caches: the median of a few."""
    source = torch.zeros(COPY_BYTES // 4, device=device)
    target = torch.empty_like(source)
    taken = [clock(lambda: target.copy_(source), device) for _ in range(REPEATS + WARM_UP)][WARM_UP:]
    return 2 * COPY_BYTES / statistics.median(taken)
