"""Bidirectional networks: windows with context on both sides that is computed and dropped."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from tcnet.errors import MediaError
from tcnet.upscale.canvas import Canvas
from tcnet.upscale.compute import Compute, check_finite, without_gradients
from tcnet.upscale.layout import Layout, smaller_tiles
from tcnet.upscale.options import UpscaleOptions
from tcnet.upscale.pixels import clip_tensor
from tcnet.upscale.windows import iter_windows
from tcnet.video.frame import Frame


def upscale_windows(
    compute: Compute, options: UpscaleOptions, layout: Layout, frames: Iterable[Frame]
) -> Iterator[Frame]:
    """SR frames window by window. Where memory runs out, the rest is computed in smaller tiles.

    Raises MediaError when there is none smaller, and for frames that are not finite in float32.
    """
    statistics = compute.statistics
    group = compute.network.config.group_size
    for span, window in iter_windows(frames, layout.window, layout.overlap, group):
        kept = range(span.keep_start - span.start, span.keep_stop - span.start)
        while kept:
            try:
                for frame in _window(compute, layout, window, kept, span.start):
                    kept = kept[1:]
                    statistics.frames += 1
                    statistics.windows += not kept
                    yield frame
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                smaller = smaller_tiles(compute.network, options, layout)
                if smaller is None:
                    raise MediaError(
                        f"out of memory on {compute.device} in the smallest tiles: give a shorter window"
                    ) from error
                layout = smaller
                statistics.notices.append(f"memory ran out: tiles of {layout.tile} pixels from there on")


def is_out_of_memory(error: RuntimeError) -> bool:
    """torch has a class of its own for CUDA only; the CPU's and MPS' allocators are known by their words."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def _window(
    compute: Compute, layout: Layout, window: list[Frame], kept: range, begin: int
) -> Iterator[Frame]:
    """The SR frames `kept` of one window; `begin` is the number of its first frame, for messages.

    With several tiles all frames are held until the last tile, whose frames complete them one by one.
    """
    canvases: dict[int, Canvas] = {}
    recomputed: set[int] = set()
    dtype = window[0].pixels.dtype
    last = layout.tiles[-1]
    for rows, columns in layout.tiles:
        clip = clip_tensor(window, compute.device, rows, columns)
        for i, picture in _pictures(compute, clip, kept, begin, recomputed):
            if i not in canvases:
                canvases[i] = Canvas(layout, compute.network.scale, dtype)
            canvases[i].paint(picture, rows, columns)
            if (rows, columns) == last:
                compute.statistics.recomputed_frames += i in recomputed
                yield canvases.pop(i).finish(window[i])


def _pictures(
    compute: Compute, clip: Tensor, kept: range, begin: int, recomputed: set[int]
) -> Iterator[tuple[int, Tensor]]:
    """(i, SR frame i of `clip` (3, 4h, 4w)) for i in kept.

    At the first frame that is not finite the clip is computed again in float32, which gives that frame and
    those after it; their numbers are added to `recomputed`. Frames after the kept ones are never refined.
    """
    pictures = without_gradients(compute.network.frames(clip, kept.start))
    final = not compute.reduced
    for i in kept:
        picture = next(pictures)
        if not final and not torch.isfinite(picture).all():
            final = True
            compute.statistics.recomputed_windows += 1
            pictures = without_gradients(compute.float32().frames(clip, i))
            picture = next(pictures)
        if final:
            check_finite(picture, begin + i)
            if compute.reduced:
                recomputed.add(i)
        yield i, picture[0]
