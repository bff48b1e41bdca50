"""Forward networks: an exact stream with recurrent state, one state for each tile."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tcnet.upscale.canvas import Canvas
from tcnet.upscale.compute import Compute, check_finite
from tcnet.upscale.contract import VideoNetwork
from tcnet.upscale.layout import Layout
from tcnet.upscale.pixels import clip_tensor
from tcnet.upscale.state import all_finite, in_float32
from tcnet.upscale.windows import Span
from tcnet.video.frame import Frame


@dataclass(slots=True)
class _TileStream:
    """Where a tile is, what it remembers, and the network that computes it."""

    rows: Span
    columns: Span
    network: VideoNetwork
    state: Any = None  # the network's own


def upscale_recurrent(compute: Compute, layout: Layout, frames: Iterable[Frame]) -> Iterator[Frame]:
    """SR frames as soon as the network has them; the frames that it waits for are in its state.

    Raises MediaError for frames that are not finite in float32.
    """
    streams = [_TileStream(rows, columns, compute.network) for rows, columns in layout.tiles]
    waiting: deque[Frame] = deque()
    for frame in frames:
        waiting.append(frame)
        yield from _step(compute, layout, streams, waiting, [frame], last=False)
    if waiting:
        yield from _step(compute, layout, streams, waiting, [], last=True)


def _step(
    compute: Compute,
    layout: Layout,
    streams: list[_TileStream],
    waiting: deque[Frame],
    frames: list[Frame],
    *,
    last: bool,
) -> Iterator[Frame]:
    """Give `frames` (one, or none at the end) to each tile and hand out what became ready."""
    canvases: list[Canvas] = []
    recomputed = False
    dtype = waiting[0].pixels.dtype
    for stream in streams:
        clip = clip_tensor(frames, compute.device, stream.rows, stream.columns)
        pictures, now = _advance(compute, stream, clip, last=last)  # (m, 3, 4h, 4w), the same m for all
        recomputed = recomputed or now
        canvases = canvases or [Canvas(layout, compute.network.scale, dtype) for _ in pictures]
        for canvas, picture in zip(canvases, pictures, strict=True):
            canvas.paint(picture, stream.rows, stream.columns)
    compute.statistics.recomputed_frames += len(canvases) * recomputed
    canvases.reverse()
    while canvases:
        canvas = canvases.pop()
        compute.statistics.frames += 1
        compute.statistics.windows += not canvases
        yield canvas.finish(waiting.popleft())


def _advance(compute: Compute, stream: _TileStream, clip: Tensor, *, last: bool) -> tuple[Tensor, bool]:
    """(SR frames that became ready, whether they were computed in float32 in place of less).

    A tile that had to be computed again goes on in float32: what overflowed is its recurrent state.
    """
    with torch.inference_mode():
        pictures, state = stream.network.stream(clip, stream.state, last=last)
        reduced = stream.network is compute.network and compute.reduced
        if reduced and not (all_finite(pictures) and all_finite(state)):
            compute.statistics.recomputed_windows += 1
            stream.network, reduced = compute.float32(), False
            pictures, state = stream.network.stream(clip, in_float32(stream.state), last=last)
    if not reduced:
        for i, picture in enumerate(pictures[0]):
            check_finite(picture, compute.statistics.frames + i)
    stream.state = state
    return pictures[0], compute.reduced and not reduced
