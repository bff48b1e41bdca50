"""How frames of one size are split into windows and tiles, and put together again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from torch import Tensor

from tcnet.errors import MediaError, UsageError
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.pixels import put_pixels, resize_pixels
from tcnet.inference.upscale_options import (
    DEFAULT_KEPT,
    DEFAULT_OVERLAP,
    UpscaleOptions,
    lr_size,
    output_size,
)
from tcnet.inference.windows import Span, even_size, plan_spans, smallest_size
from tcnet.video.frame import Frame, Pixels

TILE_SIDES = (1024, 768, 512, 384, 256, 192, 128, 96, 64)
"""Sides tried when the whole frame does not fit into memory, in LR pixels."""
COMFORTABLE_TILE = 128
"""Where memory ran out, windows are shortened before tiles get smaller than this: overlap would be over half
of the work."""
CONTEXT_WORK = 0.55
"""Work of a dropped frame relative to a kept one: it is not reconstructed, and after the kept ones it has
only motion and pre-propagation. Counted FLOPs of tcnet-bi."""
TILED_WORK = 1.05
"""Whole frames are preferred to tiles that save less: they have no seams."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Windows in frames, rows and columns of tiles in LR pixels; window is 0 for a stream. source_size:
    (height, width) of the frames that come in, which may be shrunk to LR frames of height x width first."""

    source_size: tuple[int, int]
    height: int
    width: int
    out_height: int
    out_width: int
    window: int
    overlap: int
    tile: int
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    resized: bool

    @property
    def tiled(self) -> bool:
        return len(self.rows) * len(self.columns) > 1

    @property
    def tiles(self) -> list[tuple[Span, Span]]:
        """(rows, columns) of every tile, in reading order."""
        return [*product(self.rows, self.columns)]

    @property
    def tile_area(self) -> int:
        """LR pixels of the largest tile."""
        return max(_lengths(self.rows)) * max(_lengths(self.columns))

    @property
    def computed_area(self) -> int:
        """LR pixels computed for each frame, the tiles' overlap included."""
        return sum(_lengths(self.rows)) * sum(_lengths(self.columns))


def make_layout(
    network: VideoNetwork,
    options: UpscaleOptions,
    height: int,
    width: int,
    window: int | None,
    tile: int | None,
) -> Layout:
    """The layout for frames that come in as height x width; window or tile None: default length, whole
    frame.

    Raises MediaError for frames too small for the network, UsageError for windows or tiles too small to
    advance by the network's steps, and for frames that cannot be shrunk first.
    """
    source_size = (height, width)
    out_height, out_width = output_size(height, width, options, network.scale)
    height, width = lr_size(height, width, options)
    if min(height, width) < network.minimum_size:
        raise MediaError(
            f"frames are {width}x{height}, the model needs at least "
            f"{network.minimum_size}x{network.minimum_size}"
        )
    window, overlap = _window_and_overlap(network, options, window)
    tile = max(height, width) if tile is None else tile
    if tile < max(height, width):
        _check_tile(network, options, tile)
    return Layout(
        source_size=source_size,
        height=height,
        width=width,
        out_height=out_height,
        out_width=out_width,
        window=window,
        overlap=overlap,
        tile=tile,
        rows=_tiles(height, tile, network, options),
        columns=_tiles(width, tile, network, options),
        resized=(out_height, out_width) != (network.scale * height, network.scale * width),
    )


def choose_layout(
    network: VideoNetwork,
    options: UpscaleOptions,
    height: int,
    width: int,
    fits: Callable[[Layout], bool],
) -> Layout:
    """The candidate with the least work among those that `fits`; the smallest one if none does.

    What the options set is not changed. Raises like `make_layout`.
    """
    layouts = [
        make_layout(network, options, height, width, window, tile)
        for window, tile in _candidates(network, options, max(lr_size(height, width, options)))
    ]
    # Of equals the first, which has the longest window and the largest tile.
    return min(filter(fits, layouts), key=_work, default=layouts[-1])


def _work(layout: Layout) -> float:
    """The work of an output frame, by its overlaps."""
    work = layout.computed_area * (TILED_WORK if layout.tiled else 1)
    if not layout.window:
        return work
    context = 2 * layout.overlap
    return work * (1 + CONTEXT_WORK * context / (layout.window - context))


