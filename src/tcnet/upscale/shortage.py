"""When memory runs out all the same: how it is known, and what is tried next."""

import torch

from tcnet.errors import MediaError
from tcnet.upscale.compute import Compute
from tcnet.upscale.layout import Layout, smaller_layout
from tcnet.upscale.options import UpscaleOptions

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
