"""Forward networks: an exact stream with recurrent state, one for each tile, restarted in each scene."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor

from tcnet.inference.compute import Compute, check_finite
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.memory import OUT_OF_MEMORY, layout_after
from tcnet.inference.pixels import clip_tensor
from tcnet.inference.state import all_finite, in_float32
from tcnet.inference.tiling import Canvas, Layout
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.inference.windows import Span
from tcnet.video.frame import Frame


@dataclass(slots=True)
class _TileStream:
    """A tile: its place, its state, and the network that computes it."""

    rows: Span
    columns: Span
    network: VideoNetwork
    state: Any = None  # the network's own


def upscale_recurrent(
    compute: Compute,
    options: UpscaleOptions,
    layout: Layout,
    scenes: Iterable[Iterator[Frame]],
    skip: int = 0,
    hold: int = 0,
) -> Iterator[Frame]:
    """SR frames as soon as the network has them; the frames that it waits for are in its state.

    skip: frames at the beginning that are not yielded. Scenes that end before are not computed, if `hold`
    frames suffice to know that; a longer one has to be computed while it is read.

    Where memory runs out, the rest is computed in smaller tiles, and the recurrence restarts. Raises
    MediaError when there are none smaller, and for frames that are not finite in float32.
    """
    begin = 0  # number of the scene's first frame
    for scene in scenes:
        unwanted = min(hold, max(0, skip - begin))
        lead = deque(islice(scene, unwanted))
        following = list(islice(scene, 1)) if len(lead) == unwanted else []
        if not following:
            begin += len(lead)
            continue
        stream = _SceneStream(compute, options, layout, begin)
        for number, frame in stream.upscale(chain(_drained(lead), _drained(deque(following)), scene)):
            begin = number + 1
            if number >= skip:
                compute.statistics.frames += 1
                yield frame
        layout = stream.layout


def _drained(frames: deque[Frame]) -> Iterator[Frame]:
    """`frames`, none of them kept."""
    while frames:
        yield frames.popleft()


class _SceneStream:
    """One scene: the streams of its tiles and the frames that wait for their pictures."""

    def __init__(self, compute: Compute, options: UpscaleOptions, layout: Layout, begin: int) -> None:
        self.layout = layout
        self._compute = compute
        self._options = options
        self._number = begin  # of the first waiting frame
        self._waiting: deque[Frame] = deque()
        self._begin_anew()

    def upscale(self, frames: Iterable[Frame]) -> Iterator[tuple[int, Frame]]:
        """(number, SR frame) for all of `frames`."""
        for frame in frames:
            self._waiting.append(frame)
            yield from self._step([frame], last=False)
        if self._waiting:
            yield from self._step([], last=True)

    def _begin_anew(self) -> None:
        self._tiles = [_TileStream(*tile, self._compute.network) for tile in self.layout.tiles]

    def _step(self, frames: list[Frame], *, last: bool) -> Iterator[tuple[int, Frame]]:
        """Feed `frames` (one, or none at the end) to each tile and yield what became ready."""
        canvases: deque[Canvas] = deque()
        while True:
            try:
                canvases.extend(self._painted(frames, last=last))
                break
            except OUT_OF_MEMORY as error:
                self.layout = layout_after(error, self._compute, self._options, self.layout)
                self._begin_anew()
                frames = list(self._waiting)
        while canvases:
            canvas = canvases.popleft()
            self._compute.statistics.windows += not canvases
            yield self._number, canvas.finish(self._waiting.popleft())
            self._number += 1

    def _painted(self, frames: list[Frame], *, last: bool) -> list[Canvas]:
        canvases: list[Canvas] = []
        recomputed = False
        dtype = self._waiting[0].pixels.dtype
        for tile in self._tiles:
            clip = clip_tensor(frames, self._compute.device, tile.rows, tile.columns)
            pictures, now = _advance(self._compute, tile, clip, self._number, last=last)
            recomputed = recomputed or now
            # (m, 3, 4h, 4w), the same m for all
            canvases = canvases or [Canvas(self.layout, self._compute.network.scale, dtype) for _ in pictures]
            for canvas, picture in zip(canvases, pictures, strict=True):
                canvas.paint(picture, tile.rows, tile.columns)
        self._compute.statistics.recomputed_frames += len(canvases) * recomputed
        return canvases


def _advance(
    compute: Compute, tile: _TileStream, clip: Tensor, number: int, *, last: bool
) -> tuple[Tensor, bool]:
    """(SR frames that became ready, from `number` on; whether recomputed in float32).

    A tile that had to be computed again continues in float32: its recurrent state had overflowed.
    """
    with torch.inference_mode():
        pictures, state = tile.network.stream(clip, tile.state, last=last)
        reduced = tile.network is compute.network and compute.reduced
        if reduced and not (all_finite(pictures) and all_finite(state)):
            compute.statistics.recomputed_windows += 1
            tile.network, reduced = compute.float32(), False
            pictures, state = tile.network.stream(clip, in_float32(tile.state), last=last)
    if not reduced:
        for i, picture in enumerate(pictures[0]):
            check_finite(picture, number + i)
    tile.state = state
    return pictures[0], compute.reduced and not reduced
