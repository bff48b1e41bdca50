"""Curves over the frames of a clip, as inline SVG."""

import math
from collections.abc import Sequence
from html import escape

# Safe for colour-blind readers: Okabe and Ito's palette without its yellow.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 52, WIDTH - 12, 10, HEIGHT - 36


def draw_curves(label: str, curves: Sequence[tuple[str, Sequence[float]]]) -> str:
    """SVG and legend. curves: name and one figure per frame, all equally long; infinity leaves a gap."""
    finite = [value for _, curve in curves for value in curve if math.isfinite(value)]
    label = escape(label)
    if not finite:
        return f'<p class="note">{label} is infinite in every frame: nothing to draw.</p>'
    ticks = round_ticks(min(finite), max(finite))
    count = len(curves[0][1])

    def x(frame: int) -> float:
        return LEFT + (RIGHT - LEFT) * (frame / (count - 1) if count > 1 else 0.5)

    def y(value: float) -> float:
        return TOP + (BOTTOM - TOP) * (ticks[-1] - value) / (ticks[-1] - ticks[0])

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" aria-label="{label} over frames">'
    ]
    for tick in ticks:
        parts.append(
            f'<path d="M{LEFT} {y(tick):.1f}H{RIGHT}" stroke="#dfe3e8"/>'
            f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    ends = {0: "middle"} if count == 1 else {0: "start", count - 1: "end"}
    for frame, anchor in ends.items():
        parts.append(f'<text x="{x(frame):.1f}" y="{BOTTOM + 18}" text-anchor="{anchor}">{frame}</text>')
    parts.append(f'<text x="{WIDTH / 2:.0f}" y="{BOTTOM + 32}" text-anchor="middle">{label} by frame</text>')
    for index, (name, curve) in enumerate(curves):
        path = _path([(x(frame), y(value)) for frame, value in enumerate(curve)])
        dashes = ' stroke-dasharray="5 3"' if index >= len(COLORS) else ""
        parts.append(
            f'<path d="{path}" fill="none" stroke="{COLORS[index % len(COLORS)]}" stroke-width="1.8" '
            f'stroke-linecap="round"{dashes}><title>{escape(name)}</title></path>'
        )
    return "".join(parts) + "</svg>" + _legend([name for name, _ in curves])


def round_ticks(low: float, high: float) -> list[float]:
    """Three to seven round values, evenly spaced, that enclose [low, high]."""
    span = max(high - low, 1e-3)
    magnitude = 10.0 ** math.floor(math.log10(span / 5))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if span <= 5 * factor * magnitude)
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 2)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _legend(names: Sequence[str]) -> str:
    entries = (
        f'<span style="color:{COLORS[index % len(COLORS)]}">&#9632;</span> {escape(name)}'
        for index, name in enumerate(names)
    )
    return f"<p>{' &nbsp; '.join(entries)}</p>"


def _path(points: Sequence[tuple[float, float]]) -> str:
    """SVG path through the points; a point at infinity ends a stroke, and a lone point becomes a dot."""
    commands = []
    pen_down = False
    for x, y in points:
        if not math.isfinite(y):
            pen_down = False
            continue
        commands.append(f"L{x:.1f} {y:.1f}" if pen_down else f"M{x:.1f} {y:.1f}h0")
        pen_down = True
    return "".join(commands)
