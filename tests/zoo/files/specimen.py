"""What a file of the zoo is made of, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, kw_only=True)
class Audio:
    """A track of tone. start, seconds: on the file's clock. layout: FFmpeg's name."""

    codec: str
    language: str = ""
    title: str = ""
    start: Fraction = Fraction(0)
    seconds: Fraction = Fraction(1, 2)
    layout: str = "stereo"
    rate: int = 48000
    disposition: int = 0


@dataclass(frozen=True, kw_only=True)
class Subtitles:
    """codec: "subrip", "ass", "webvtt", "mov_text" (text) or "hdmv_pgs_subtitle", "dvd_subtitle" (bitmaps).

    shown: (start, end, text) in milliseconds; bitmaps ignore the text.
    """

    codec: str
    language: str = ""
    title: str = ""
    shown: tuple[tuple[int, int, str], ...] = ((40, 160, "Grüße"), (240, 400, "日本語"))
    disposition: int = 0


@dataclass(frozen=True, kw_only=True)
class Color:
    """Tags as H.273 numbers, range as FFmpeg counts (1 limited, 2 full); 2, 2, 2, 0 are "not said"."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    range: int = 0


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """One file. `about` says in a few words what is special; `name` is the file's, without suffix.

    times: the frames' in ticks of time_base, by default one after the other from zero; last: ticks that the
    last one stands. exif: orientation written into JPEG pictures.
    output, output_codec: by default the product's
    choice; "/" is a folder of images.
    """

    name: str
    suffix: str
    codec: str
    about: str
    pixel_format: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    rate: Fraction = Fraction(25)
    count: int = 8
    times: tuple[int, ...] | None = None
    last: int | None = None
    time_base: Fraction | None = None
    color: Color = Color()
    ratio: Fraction = Fraction(1)
    rotation: int | None = None
    interlaced: str = ""
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    muxer: str | None = None
    audio: tuple[Audio, ...] = ()
    subtitles: tuple[Subtitles, ...] = ()
    chapters: tuple[tuple[int, int, str], ...] = ()
    attachments: tuple[tuple[str, str, bytes], ...] = ()
    cover: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    video_metadata: Mapping[str, str] = field(default_factory=dict)
    video_disposition: int = 0
    repeat: int = 1
    exif: int = 0
    output: str | None = None
    output_codec: str | None = None

    @property
    def ticks(self) -> Fraction:
        return self.time_base or 1 / self.rate

    @property
    def starts(self) -> tuple[int, ...]:
        if self.times is not None:
            return self.times
        step = 1 / self.rate / self.ticks
        return tuple(round(index * step) for index in range(self.count))

    @property
    def last_ticks(self) -> int:
        return self.last or max(round(1 / self.rate / self.ticks), 1)

    @property
    def file_name(self) -> str:
        return self.name + self.suffix
