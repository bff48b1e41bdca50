"""Whether a video is progressive, interlaced, telecined or several of these, measured on some of its
pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av

from tcnet.video.read.picture_filter import PictureFilter
from tcnet.video.read.telecine import CYCLE, Film, FilmTracker, is_picture_step, is_pulldown

PROGRESSIVE, INTERLACED, TELECINED, MIXED = "progressive", "interlaced", "telecined", "mixed"
_LEAST_COMBED = 4  # pictures, to call a video interlaced that does not say so
_LEAST_FILM = 2 * CYCLE  # pictures, to call a video telecined
_LEAST_VIDEO = 8  # interlaced pictures beside film, to call a video mixed: slow film may not show
_LEAST_OTHER = 16  # progressive pictures beside film, to call a video mixed: dark or still ones are no proof
_CURRENT = "lavfi.idet.{}.current_frame"


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of a video's fields. flagged: the stream or a picture says that it is interlaced.

    film: pictures of a 3:2 pulldown in the pictures; film_top_first: those of them whose top field comes
    first. soft_film: film frames that are stored as such and marked to be shown for two and three fields.
    top_first, bottom_first, progressive: of the other pictures those that look so, where enough moves to
    tell. video_rate: pictures follow each other at 30 or 30000/1001 a second, so that there can be film.
    """

    flagged: bool = False
    top_first: int = 0
    bottom_first: int = 0
    progressive: int = 0
    film: int = 0
    film_top_first: int = 0
    soft_film: int = 0
    video_rate: bool = False

    @property
    def kind(self) -> str:
        """One of PROGRESSIVE, INTERLACED, TELECINED and MIXED."""
        if self.film + self.soft_film >= _LEAST_FILM:
            video = self._measured and max(self.top_first, self.bottom_first) >= _LEAST_VIDEO
            others = video or self.progressive >= _LEAST_OTHER
            return MIXED if others else TELECINED
        return INTERLACED if self.flagged or self._measured else PROGRESSIVE

    @property
    def parity(self) -> str:
        """Which field comes first: "tff" or "bff" where measured, else "auto", what each picture says."""
        most, least = max(self.top_first, self.bottom_first), min(self.top_first, self.bottom_first)
        if most >= _LEAST_COMBED and least * 8 <= most:
            return "tff" if self.top_first == most else "bff"
        if self.film >= _LEAST_FILM:
            return "tff" if 2 * self.film_top_first >= self.film else "bff"
        return "auto"

    @property
    def film_share(self) -> Fraction:
        """The part of the pictures that is film."""
        film = self.film + self.soft_film
        if self.kind != MIXED:
            return Fraction(self.kind == TELECINED)
        return Fraction(film, film + max(self.top_first, self.bottom_first) + self.progressive)

    @property
    def _measured(self) -> bool:
        # Fine patterns that scroll can look like fields, but then now of one order and now of the other.
        most, least = max(self.top_first, self.bottom_first), min(self.top_first, self.bottom_first)
        return most >= _LEAST_COMBED and least * 8 <= most and most >= 2 * self.progressive

    def __add__(self, other: "Scan") -> "Scan":
        return Scan(
            self.flagged or other.flagged,
            self.top_first + other.top_first,
            self.bottom_first + other.bottom_first,
            self.progressive + other.progressive,
            self.film + other.film,
            self.film_top_first + other.film_top_first,
            self.soft_film + other.soft_film,
            self.video_rate or other.video_rate,
        )


class ScanMeter:
    """Measures a run of pictures that follow each other."""

    def __init__(self) -> None:
        self._filter = PictureFilter([("idet", "")])
        self._tracker = FilmTracker()
        self._looks: list[str] = []
        self._films: list[Film | None] = []
        self._times: list[Fraction] = []
        self._flagged = False

    def feed(self, picture: av.VideoFrame, seconds: Fraction | None = None) -> None:
        """seconds: the picture's time; without times film is not looked for."""
        self._flagged = self._flagged or picture.interlaced_frame
        if seconds is not None:
            if self._times and not is_picture_step(seconds - self._times[-1]):
                self._films += self._tracker.finish()
            self._times.append(seconds)
            self._films += self._tracker.feed(picture)
        self._looks += [_look(shown) for shown in self._filter.feed(picture)]

    def finish(self) -> Scan:
        self._looks += [_look(shown) for shown in self._filter.flush()]
        self._films += self._tracker.finish()
        films = [film for film in self._films if film is not None]
        soft = _soft(self._times)
        others = [
            look
            for number, look in enumerate(self._looks)
            if number >= len(self._times) or (self._films[number] is None and number not in soft)
        ]
        pairs = zip(self._times, self._times[1:], strict=False)
        return Scan(
            flagged=self._flagged,
            top_first=others.count("tff"),
            bottom_first=others.count("bff"),
            progressive=others.count("progressive"),
            film=len(films),
            film_top_first=sum(film.top_first for film in films),
            soft_film=len(soft),
            video_rate=any(is_picture_step(after - before) for before, after in pairs),
        )


def _soft(times: Sequence[Fraction]) -> set[int]:
    """Numbers of pictures that stand for two and three fields in turn."""
    found: set[int] = set()
    for number in range(1, len(times) - 1):
        before, after = times[number] - times[number - 1], times[number + 1] - times[number]
        if is_pulldown(before, after) or is_pulldown(after, before):
            found |= {number - 1, number}
    return found


def _look(tested: av.VideoFrame) -> str:
    return str(tested.metadata[_CURRENT.format("single")])


def is_combed(tested: av.VideoFrame) -> bool:
    """Of a picture that went through `idet` in a stream that is taken for interlaced: when in doubt, yes; it
    does not hurt."""
    fields = ("tff", "bff")
    over_time = tested.metadata[_CURRENT.format("multiple")]
    return over_time != PROGRESSIVE or tested.metadata[_CURRENT.format("single")] in fields
