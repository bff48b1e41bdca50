"""Options of a comparison."""

from dataclasses import dataclass
from fractions import Fraction

from tcnet.compare.views import VIEWS, Crop
from tcnet.errors import UsageError

CROP_ZOOM = 4
_MOST_ZOOM = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """What a comparison shows; positions are in pixels of the largest input.

    Raises:
        UsageError: for invalid values, and for options that do not apply to the view.
    """

    view: str = "side"
    """"side", "wipe", "difference" or "profile"."""
    crops: tuple[Crop, ...] = ()
    """Crops to show, enlarged; empty: the whole picture. A profile takes one."""
    zoom: int | None = None
    """Enlargement factor: by default 4 in crops, else 1."""
    divider: float | None = None
    """Wipe: position as a fraction of the width; None: it moves (in a picture: the middle)."""
    amplify: float = 4.0
    """Difference: factor."""
    column: int | None = None
    """Profile: by default the middle one."""
    row: int | None = None
    """Profile: instead of a column."""
    labels: tuple[str, ...] = ()
    """Labels of the inputs, in order; by default their names."""
    at: Fraction | None = None
    """Picture: time in seconds from the first frame; by default the middle of the first input."""
    start: Fraction | None = None
    """Video or profile: seconds from the first frame."""
    end: Fraction | None = None
    """Video or profile: seconds from the first frame; frames at this time and later are excluded."""

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise UsageError(f"unknown view {self.view!r}: choose one of {', '.join(VIEWS)}")
        if self.zoom is not None and not 1 <= self.zoom <= _MOST_ZOOM:
            raise UsageError(f"zoom is {self.zoom}, it must be a whole number from 1 to {_MOST_ZOOM}")
        for name, needed, given in (
            ("--divider", "wipe", self.divider),
            ("--column", "profile", self.column),
            ("--row", "profile", self.row),
        ):
            if given is not None and self.view != needed:
                raise UsageError(
                    f"{name} {given} is for --view {needed}, not for --view {self.view}: add --view "
                    f"{needed}, or leave it out"
                )
        if self.view == "profile" and len(self.crops) > 1:
            raise UsageError(f"a profile is taken in one crop, got {len(self.crops)}; make one for each")
        for name, seconds in (("at", self.at), ("start", self.start)):
            if seconds is not None and seconds < 0:
                raise UsageError(f"{name} is {float(seconds):g} s, before the first frame; give 0 or more")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError(f"end {float(self.end):g} s is not after the start; no frame would be left")

    @property
    def enlargement(self) -> int:
        """By how much crops and profiles are enlarged."""
        return self.zoom or (CROP_ZOOM if self.crops and self.view != "profile" else 1)
