"""Bitmap-font text rendering. The font (scripts/make_label_font.py) is in the package, Greek and Cyrillic
letters included: no other has to be found, and no dependency draws it."""

import unicodedata
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tcnet.inference.pixels import resize_pixels
from tcnet.video import Pixels, read_image

CELL_HEIGHT, CELL_WIDTH, COLUMNS = 40, 44, 32  # of letters.png
_LATIN, _GREEK, _CYRILLIC = range(0xA1, 0x180), range(0x384, 0x3CF), range(0x400, 0x460)
_SIGNS = "–—…→←↓×−≥≤·„“”‘’‹›€√"
UNKNOWN = "□"
LETTERS = "".join(
    [chr(code) for code in (*range(0x21, 0x7F), *_LATIN, *_GREEK, *_CYRILLIC) if chr(code).isprintable()]
    + [sign for sign in _SIGNS + UNKNOWN if ord(sign) not in _LATIN]
)
_INDEX = {letter: index for index, letter in enumerate(LETTERS)}
_GAP, _SPACE = 3, 9  # pixels between letters and for a blank, at the height of letters.png

Mask = npt.NDArray[np.float32]  # (h, w) in [0, 1]: how much of a pixel is ink


def draw_text(text: str, height: int, width: int | None = None) -> Mask:
    """`text` as a mask `height` pixels high; with a `width`, cut in its middle until it fits.

    Letters that are not among LETTERS (Chinese, for one) come out as boxes.
    """
    text = unicodedata.normalize("NFC", text)
    mask = _line(text, height)
    kept = len(text)
    while width is not None and mask.shape[1] > width and kept > 1:
        kept -= 1
        mask = _line(text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :], height)
    return mask if width is None else mask[:, :width]


def put_text(picture: Pixels, mask: Mask, top: int, left: int, *, level: float = 1.0) -> None:
    """Draw into `picture`, in grey of `level` in [0, 1]; what lies outside of it is cut off."""
    mask = mask[: picture.shape[0] - top, : picture.shape[1] - left]
    place = picture[top : top + mask.shape[0], left : left + mask.shape[1]]
    ink = mask[..., None]
    place[:] = np.rint(place * (1 - ink) + ink * level * np.iinfo(picture.dtype).max).astype(picture.dtype)


def darken(picture: Pixels, top: int, left: int, height: int, width: int) -> None:
    """Make a part of `picture` a third as bright, in place: a ground for letters."""
    part = picture[top : top + height, left : left + width]
    part[:] = part // 3


@lru_cache(maxsize=256)  # times of frames come and go
def _line(text: str, height: int) -> Mask:
    pieces = [_letter(letter) for letter in text]
    gap = np.zeros((CELL_HEIGHT, _GAP), np.uint8)
    row = np.concatenate([part for piece in pieces for part in (piece, gap)] or [gap], axis=1)
    width = max(1, round(row.shape[1] * height / CELL_HEIGHT))
    shrunk = resize_pixels(np.repeat(row[..., None], 3, axis=2), (height, width), np.dtype(np.uint8))
    return np.divide(shrunk[..., 0], 255, dtype=np.float32)


def _letter(letter: str) -> npt.NDArray[np.uint8]:
    if letter.isspace():
        return np.zeros((CELL_HEIGHT, _SPACE), np.uint8)
    row, column = divmod(_INDEX.get(letter, _INDEX[UNKNOWN]), COLUMNS)
    cell = _sheet()[row * CELL_HEIGHT :, column * CELL_WIDTH :][:CELL_HEIGHT, :CELL_WIDTH]
    inked = np.flatnonzero(cell.max(axis=0))
    return cell[:, inked[0] : inked[-1] + 1]


@cache
def _sheet() -> npt.NDArray[np.uint8]:
    # The package is installed as files (setuptools, wheels unpacked), so the resource has a path.
    return read_image(Path(str(resources.files("tcnet") / "compare" / "letters.png")))[..., 0].astype(
        np.uint8
    )
