"""Time and operations of each stage of the network, as its modules are called."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tcnet.benchmark.clock import now
from tcnet.network import TCNet

STAGES = ("motion", "propagation", "stability", "fusion", "refinement", "reconstruction")
"""The modules of TCNet, in the paper's order; "propagation" is its information pre-propagation."""
REST = "between"
"""What no module does: warping the neighbours, cutting and joining."""


@torch.inference_mode()
def stage_times(network: TCNet, clip: Tensor) -> dict[str, float]:
    """Seconds per stage and `REST` for the clip (1, T, 3, H, W). On a GPU each stage is waited for, which
    forbids stages to overlap: the sum is a little more than an undisturbed run takes."""
    device = clip.device
    return _metered(network, clip, lambda: now(device))


@torch.inference_mode()
def stage_flops(network: TCNet, clip: Tensor) -> dict[str, float]:
    """Floating-point operations, two per multiply-add, of convolutions and matrix products for the clip."""
    with _counting() as counter:
        return _metered(network, clip, lambda: float(counter.get_total_flops()))


@torch.inference_mode()
def clip_flops(frames: Callable[[Tensor], Iterator[Tensor]], clip: Tensor) -> float:
    """As stage_flops, in all, of any network."""
    with _counting() as counter:
        for _ in frames(clip):
            pass
    return float(counter.get_total_flops())


def _metered(network: TCNet, clip: Tensor, read: Callable[[], float]) -> dict[str, float]:
    """By how much `read` grows in each stage during one clip, and outside of all."""
    spent = dict.fromkeys((*STAGES, REST), 0.0)
    with ExitStack() as hooks:
        for name in STAGES:
            hooks.enter_context(_meter(getattr(network, name), name, spent, read))
        begin = read()
        for _ in network.frames(clip):
            pass
        spent[REST] = read() - begin - sum(spent.values())
    return spent


@contextmanager
def _meter(
    module: nn.Module, name: str, spent: dict[str, float], read: Callable[[], float]
) -> Iterator[None]:
    def begin(*_: object) -> None:
        spent[name] -= read()

    def end(*_: object) -> None:
        spent[name] += read()

    handles = (module.register_forward_pre_hook(begin), module.register_forward_hook(end))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _counting() -> FlopCounterMode:
    counts = {
        torch.ops.mkldnn._convolution_pointwise: _fused_flops,
        torch.ops.onednn.qconv_pointwise: _quantised_flops,
        torch.ops.onednn.qconv2d_pointwise: _quantised_flops,
    }
    return FlopCounterMode(display=False, custom_mapping=counts)


def _fused_flops(x: Sequence[int], *shapes: Sequence[int], out_shape: Sequence[int], **_: object) -> int:
    """Of oneDNN's convolution with activation (x, weight, bias) or sum (x, other, weight, bias)."""
    with_sum = len(shapes[1]) == len(out_shape)
    weight = shapes[1] if with_sum else shapes[0]
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


def _quantised_flops(
    x: Sequence[int],
    scale: float,
    zero: int,
    weight: Sequence[int],
    *_: object,
    out_shape: Sequence[int],
    **__: object,
) -> int:
    """Of oneDNN's convolution of codes."""
    return 2 * math.prod(out_shape) * math.prod(weight[1:])
