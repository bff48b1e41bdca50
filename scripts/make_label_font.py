"""Draw src/tcnet/compare/letters.png, the bitmap font of labels in pictures by `tcnet compare`.

    python scripts/make_label_font.py DejaVuSans.ttf

Takes DejaVu Sans 2.37 (free to embed and to change, see NOTICE). Pillow is needed here only. Each letter has
a cell, in the order of LETTERS, white on black; its width is that of its ink.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tcnet.compare.labels import CELL_HEIGHT, CELL_WIDTH, COLUMNS, LETTERS

SIZE = 29  # pixels an em, so that ascenders and descenders fit into CELL_HEIGHT
BASELINE = 31
OUT = Path(__file__).parents[1] / "src" / "tcnet" / "compare" / "letters.png"


def main() -> None:
    font = ImageFont.truetype(sys.argv[1], SIZE)
    rows = -(-len(LETTERS) // COLUMNS)
    sheet = np.zeros((rows * CELL_HEIGHT, COLUMNS * CELL_WIDTH), np.uint8)
    for index, letter in enumerate(LETTERS):
        cell = Image.new("L", (CELL_WIDTH, CELL_HEIGHT))
        ImageDraw.Draw(cell).text((4, BASELINE), letter, fill=255, font=font, anchor="ls")
        assert cell.getbbox() is not None, f"{letter!r} has no ink"
        top, left = index // COLUMNS * CELL_HEIGHT, index % COLUMNS * CELL_WIDTH
        sheet[top : top + CELL_HEIGHT, left : left + CELL_WIDTH] = np.asarray(cell)
    Image.fromarray(sheet).save(OUT, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size} bytes, {len(LETTERS)} letters")


if __name__ == "__main__":
    main()
