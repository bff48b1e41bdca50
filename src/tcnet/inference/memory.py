"""How much memory there is, how much a run will need, and what is tried when it runs out all the same.

The estimate counts what grows with the frame size and the window:

    network   held + working + picture, with tile area A in LR pixels, C channels of b bytes, T frames held
      held      A T (HELD_MAPS C b + HELD_FLOATS 4)       features, flows and input of a window (or stream),
                + A T CLEANED_FLOATS 4                    cleaned frames (with denoise only)
      working   A WORKING_MAPS C b                        temporaries of one frame or group
      motion    A P MOTION_MAPS C b                       of P further pairs of small frames at once
      picture   16 A 3 PICTURE_COPIES 4                   the SR frame on its way to integer codes
      ensemble  16 A T 3 4                                SR frames summed up (self-ensembles only)
    frames    canvases (tiles only), LR frames held, SR frames queued, the encoder's look-ahead
    fixed     FIXED_BYTES + 3 copies of the parameters
    engines other than torch: ENGINE_MAPS more in `working`, ENGINE_BYTES more in `fixed`

The constants are set so that no estimate of a process is under its measured peak (64 channels, on a CPU,
without an encoder; benchmarks/speed/memory_estimate.py: bidirectional and forward, bf16 and fp32, whole
frames and tiles, long windows and large frames). Most are up to 30 % over it,
short windows of large frames 50 %.
"""

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from tcnet.errors import MediaError
from tcnet.inference.compute import Compute
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.tiling import Layout, smaller_layout
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.network.tcnet import observed_at_once
from tcnet.system.cgroup import memory_left_by_limits

HELD_MAPS = 2
"""Feature maps kept for each frame of a window: g, and the gaps that glibc leaves when it keeps memory."""
HELD_FLOATS = 12
"""float32 values kept for each LR pixel and frame: the frame, two flows, two warped neighbours."""
CLEANED_FLOATS = 3
"""The same of a network that cleans its frames first: the cleaned one, beside the one given."""
WORKING_MAPS = 40
"""Feature maps alive at once while one frame is computed, attention of a group and the x4 tail included."""
MOTION_MAPS = 4
"""Feature maps for each pair of frames more between which motion is estimated at once."""
PICTURE_COPIES = 4
"""Float copies of one SR frame: network output, bilinear base, clamped, rounded or resized."""
ENCODER_BYTES_PER_PIXEL = 170
ENCODER_BYTES = 170 * 2**20
"""What the encoder keeps (look-ahead, reference frames, threads): measured with x264 and x265 at 1280x720 and
2560x1440, 303 and 702 to 753 MiB."""
FIXED_BYTES = 220 * 2**20
"""Interpreter, torch and codec libraries."""
ENGINE_MAPS = {"torch": 0, "onnxruntime": 20, "openvino": 48}
"""Feature maps that other engines keep beyond what torch does: each graph has buffers of its own."""
ENGINE_BYTES = {"torch": 0, "onnxruntime": 60 * 2**20, "openvino": 240 * 2**20}
"""Their libraries and compiled graphs. Both measured with 64 channels at 90x160 and 180x320."""
QUEUED_FRAMES = 8
"""Decoded frames and SR frames between the stages, those in the stages' hands included."""

_STATUS = Path("/proc/self/status")

MEMORY_SHARE = 0.7
"""Share of the available memory that is used when no limit is given."""
ASSUMED_MEMORY = 4 * 2**30
"""Bytes assumed where the system tells nothing (Windows); the plan says so."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes. `network` lies on the device, `frames` and `fixed` in main memory (the same on a CPU)."""

    network: int
    frames: int
    fixed: int

    def on(self, device: torch.device) -> int:
        """What counts against the memory of `device`."""
        return self.network if device.type == "cuda" else self.network + self.frames + self.fixed


