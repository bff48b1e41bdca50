"""What this machine computes fast: instructions of its processor, and the number format that follows."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

import torch

FAST_BF16 = frozenset({"amx_bf16", "avx512_bf16"})
"""Instructions with which bf16 convolutions beat fp32 ones (3 to 5 times with AMX)."""
FAST_INT8 = frozenset({"amx_int8", "avx512_vnni", "avx_vnni"})
"""Instructions that multiply 8-bit integers with sums in 32 bits."""
_CPU_INFO = Path("/proc/cpuinfo")


@cache
def cpu_features() -> frozenset[str]:
    """The processor's instruction sets by torch's names, which are Linux's too for those above.

    Versions of torch before `torch.cpu.get_capabilities` leave it to Linux to tell; with them nothing is
    known elsewhere, and nothing is assumed.
    """
    if hasattr(torch.cpu, "get_capabilities"):
        return frozenset(name for name, there in torch.cpu.get_capabilities().items() if there is True)
    return _told_by_linux(_CPU_INFO)


def _told_by_linux(cpu_info: Path) -> frozenset[str]:
    """Flags of the first processor in the system's description; empty where there is none."""
    if not cpu_info.exists():
        return frozenset()
    for line in cpu_info.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            return frozenset(value.split())
    return frozenset()


def cpu_has(features: Collection[str]) -> bool:
    """Whether the processor has any of `features`."""
    return not cpu_features().isdisjoint(features)


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where `device` computes it fast, else float16 on CUDA, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if device.type == "cpu" and cpu_has(FAST_BF16) else torch.float32
