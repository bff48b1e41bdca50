"""Output frames under assembly from tiles."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from tcnet.upscale.layout import Layout
from tcnet.upscale.pixels import put_pixels, resize_pixels
from tcnet.upscale.windows import Span
from tcnet.video.frame import Frame, Pixels


class Canvas:
    """One SR frame in integer codes: a quarter or half of what its floats would take.

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
            # No work for the network: a matte has no texture, and would cost as much time as the picture.
            alpha = resize_pixels(alpha[..., None], pixels.shape[:2], self._dtype)[..., 0]
        return replace(frame, pixels=pixels, alpha=alpha)

    def _slice(self, span: Span, origin: int) -> slice:
        """The kept part in SR pixels, counted from LR position `origin`."""
        return slice(self._scale * (span.keep_start - origin), self._scale * (span.keep_stop - origin))