def estimate_memory(
    layout: Layout, network: VideoNetwork, dtype: torch.dtype, sample_bytes: int
) -> MemoryEstimate:
    """Peak of a run; sample_bytes: 1 for 8-bit frames, 2 for deeper ones."""
    # Between the graphs of other engines all is float32.
    itemsize = dtype.itemsize if network.engine == "torch" else 4
    feature_map = network.config.channels * itemsize  # bytes for each LR pixel
    area = layout.tile_area
    # A stream holds a group and those waiting for the next one, and does so for every tile at once.
    held = area * layout.window if layout.window else layout.computed_area * 2 * network.config.group_size
    working_maps = WORKING_MAPS + ENGINE_MAPS[network.engine]
    held_floats = HELD_FLOATS + (CLEANED_FLOATS if network.denoise else 0)
    on_device = (
        held * (HELD_MAPS * feature_map + held_floats * 4)
        + area * working_maps * feature_map
        + area * (observed_at_once(area) - 1) * MOTION_MAPS * feature_map
        + area * network.scale**2 * 3 * 4 * PICTURE_COPIES
    )
    if network.sums_pictures:
        on_device += area * layout.window * network.scale**2 * 3 * 4
    lr_frame = layout.height * layout.width * 3 * sample_bytes
    decoded_frame = math.prod(layout.source_size) * 3 * sample_bytes
    sr_frame = layout.out_height * layout.out_width * 3 * sample_bytes
    canvas = layout.height * layout.width * network.scale**2 * 3 * (2 if layout.resized else sample_bytes)
    window = layout.window or 2 * network.config.group_size
    in_main_memory = (
        (canvas * window if layout.tiled else 0)
        + decoded_frame * QUEUED_FRAMES
        + lr_frame * 2 * window
        + sr_frame * QUEUED_FRAMES
        + encoder_memory(layout)
    )
    fixed = FIXED_BYTES + ENGINE_BYTES[network.engine] + 3 * network.weight_bytes
    return MemoryEstimate(network=on_device, frames=in_main_memory, fixed=fixed)


def encoder_memory(layout: Layout) -> int:
    """Bytes that the encoder of the output keeps."""
    return layout.out_height * layout.out_width * ENCODER_BYTES_PER_PIXEL + ENCODER_BYTES


def available_memory(device: torch.device, root: Path = Path("/")) -> int | None:
    """Bytes that can still be taken on `device`; None where the system does not tell.

    root: where /proc and /sys are looked for.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    system = _system_memory(root / "proc/meminfo")
    container = memory_left_by_limits(root)
    known = [value for value in (system, container) if value is not None]
    return min(known) if known else None


def _system_memory(meminfo: Path) -> int | None:
    if meminfo.exists():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    # macOS tells only what is installed; the share taken of it leaves room.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


OUT_OF_MEMORY = (RuntimeError, MemoryError)
"""What to catch; `layout_after` raises those again that mean something else. NumPy raises MemoryError."""


def layout_after(error: Exception, compute: Compute, options: UpscaleOptions, layout: Layout) -> Layout:
    """The layout to go on with after `error`; the statistics get a notice.

    Raises `error` if memory is not what it is about, MediaError when nothing smaller is left to try.
    """
    if not is_out_of_memory(error):
        raise error
    smaller = smaller_layout(compute.network, options, layout)
    if smaller is None:
        shortest = " and the shortest windows" if layout.window else ""
        raise MediaError(
            f"out of memory on {compute.device} even in the smallest tiles{shortest}: close other programs, "
            f"give a smaller tile overlap, or compute on another device"
        ) from error
    if compute.device.type == "cuda":
        torch.cuda.empty_cache()  # blocks of the old sizes are of no use to the new ones
    tiles = f"tiles of {smaller.tile} pixels" if smaller.tiled else "whole frames"
    windows = f" and windows of {smaller.window} frames" if smaller.window else ""
    compute.statistics.notices.append(f"memory ran out: {tiles}{windows} from there on")
    return smaller


def is_out_of_memory(error: Exception) -> bool:
    """torch has a class of its own for CUDA only; the CPU's and MPS' allocators are known by their words."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        word in str(error) for word in words
    )


def peak_memory(device: torch.device) -> int | None:
    """Peak bytes so far: allocated by torch on CUDA, else the process' resident set; None on Windows."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if _STATUS.exists():  # unlike getrusage's, this peak can be reset
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, others KiB