def smaller_layout(network: VideoNetwork, options: UpscaleOptions, layout: Layout) -> Layout | None:
    """What to try when memory ran out: tiles of about half the side, then windows of half the length.

    Windows are halved before tiles get uncomfortably small, and both even if the options set them: continuing
    matters most. None if nothing smaller is left.
    """
    side = max(*_lengths(layout.rows), *_lengths(layout.columns))
    window = shorter_window(network, layout)
    least = smallest_tile(network, options)
    comfortable = least if window is None else max(least, COMFORTABLE_TILE)
    if side > comfortable:
        tile = max(side // 2, comfortable)
        return make_layout(network, options, *layout.source_size, layout.window or None, tile)
    if window is None:
        return None
    return make_layout(network, options, *layout.source_size, window, layout.tile)


def shorter_window(network: VideoNetwork, layout: Layout) -> int | None:
    """One that keeps half the frames, in whole groups; None if nothing is left to keep, or for a stream."""
    if not layout.window:
        return None
    window = _half_kept(layout.window, layout.overlap, network.config.group_size)
    return window if window < layout.window else None


def _half_kept(window: int, overlap: int, group: int) -> int:
    """A window that keeps half the frames of this one, in whole groups, or as few as possible."""
    return -(-(window - 2 * overlap) // (2 * group)) * group + 2 * overlap


def smallest_tile(network: VideoNetwork, options: UpscaleOptions) -> int:
    """LR pixels. The last tile may be half as large as the others and still has to suit the network."""
    least = max(smallest_size(options.tile_overlap, network.spatial_multiple), 2 * network.minimum_size)
    return _whole_steps(least, network)


def _whole_steps(length: int, network: VideoNetwork) -> int:
    """The next multiple of the network's step.

    Motion is estimated at multiples of 32: a tile of another length would be resized to one, and see other
    motion than the whole frame does (4 dB less at the seams with more overlap than without).
    """
    return -(-length // network.spatial_multiple) * network.spatial_multiple


def _candidates(
    network: VideoNetwork, options: UpscaleOptions, side: int
) -> Iterator[tuple[int | None, int | None]]:
    """Windows and tiles, largest first."""
    windows: list[int | None] = [options.window]
    if options.window is None and network.config.propagation == "bidirectional":
        windows = [*_default_windows(network, options)]
    tiles: list[int | None] = [options.tile]
    if options.tile is None:
        least = smallest_tile(network, options)
        tiles = [None, *(tile for tile in TILE_SIDES if least <= tile < side)]
    yield from product(windows, tiles)


def _default_windows(network: VideoNetwork, options: UpscaleOptions) -> Iterator[int]:
    """The longest, and ever shorter ones, down to one that keeps a group."""
    window, overlap = _window_and_overlap(network, options, None)
    longer = window + 1
    while window < longer:
        yield window
        longer, window = window, _half_kept(window, overlap, network.config.group_size)


def _window_and_overlap(
    network: VideoNetwork, options: UpscaleOptions, window: int | None
) -> tuple[int, int]:
    if network.config.propagation == "forward":
        return 0, 0
    group = network.config.group_size
    overlap = DEFAULT_OVERLAP if options.overlap is None else options.overlap
    if window is None:
        window = max(DEFAULT_KEPT, group) + 2 * overlap
    elif options.overlap is None:
        # A short window given alone takes as much context as fits.
        overlap = max(0, min(overlap, (window - group) // 2))
    if window < smallest_size(overlap, group):
        raise UsageError(
            f"a window of {window} frames is too short: with an overlap of {overlap} and the model's groups "
            f"of {group} frames it must be at least {smallest_size(overlap, group)}"
        )
    return window, overlap


def _check_tile(network: VideoNetwork, options: UpscaleOptions, tile: int) -> None:
    least = smallest_tile(network, options)
    if tile < least:
        raise UsageError(
            f"tiles of {tile} pixels are too small: with an overlap of {options.tile_overlap} this model "
            f"needs at least {least}"
        )


def _tiles(length: int, tile: int, network: VideoNetwork, options: UpscaleOptions) -> tuple[Span, ...]:
    if length <= tile:
        return (Span(0, length, 0, length),)
    overlap, multiple = options.tile_overlap, network.spatial_multiple
    size = even_size(length, tile, overlap, multiple, least=2 * network.minimum_size)
    size = min(_whole_steps(size, network), tile // multiple * multiple)
    return tuple(plan_spans(length, size, overlap, multiple))


def _lengths(spans: tuple[Span, ...]) -> list[int]:
    return [span.stop - span.start for span in spans]


class Canvas:
    """One SR frame in integer codes: a quarter or half of the memory of its floats.

    A frame that will be resized is kept in 16 bits, so that it is not rounded to 8 bits twice.
    """

    def __init__(self, layout: Layout, scale: int, dtype: np.dtype[Any]) -> None:
        self._size = (layout.out_height, layout.out_width) if layout.resized else None
        self._dtype = dtype
        self._scale = scale
        shape = (scale * layout.height, scale * layout.width, 3)
        self._codes: Pixels = np.empty(shape, np.uint16 if layout.resized else dtype)

    def paint(self, picture: Tensor, rows: Span, columns: Span) -> None:
        """Put in the kept part of one tile. picture: (3, 4h, 4w) float, all that was computed of the tile
        and perhaps more to the right."""
        inner = picture[:, self._slice(rows, rows.start), self._slice(columns, columns.start)]
        put_pixels(inner, self._codes[self._slice(rows, 0), self._slice(columns, 0)])

    def finish(self, frame: Frame) -> Frame:
        """The SR frame at its output size, with time and captions of `frame`, and its alpha in that size."""
        pixels, alpha = self._codes, frame.alpha
        if self._size is not None:
            pixels = resize_pixels(pixels, self._size, self._dtype)
        if alpha is not None:
            # Not by the network: a matte has no texture, and would take as long as the picture.
            alpha = resize_pixels(alpha[..., None], pixels.shape[:2], self._dtype)[..., 0]
        return replace(frame, pixels=pixels, alpha=alpha)

    def _slice(self, span: Span, origin: int) -> slice:
        """The kept part in SR pixels, counted from LR position `origin`."""
        return slice(self._scale * (span.keep_start - origin), self._scale * (span.keep_stop - origin))
