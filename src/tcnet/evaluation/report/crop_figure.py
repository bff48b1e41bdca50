"""The figure of a clip, as papers print it: the whole frame with a crop marked, and the crop enlarged, for
every version."""

from collections.abc import Sequence

import numpy as np

from tcnet.compare.labels import draw_text, put_text
from tcnet.evaluation.crops import Picture
from tcnet.evaluation.result import ClipPictures, CropBox
from tcnet.inference.pixels import resize_pixels

ZOOM = 3
GAP = 12  # pixels between pictures and around all
LETTERS = 24  # height of a caption
BAND = 36  # pixels below a picture, with its caption
INK = 0.1  # grey of captions, of 1
MARK = (213, 94, 0)  # red of Okabe and Ito's palette, safe for colour-blind readers
LINE = 3


def draw_figure(shown: ClipPictures, captions: Sequence[str], overview_caption: str) -> Picture:
    """uint8 (H, W, 3) on white: the overview on the left, where there is one, the crops in two rows.

    captions: one per crop, in order; they are cut in the middle where they are wider than their picture.
    """
    crops = [crop.repeat(ZOOM, 0).repeat(ZOOM, 1) for _, crop in shown.crops]
    height, width = crops[0].shape[:2]
    columns = -(-len(crops) // 2)
    rows = -(-len(crops) // columns)
    inside = rows * (height + BAND) - BAND  # the overview is as high as all crops
    overview = None if shown.overview is None else mark_place(shown.overview, shown.box, inside)
    left = GAP + (0 if overview is None else overview.shape[1] + GAP)
    figure = np.full((GAP + inside + BAND, left + columns * (width + GAP), 3), 255, np.uint8)
    if overview is not None:
        _put(figure, overview, overview_caption, GAP, GAP)
    for index, (crop, caption) in enumerate(zip(crops, captions, strict=True)):
        row, column = divmod(index, columns)
        _put(figure, crop, caption, GAP + row * (height + BAND), left + column * (width + GAP))
    return figure


def mark_place(frame: Picture, box: CropBox, height: int) -> Picture:
    """The frame, resized to `height`, with the outline of `box`: around it, at the frame's edges inside."""
    scale = height / frame.shape[0]
    resized = resize_pixels(frame, (height, max(1, round(frame.shape[1] * scale))), frame.dtype)
    marked = resized.astype(np.uint8)
    top, left = (round(edge * scale) for edge in (box.top, box.left))
    bottom, right = round((box.top + box.height) * scale), round((box.left + box.width) * scale)
    outer = slice(max(0, top - LINE), bottom + LINE), slice(max(0, left - LINE), right + LINE)
    high, wide = marked.shape[:2]
    inner = (
        slice(max(top, LINE), min(bottom, high - LINE)),
        slice(max(left, LINE), min(right, wide - LINE)),
    )
    place = marked[inner].copy()
    marked[outer] = MARK
    marked[inner] = place
    return marked


def _put(figure: Picture, picture: Picture, caption: str, top: int, left: int) -> None:
    height, width = picture.shape[:2]
    figure[top : top + height, left : left + width] = picture
    put_text(figure, draw_text(caption, LETTERS, width), top + height + 4, left, level=INK)
