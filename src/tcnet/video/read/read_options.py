"""How an input is read: which part of it, and what is done to its picture."""

from dataclasses import dataclass
from fractions import Fraction

from tcnet.errors import UsageError

DEINTERLACE = ("auto", "double", "on", "off")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """Which part of an input is read, and how.

    Attributes:
        frame_rate: frames a second, for images only.
        start: seconds from the first frame of the input; earlier frames are not read.
        end: seconds from the first frame; frames at this time and later are not read.
        deinterlace: "auto" (what is detected as interlaced), "double" (a frame for each of
            its fields), "on" (everything) or "off".
        allow_network: whether playlists may name other files and addresses.

    Raises:
        UsageError: for invalid values.
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
