"""Frames and the streams they come from, as values. No I/O happens here."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

Overshoot = npt.NDArray[np.int16]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture and its place in time.

    Attributes:
        pixels: (H, W, 3) non-linear R'G'B', full range: uint8 in [0, 255] or uint16 in [0, 65535].
        pts: presentation time in units of `time_base`.
        duration: in units of `time_base`; 0 means unknown.
        time_base: seconds.
        alpha: (H, W) of the type of `pixels`, 0 is transparent and the largest value opaque; not
            premultiplied. None: the picture is opaque.
        captions: closed captions that come with the picture, CEA-708 cc_data triplets; mostly none.
        overshoot: (H, W) of the picture that was read: how far its luma lies beyond the nominal range, which
            pixels end at, in 1/256 of an 8-bit code. None: nowhere.
        cut: whether a scene begins with the picture; None: not known, and detected where it matters.
    """

    pixels: Pixels
    pts: int
    duration: int
    time_base: Fraction
    alpha: Pixels | None = None
    captions: bytes = b""
    overshoot: Overshoot | None = None
    cut: bool | None = None

    @property
    def seconds(self) -> Fraction:
        """When it is shown, on the file's clock; exact."""
        return self.pts * self.time_base


@dataclass(frozen=True, slots=True)
class ColorSpec:
    """How Y'CbCr codes map to R'G'B', as ITU-T H.273 code points (those that FFmpeg uses).

    `matrix` and `full_range` are always resolved (never 2, "unspecified"): they were applied on the way in
    and are applied on the way out. `primaries` and `transfer` are only carried; 2 means that the input did
    not say.
    """

    matrix: int
    full_range: bool
    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """The display a video was mastered on (SMPTE ST 2086) and how bright it gets (CTA-861.3).

    primaries: CIE 1931 (x, y) of red, green and blue; white_point: (x, y); luminance: (least, most) in cd/m2;
    None where not stated. max_content, max_average: MaxCLL and MaxFALL in cd/m2, 0 where not stated.
    """

    primaries: tuple[tuple[Fraction, Fraction], ...] | None = None
    white_point: tuple[Fraction, Fraction] | None = None
    luminance: tuple[Fraction, Fraction] | None = None
    max_content: int = 0
    max_average: int = 0


@dataclass(frozen=True, slots=True)
class TrimRange:
    """The part of a file that is read, in seconds on the file's own clock.

    start: of the first frame read. end: what begins there or later is left out; None: nothing is. shift: by
    how much all that is read is moved to earlier times, so that it begins where the whole file begins.
    """

    start: Fraction
    end: Fraction | None
    shift: Fraction


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a stream before its first frame is given.

    frame_count is exact for a folder of images and an estimate (container header, or duration times rate)
    for a file; None when nothing is known. duration is in seconds. width, height: before any rotation.
    alpha: frames have alpha. captions: some have captions. overshoot: some have much luma
    beyond the nominal range. scan: what was found of the input's fields, "progressive", "interlaced",
    "telecined" or "mixed"; frames come as asked for. rotation: degrees counter-clockwise by which players
    turn the picture. trim: None when all is read. held_height: lines that hold all that the frames show, as
    far as some were measured, where those were blown up from fewer; None where they hold their size, and
    where that cannot be told.
    """

    width: int
    height: int
    time_base: Fraction
    frame_rate: Fraction | None
    frame_count: int | None
    duration: Fraction | None
    bit_depth: int
    pixel_format: str
    color: ColorSpec
    sample_aspect_ratio: Fraction
    codec: str
    alpha: bool = False
    captions: bool = False
    overshoot: bool = False
    hdr: HdrMetadata | None = None
    scan: str = "progressive"
    rotation: int = 0
    trim: TrimRange | None = None
    held_height: int | None = None


class FrameSource(Protocol):
    """Frames in order of presentation; a context manager."""

    @property
    def info(self) -> VideoInfo:
        """What is known of the video before its first frame."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class FrameSink(Protocol):
    """Takes frames in order. The output appears only with `finish`; `abort` leaves nothing."""

    def write(self, frame: Frame) -> None:
        """Takes the next frame, in order of presentation. Raises MediaError where it cannot be written."""

    def finish(self) -> None:
        """Ends the output and puts it in its place."""

    def abort(self) -> None:
        """Removes what was written."""
