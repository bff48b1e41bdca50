"""Wall-clock time and peak memory of work on a device."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

from tcnet.system.process import release_freed_memory

_CLEAR_REFS = Path("/proc/self/clear_refs")


def clock(work: Callable[[], object], device: torch.device) -> float:
    """Seconds until the device has done `work`."""
    begin = now(device)
    work()
    return now(device) - begin


def now(device: torch.device) -> float:
    """Seconds, once the device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def reset_peak(device: torch.device) -> None:
    """Reset the peak, where that is possible."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _CLEAR_REFS.exists():
        release_freed_memory()
        _CLEAR_REFS.write_text("5")  # Linux: resets VmHWM, the peak of the resident set
