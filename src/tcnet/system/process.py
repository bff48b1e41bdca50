"""Settings of a computing process as a whole: threads and allocator.

`import tcnet` sets how threads wait (`on_import`), which has to be done before torch is loaded. The first
computation on a CPU sets the allocator (`on_computing`), so that programs which do not compute keep theirs.
The environment takes precedence: what it sets is left alone, and with TCNET_PROCESS_SETTINGS=0 all is.
"""

import ctypes
import os
import sys
import time
import warnings
from functools import cache
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # glibc, malloc.h
_LARGEST = 2**31 - 1

OPT_OUT = "TCNET_PROCESS_SETTINGS"
_TOO_LATE = (
    "torch was loaded before tcnet, so its threads spin while they wait: beside other busy programs they may "
    f"be many times slower. Import tcnet before torch, or set GOMP_SPINCOUNT=1000 ({OPT_OUT}=0: no warning)"
)

LOOKS, SECONDS_BETWEEN_LOOKS = 5, 0.002


def on_import() -> None:
    """What `import tcnet` does: nothing where torch is there already, and `on_computing` says so."""
    if "torch" not in sys.modules and _may_set():
        keep_threads_asleep()


@cache  # once
def on_computing() -> None:
    """What the first computation on a CPU does. Warns where `import tcnet` came after torch."""
    if not _may_set():
        return
    keep_freed_memory()
    told = "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ
    if sys.platform == "linux" and not told:  # elsewhere torch's threads are not libgomp's
        warnings.warn(_TOO_LATE, RuntimeWarning, stacklevel=2)


def _may_set() -> bool:
    return os.environ.get(OPT_OUT) != "0"


def keep_threads_asleep() -> None:
    """Let waiting threads sleep early, unless the environment says how they should wait.

    Threads of torch's CPU kernels wait for each other hundreds of times a frame. libgomp lets them spin
    meanwhile, and beside any other busy process two of them then run up to thirty times slower than one
    (docs/experiments/2026-11-23-spinning-threads.md). Where other processes leave half of the cores free,
    spinning ten times longer is up to a sixth faster, because waking a thread takes longer than what it waits
    for. libgomp reads this once, when torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000" if _cores_are_free() else "1000")


def _cores_are_free(load: Path = Path("/proc/loadavg")) -> bool:
    """Whether at most half of the cores are busy, this process included; False where that is not known (not
    Linux). Sampled a few times, since short tasks run on any machine."""
    if not load.exists():
        return False
    running = []
    for _ in range(LOOKS):
        running.append(int(load.read_text().split()[3].partition("/")[0]))
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return 2 * min(running) <= (os.cpu_count() or 1)


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next feature maps, unless the environment tunes its allocator.

    By default each block above 32 MiB is mapped from the system and returned when it is freed, and every page
    of it faults anew: at 540x960 a fifth of the time (docs/experiments/2026-11-23-freed-memory.md). All
    threads share one arena, because others cannot hold such blocks.
    """
    tuned = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get(
        "GLIBC_TUNABLES", ""
    )
    if tuned:
        return
    if library := _glibc():
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, _LARGEST)
        library.mallopt(_ARENA_MAX, 1)


def release_freed_memory() -> None:
    """Return what glibc keeps to the system, so that the resident set is the memory in use."""
    if library := _glibc():
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
