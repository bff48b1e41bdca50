"""Durations as people say them. The page of `tcnet serve` says the same (static/js/page/words.js);
tests/browser holds that."""

import math

_MINUTE, _HOUR = 60, 3600
_STEPS = (
    (10, 1),
    (_MINUTE, 5),
    (20 * _MINUTE, _MINUTE),
    (3 * _HOUR, 5 * _MINUTE),
    (12 * _HOUR, 30 * _MINUTE),
)
"""Estimates below the first number are rounded to the second; longer ones to hours."""


def describe_duration(seconds: float) -> str:
    """8 s, 4 min 10 s, 40 min, 3 h 20 min, 5 days 4 h: as exact as it helps."""
    if seconds < 1:
        return "less than a second"
    whole = _rounded(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < 10 * _MINUTE:
        return _two(whole // _MINUTE, "min", whole % _MINUTE, "s")
    minutes = _rounded(seconds / _MINUTE)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return _two(minutes // 60, "h", minutes % 60, "min")
    hours = _rounded(seconds / _HOUR)
    return _two(hours // 24, "days", hours % 24, "h")


def describe_estimate(seconds: float) -> str:
    """A duration that is not known exactly: about 40 min."""
    step = next((step for limit, step in _STEPS if seconds < limit), _HOUR)
    return f"about {describe_duration(max(1, _rounded(seconds / step) * step))}"


def _rounded(value: float) -> int:
    """Halves up, as in the page, where Python's round goes to the even neighbour."""
    return math.floor(value + 0.5)


def _two(whole: int, unit: str, rest: int, smaller: str) -> str:
    return f"{whole} {unit} {rest} {smaller}" if rest else f"{whole} {unit}"
