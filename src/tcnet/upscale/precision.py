"""Which device and which number format to compute with."""

import copy
from pathlib import Path

import torch

from tcnet.errors import UsageError
from tcnet.export.network import ExportedNetwork
from tcnet.upscale.contract import VideoNetwork
from tcnet.upscale.options import DEVICES, PRECISIONS

CPU_INFO = Path("/proc/cpuinfo")
FAST_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
"""Processor flags with which bf16 convolutions beat fp32 ones (3 to 5 times with AMX)."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_placement(network: VideoNetwork, device: str, precision: str) -> tuple[torch.device, torch.dtype]:
    """Where and in which dtype to compute a network; raises UsageError for what its engine cannot do.

    Other engines than torch compute on the CPU, in bf16 by default where they have it in hardware.
    """
    if not isinstance(network, ExportedNetwork):
        place = choose_device(device)
        return place, choose_precision(precision, place)
    engine, there = network.runtime.engine, network.runtime.precisions
    if device not in ("auto", "cpu"):
        raise UsageError(
            f"engine {engine} computes on the cpu here: leave out device {device}, or the engine"
        )
    if precision not in ("auto", *there):
        raise UsageError(
            f"engine {engine} computes in {' or '.join(there)} here, not in {precision}: use auto, "
            "or leave out the engine"
        )
    return torch.device("cpu"), DTYPES[there[-1] if precision == "auto" else precision]


def choose_device(name: str) -> torch.device:
    """The device for "auto", "cpu", "cuda" or "mps". Raises UsageError when it is not there."""
    if name not in DEVICES:
        raise UsageError(f"unknown device {name!r}: choose one of {', '.join(DEVICES)}")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(candidate for candidate in ("cuda", "mps", "cpu") if available[candidate])
    if not available[name]:
        there = ", ".join(candidate for candidate, present in available.items() if present)
        raise UsageError(f"device {name} is not available here: choose one of {there}, or auto")
    return torch.device(name)


def choose_precision(name: str, device: torch.device, cpu_info: Path = CPU_INFO) -> torch.dtype:
    """The compute dtype for "auto", "fp32", "bf16" or "fp16" on `device`.

    auto: bf16 where the hardware computes it fast, else fp16 on CUDA, else fp32. Raises UsageError for
    fp16 on a CPU, where torch's convolutions are about 50 times slower than in fp32.
    """
    if name not in PRECISIONS:
        raise UsageError(f"unknown precision {name!r}: choose one of {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise UsageError("precision fp16 is about 50 times slower than fp32 on a CPU: use auto, bf16 or fp32")
    if name != "auto":
        return DTYPES[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and cpu_has_fast_bf16(cpu_info):
        return torch.bfloat16
    return torch.float32


def precision_name(dtype: torch.dtype) -> str:
    """ "fp32", "bf16" or "fp16"."""
    return next(name for name, value in DTYPES.items() if value == dtype)


def cpu_has_fast_bf16(cpu_info: Path = CPU_INFO) -> bool:
    """Whether the processor multiplies bf16 in hardware; False without `cpu_info` (not Linux)."""
    if not cpu_info.exists():
        return False
    for line in cpu_info.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            return not FAST_BF16_FLAGS.isdisjoint(value.split())
    return False


def working_copy(network: VideoNetwork, device: torch.device, dtype: torch.dtype) -> VideoNetwork:
    """The network on `device` in `dtype`, in eval mode: itself if it is so, else a copy; never changed."""
    if isinstance(network, ExportedNetwork):
        return network.to(device=device, dtype=dtype)
    parameter = next(iter(network.parameters()), None)
    if not network.training and (parameter is None or (parameter.device, parameter.dtype) == (device, dtype)):
        return network
    return copy.deepcopy(network).eval().to(device=device, dtype=dtype)
