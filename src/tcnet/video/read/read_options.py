"""How an input is read: which part of it, and what is done to its picture."""

from dataclasses import dataclass
from fractions import Fraction

from tcnet.errors import UsageError

DEINTERLACE = ("auto", "on", "off")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """Raises UsageError for values that cannot be.

    frame_rate: frames a second, of images only. start, end: seconds counted from the first frame of the
    input; frames whose time t is start <= t < end are read, the others left out. deinterlace: "auto" (what is
    found to be interlaced), "on" (everything) or "off". allow_network: whether other than local files may be
    opened.
    """

    frame_rate: Fraction = Fraction(25)
    start: Fraction | None = None
    end: Fraction | None = None
    deinterlace: str = "auto"
    allow_network: bool = False

    def __post_init__(self) -> None:
        if self.frame_rate <= 0:
            raise UsageError(f"frame rate {self.frame_rate} is not positive; give one like 25 or 30000/1001")
        if self.start is not None and self.start < 0:
            raise UsageError(f"start {float(self.start):g} s is before the first frame; give 0 or more")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError(
                f"end {float(self.end):g} s is not after the start ({float(self.start or 0):g} s); "
                "no frame would be left"
            )
        if self.deinterlace not in DEINTERLACE:
            raise UsageError(f"unknown deinterlace {self.deinterlace!r}; choose {', '.join(DEINTERLACE)}")

    @property
    def cuts(self) -> bool:
        """Whether a part of the input is asked for."""
        return self.start is not None or self.end is not None
