"""Values that people type: times, rates, sizes, pairs. UsageError says with an example what is meant."""

import re
from collections.abc import Sequence
from fractions import Fraction

from tcnet.errors import UsageError

_MOST_GIBIBYTES = 2**20
_RATE = re.compile(r"\d{1,6}(\.\d{1,6})?|\d{1,9}/\d{1,9}")  # Fraction would also take 1e999999999, for hours
_TIME = re.compile(r"(?:(?:(?P<hours>\d{1,4}):)?(?P<minutes>\d{1,2}):)?(?P<seconds>\d{1,8}(?:\.\d{1,9})?)")


def parse_time(option: str, text: str | None) -> Fraction | None:
    """Seconds, exactly, of 12.5, 1:02.5 (minutes) or 1:02:03.456 (hours)."""
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    if match is None or (match["minutes"] and Fraction(match["seconds"]) >= 60) or (
        match["hours"] and int(match["minutes"]) >= 60
    ):  # fmt: skip
        raise UsageError(f"{option} {text!r}: write seconds or H:MM:SS.mmm, such as 83.5 or 0:01:23.500")
    hours, minutes = int(match["hours"] or 0), int(match["minutes"] or 0)
    return 3600 * hours + 60 * minutes + Fraction(match["seconds"])


def parse_rate(text: str) -> Fraction:
    """Frames a second: 25, 23.976 or 30000/1001."""
    try:
        rate = Fraction(text) if _RATE.fullmatch(text) else Fraction(0)
    except ZeroDivisionError:
        rate = Fraction(0)
    if rate <= 0:
        raise UsageError(f"--frame-rate {text!r}: write frames a second, such as 25, 23.976 or 30000/1001")
    return rate


def parse_gibibytes(count: float | None) -> int | None:
    """Bytes."""
    if count is None:
        return None
    if not 0 < count < _MOST_GIBIBYTES:
        raise UsageError(f"--memory-limit {count:g}: give the GiB to stay under, such as 4 or 0.5")
    return int(count * 2**30)


def parse_pairs(options: Sequence[str]) -> dict[str, str]:
    """K=V each."""
    pairs = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise UsageError(f"--encoder-option {option!r}: write it as K=V, such as preset=slow")
        pairs[key] = value
    return pairs


def parse_lines(option: str, text: str | None) -> int | str | None:
    """ "auto", or a number of lines."""
    if text is None or text == "auto":
        return text
    if not re.fullmatch(r"\d{1,6}", text):
        raise UsageError(f"{option} {text!r}: write auto, or a number of lines, such as 480")
    return int(text)
