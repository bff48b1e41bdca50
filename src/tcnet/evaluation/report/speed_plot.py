"""Speed against quality, one disc per model, as inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tcnet.evaluation.report.curves import COLORS, round_ticks

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 64, WIDTH - 24, 24, HEIGHT - 58
LARGEST = 26.0  # radius of the disc of the model with most parameters
WITHOUT = 5.0  # radius of the ring of methods without parameters
LINE = 15.0  # height of a label
LETTER = 6.6  # mean width of a letter of a label

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """A model: seconds for a frame, a figure of quality, and its number of parameters (None: no network)."""

    name: str
    seconds: float
    quality: float
    parameters: int | None


def draw_speed_plot(label: str, points: Sequence[SpeedPoint]) -> str:
    """The SVG: seconds on a logarithmic axis, `label` upwards, the area of a disc for the parameters.

    Points without a finite place are left out; of fewer than two nothing is drawn: "".
    """
    placed = [
        (index, point)
        for index, point in enumerate(points)
        if point.seconds > 0 and math.isfinite(point.quality)
    ]
    if len(placed) < 2:
        return ""
    seconds = [point.seconds for _, point in placed]
    low, high = math.log10(min(seconds)) - 0.2, math.log10(max(seconds)) + 0.2
    qualities = [point.quality for _, point in placed]
    room = 0.12 * max(max(qualities) - min(qualities), 0.1)  # so that discs do not touch the frame
    ticks = round_ticks(min(qualities) - room, max(qualities) + room)
    most = max((point.parameters or 0 for _, point in placed), default=0)

    def x(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * (math.log10(value) - low) / (high - low)

    def y(value: float) -> float:
        return TOP + (BOTTOM - TOP) * (ticks[-1] - value) / (ticks[-1] - ticks[0])

    title = f"Speed against quality: seconds per frame, {label}, parameters as area"
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" aria-label="{escape(title)}">']
    for tick in ticks:
        parts.append(
            f'<path d="M{LEFT} {y(tick):.1f}H{RIGHT}" stroke="#dfe3e8"/>'
            f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for value in _log_ticks(10**low, 10**high):
        parts.append(
            f'<path d="M{x(value):.1f} {TOP}V{BOTTOM}" stroke="#eef0f3"/>'
            f'<text x="{x(value):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{value:g}</text>'
        )
    parts.append(
        f'<text x="{(LEFT + RIGHT) / 2:.0f}" y="{BOTTOM + 42}" text-anchor="middle">'
        f"seconds per frame (logarithmic); area: parameters</text>"
        f'<text x="8" y="{TOP - 10}" text-anchor="start">{escape(label)}</text>'
    )
    discs = [
        (index, point, x(point.seconds), y(point.quality), _radius(point, most)) for index, point in placed
    ]
    # Large discs first, so that small ones lie on top of them.
    for index, point, at_x, at_y, radius in sorted(discs, key=lambda disc: -disc[4]):
        parts.append(_disc(point, at_x, at_y, radius, COLORS[index % len(COLORS)]))
    taken = [(cx - r, cy - r, cx + r, cy + r) for _, _, cx, cy, r in discs]
    for _, point, at_x, at_y, radius in discs:
        text = _shortened(_describe(point))
        box = _place(text, at_x, at_y, radius, taken)
        taken.append(box)
        parts.append(f'<text x="{box[0]:.1f}" y="{box[3] - 4:.1f}">{escape(text)}</text>')
    return "".join(parts) + "</svg>"


def _radius(point: SpeedPoint, most: int) -> float:
    return WITHOUT if not point.parameters else max(LARGEST * math.sqrt(point.parameters / most), WITHOUT)


def _disc(point: SpeedPoint, x: float, y: float, radius: float, color: str) -> str:
    fill = f'fill="{color}" fill-opacity="0.55"' if point.parameters else 'fill="#fff"'
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" {fill} stroke="{color}" '
        f'stroke-width="1.5"><title>{escape(_describe(point))}</title></circle>'
    )


def _place(text: str, x: float, y: float, radius: float, taken: Sequence[Box]) -> Box:
    """Where a label goes: beside, above or below its disc without overlaps; else to its right."""
    width, half = LETTER * len(text), LINE / 2
    right, left = x + radius + 5, x - radius - 5 - width
    places = [(right, y), (left, y)]
    for step in range(4):
        beyond = radius + 5 + half + step * LINE
        places += [(x - width / 2, y - beyond), (x - width / 2, y + beyond)]
        places += [(edge, y + sign * beyond) for edge in (x, x - width) for sign in (-1, 1)]
    boxes = [(start, middle - half, start + width, middle + half) for start, middle in places]
    inside = [box for box in boxes if box[0] >= LEFT and box[1] >= 0 and box[2] <= WIDTH and box[3] <= BOTTOM]
    free = (box for box in inside if not any(_overlap(box, other) for other in taken))
    return next(free, (inside or boxes)[0])


def _overlap(first: Box, second: Box) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def _describe(point: SpeedPoint) -> str:
    if point.parameters is None:
        return point.name
    return f"{point.name} ({point.parameters / 1e6:.1f} M)"


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else f"…{text[1 - length :]}"


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten inside; for wide ranges only the powers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1.0,) if len(powers) > 4 else (1.0, 2.0, 5.0)
    values = (float(f"{factor}e{power}") for power in powers for factor in factors)
    return [value for value in values if low <= value <= high]
