"""Panels laid out on one picture, with labels above them and a line below."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tcnet.compare.labels import draw_text, put_text
from tcnet.compare.views import Panel
from tcnet.errors import UsageError
from tcnet.inference.pixels import resize_pixels
from tcnet.video import Pixels
from tcnet.video.containers import MAX_SIDE

GAP = 6  # pixels between panels and around them
GROUND = 0.09  # background grey, in [0, 1]
CAPTION = 0.92
FOOT = 0.62
COLORS = ((0.90, 0.22, 0.21), (0.13, 0.59, 0.95), (0.98, 0.75, 0.18), (0.30, 0.69, 0.31), (0.67, 0.28, 0.74))
"""Outlines of crops on the overview and around their panels, in order; R'G'B' in [0, 1]."""
_WIDE = 16 / 9  # target aspect ratio of panels without crops

Place = tuple[int, int]  # (top, left)


@dataclass(frozen=True, slots=True)
class Cell:
    """A panel, and the colour of its frame, None for none."""

    panel: Panel
    color: tuple[float, float, float] | None = None


def lay_out(
    rows: Sequence[Sequence[Cell]], foot: str, *, overview: Pixels | None = None, overview_caption: str = ""
) -> Pixels:
    """(H, W, 3) of even height and width: `rows` of cells, `foot` below. overview: a whole picture on the
    left, shrunk to the height of the rows. Raises UsageError for a sheet larger than videos can be.

    All cells of a row have one height; those of a column have one width.
    """
    letters = _letter_height([cell.panel.picture for row in rows for cell in row])
    band = letters + letters // 2
    bands = [band if any(cell.panel.caption for cell in row) else 0 for row in rows]
    heights = [row[0].panel.picture.shape[0] for row in rows]
    widths = [cell.panel.picture.shape[1] for cell in rows[0]]
    inside = sum(heights) + (len(rows) - 1) * GAP + sum(bands[1:])
    shown = None if overview is None else _shrunk(overview, inside)
    left = GAP if shown is None else 2 * GAP + shown.shape[1]
    above = max(bands[0], GAP) if shown is None else band
    height = above + inside + GAP + band
    width = left + sum(widths) + GAP * len(widths)
    if max(height, width) > MAX_SIDE:
        raise UsageError(
            f"the comparison would have {width}x{height} pixels, more than {MAX_SIDE} a side; choose smaller "
            "crops, a smaller zoom or fewer videos"
        )
    dtype = rows[0][0].panel.picture.dtype
    most = np.iinfo(dtype).max
    sheet = np.full((height + height % 2, width + width % 2, 3), round(GROUND * most), dtype)
    if shown is not None:
        _place(sheet, Cell(Panel(overview_caption, shown)), (above, GAP), letters)
    top = above
    for index, row in enumerate(rows):
        top += bands[index] if index else 0
        at = left
        for cell, cell_width in zip(row, widths, strict=True):
            _place(sheet, cell, (top, at), letters)
            at += cell_width + GAP
        top += heights[index] + GAP
    put_text(sheet, draw_text(foot, letters, width - 2 * GAP), height - band, GAP, level=FOOT)
    return sheet


def arrange(panels: Sequence[Panel]) -> list[list[Cell]]:
    """Panels of one size in rows, close to a screen's aspect ratio; the last row is padded with black."""
    height, width = panels[0].picture.shape[:2]
    count = len(panels)

    def strangeness(columns: int) -> float:
        rows = -(-count // columns)
        shape: float = columns * width / (rows * height)
        return max(shape / _WIDE, _WIDE / shape) * (1 + (rows * columns - count))

    columns = min(range(1, count + 1), key=strangeness)
    cells = [Cell(panel) for panel in panels]
    cells += [Cell(Panel("", np.zeros_like(panels[0].picture)))] * (-count % columns)
    return [cells[index : index + columns] for index in range(0, len(cells), columns)]


def draw_frame(picture: Pixels, box: tuple[int, int, int, int], color: Sequence[float], line: int) -> None:
    """The outline of box = (top, left, height, width) in `picture`, drawn around it where there is room."""
    top, left, height, width = box
    code = np.rint(np.asarray(color) * np.iinfo(picture.dtype).max).astype(picture.dtype)
    outer = (slice(max(0, top - line), top + height + line), slice(max(0, left - line), left + width + line))
    inner = picture[top : top + height, left : left + width].copy()
    picture[outer] = code
    picture[top : top + height, left : left + width] = inner


def enlarge(picture: Pixels, zoom: int) -> Pixels:
    """Each pixel as a square of zoom x zoom (nearest neighbour), so that nothing is smoothed away."""
    return picture.repeat(zoom, 0).repeat(zoom, 1) if zoom > 1 else picture


def _place(sheet: Pixels, cell: Cell, place: Place, letters: int) -> None:
    top, left = place
    picture = cell.panel.picture
    height, width = picture.shape[:2]
    if cell.color is not None:
        draw_frame(sheet, (top, left, height, width), cell.color, 2)
    sheet[top : top + height, left : left + width] = picture
    if cell.panel.caption:
        mask = draw_text(cell.panel.caption, letters, width)
        put_text(sheet, mask, top - letters - letters // 4, left, level=CAPTION)


def _letter_height(pictures: Sequence[Pixels]) -> int:
    """Of labels: legible on small panels, in proportion on large ones."""
    smallest: int = min(min(picture.shape[:2]) for picture in pictures)
    return max(16, min(34, smallest // 22))


def _shrunk(picture: Pixels, height: int) -> Pixels:
    """`picture` not higher than `height`."""
    own, width = picture.shape[:2]
    if own <= height:
        return picture
    return resize_pixels(picture, (height, max(1, round(width * height / own))), picture.dtype)
