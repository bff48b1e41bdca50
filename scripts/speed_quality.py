"""Draw docs/images/speed-quality.svg from benchmarks/results/speed_quality.json.

    python scripts/speed_quality.py

Multiply-adds a frame of 180x320, in billions and on a logarithmic scale, against what the picture gains.
Filled points are measured here, hollow ones as published.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "benchmarks" / "results" / "speed_quality.json"
PICTURE = ROOT / "docs" / "images" / "speed-quality.svg"

WIDTH, HEIGHT, GAP = 470, 330, 30
LEFT, RIGHT, TOP, BOTTOM = 52, 18, 40, 44  # margins of a panel
GMACS = (10, 20, 50, 100, 200, 500)
OURS, THEIRS, FAINT, INK = "#0b6e4f", "#8a8a8a", "#dddddd", "#222222"

Panel = Mapping[str, Any]


def picture(panels: Mapping[str, Panel]) -> str:
    """SVG with the panels side by side."""
    width = len(panels) * WIDTH + (len(panels) - 1) * GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}"'
        f' height="{HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
    ]
    for index, panel in enumerate(panels.values()):
        lines += [f'<g transform="translate({index * (WIDTH + GAP)} 0)">', *_panel(panel), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(panel: Panel) -> Iterator[str]:
    values = [point["value"] for point in panel["points"]]
    step = panel["step"]
    low, high = math.floor(min(values) / step) * step, math.ceil(max(values) / step) * step

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    yield f'<text x="{LEFT}" y="20" font-size="14" font-weight="600">{escape(panel["title"])}</text>'
    for gmac in GMACS:
        yield f'<line x1="{_x(gmac)}" x2="{_x(gmac)}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{FAINT}"/>'
        yield f'<text x="{_x(gmac)}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{gmac}</text>'
    for tick in range(round((high - low) / step) + 1):
        value = low + tick * step
        yield (
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"'
            f' stroke="{FAINT}"/>'
        )
        yield f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.1f}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">GMAC a frame of 180x320</text>'
    yield f'<text x="{LEFT}" y="34" fill="{THEIRS}">{escape(panel["axis"])}</text>'
    for point in panel["points"]:
        yield from _point(point, y(point["value"]))


def _point(point: Mapping[str, Any], y: float) -> Iterator[str]:
    measured = point["source"] == "measured"
    ink = OURS if measured else THEIRS
    x, fill = _x(point["gmac"]), ink if measured else "white"
    yield f'<circle cx="{x}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{ink}" stroke-width="1.5"/>'
    before = point.get("before", point["gmac"] > math.sqrt(GMACS[0] * GMACS[-1]))
    anchor, at = ("end", x - 9) if before else ("start", x + 9)
    weight = "600" if measured else "400"
    name = escape(point["name"])
    yield (
        f'<text x="{at:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}" fill="{ink}"'
        f' font-weight="{weight}">{name}</text>'
    )


def _x(gmac: float) -> float:
    share = math.log(gmac / GMACS[0]) / math.log(GMACS[-1] / GMACS[0])
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


if __name__ == "__main__":
    PICTURE.write_text(picture(json.loads(FIGURES.read_text(encoding="utf-8"))), encoding="utf-8")
