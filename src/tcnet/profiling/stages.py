"""Time and FLOPs of each stage of the network, as its modules are called."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tcnet.network import TCNet
from tcnet.profiling.clock import now

STAGES = ("motion", "propagation", "stability", "fusion", "refinement", "reconstruction")
"""The modules of TCNet, in the paper's order; "propagation" is its information pre-propagation."""
REST = "between"
"""What is outside the modules: warping the neighbours, slicing and concatenating, and cleaning."""


@torch.inference_mode()
def stage_times(network: TCNet, work: Callable[[], object], device: torch.device) -> dict[str, float]:
    """Seconds per stage of `network` and `REST` of its `work`. On a GPU each stage is waited for, which
    forbids stages to overlap: the sum is a little more than an undisturbed run takes."""
    return _metered(network, work, lambda: now(device))


@torch.inference_mode()
def stage_flops(network: TCNet, work: Callable[[], object]) -> dict[str, float]:
    """Floating-point operations, two per multiply-add, of convolutions and matrix products in each stage."""
    with _counting() as counter:
        return _metered(network, work, lambda: float(counter.get_total_flops()))


@torch.inference_mode()
def all_flops(work: Callable[[], object]) -> float:
    """FLOPs of all of `work`, as in stage_flops."""
    with _counting() as counter:
        work()
    return float(counter.get_total_flops())


def _metered(network: TCNet, work: Callable[[], object], read: Callable[[], float]) -> dict[str, float]:
    """How much `read` grows in each stage during `work`, and outside all stages."""
    spent = dict.fromkeys((*STAGES, REST), 0.0)
    with ExitStack() as hooks:
        for name in STAGES:
            hooks.enter_context(_meter(getattr(network, name), name, spent, read))
        begin = read()
        work()
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
        torch.ops.mkldnn._convolution_pointwise_: _fused_flops,
        torch.ops.onednn.qconv_pointwise: _quantised_flops,
        torch.ops.onednn.qconv2d_pointwise: _quantised_flops,
    }
    return FlopCounterMode(display=False, custom_mapping=counts)


def _fused_flops(x: Sequence[int], *shapes: Sequence[int], out_shape: Sequence[int], **_: object) -> int:
    """Of oneDNN's convolution with activation (x, weight, bias) or sum (x, other, weight, bias; in place
    other, x, weight, bias)."""
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
