"""One whole picture for each that was filmed: fields filled in, film put together again.

An interlaced picture holds two fields, its even and its odd rows, taken one after the other; where something
moves they form a comb. Video is interpolated by FFmpeg's `bwdif`: it keeps the rows of a field and fills in
the others from the neighbours in space and time. So pictures stay as many, at their times. Film that was
spread over fields (telecine.py) needs no interpolation: its fields are put together and its frames stand at
their own times.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.sidedata.sidedata import Type as SideDataType

from tcnet.video.color.hdr import side_data_of
from tcnet.video.read.decoder import PictureStream, TimedPicture
from tcnet.video.read.picture_filter import PictureFilter
from tcnet.video.read.scan import INTERLACED, MIXED, PROGRESSIVE, TELECINED, Scan, is_combed
from tcnet.video.read.telecine import (
    PICTURE_SECONDS,
    Film,
    FilmTracker,
    Shown,
    is_picture_step,
    is_pulldown,
    weave,
)
from tcnet.video.timestamps import Gaps

_SMALLEST = 4  # pixels a side, which bwdif needs
_LEAD_SECONDS = 2  # read before the part that is asked for, so that all is decided as in the whole file
_MEASURED = ("auto", "double")  # modes in which only what is interlaced is deinterlaced
_MOST_TICKS = 2**31 - 1  # a second, which containers can count


@dataclass(frozen=True, slots=True)
class _Clock:
    """tick: seconds of the pictures' times. finer: ticks of the result for one of those. film: whether film
    is looked for. picture: ticks of the result for one video picture. double: each field becomes a frame."""

    tick: Fraction
    finer: int
    film: bool
    picture: Fraction
    double: bool = False

    def seconds(self, ticks: int) -> Fraction:
        return ticks * self.tick


class Deinterlacer:
    """Whole pictures in order, with their times; a few pictures later.

    only_combed: leave pictures as they are that look progressive, so that film in an interlaced stream keeps
    all its rows. `replaced` counts the others, `film` the film frames that were put together.
    """

    def __init__(self, scan: Scan, *, only_combed: bool, clock: _Clock | None = None) -> None:
        self._only_combed = only_combed
        self._scan = scan
        self._clock = clock or _Clock(Fraction(1), 1, film=False, picture=Fraction(1))
        both = self._clock.film or self._clock.double
        mode = "send_field" if both else "send_frame"
        self._fields = 2 if both else 1  # pictures that bwdif gives for each
        self._whole = PictureFilter([("bwdif", f"mode={mode}:parity={scan.parity}:deint=all")])
        self._tests = PictureFilter([("idet", "")])
        self._unmark = PictureFilter([("setfield", "prog")])
        self._tracker = FilmTracker()
        self._waiting: deque[TimedPicture] = deque()
        self._undecided: deque[av.VideoFrame] = deque()
        self._wholes: deque[av.VideoFrame] = deque()
        self._combed: deque[bool] = deque()
        self._films: deque[Film | None] = deque()
        self._before: tuple[TimedPicture, Film | None] | None = None
        self._newest: int | None = None
        self._captions = b""
        self._kind: tuple[int, int, str] | None = None
        self.replaced = 0
        self.film = 0

    def feed(self, entry: TimedPicture) -> Iterator[TimedPicture]:
        picture = entry.picture
        kind = (picture.width, picture.height, picture.format.name)
        if kind != self._kind:
            yield from self.flush()
            self._kind = kind
        if picture.width < _SMALLEST or picture.height < _SMALLEST:
            yield self._timed(picture, entry, Fraction(0))
            return
        self._waiting.append(entry)
        self._undecided.append(picture)
        self._decided(self._tracked(entry))
        yield from self._ready(ended=False)

    def flush(self) -> Iterator[TimedPicture]:
        self._decided(self._tracker.finish())
        self._wholes.extend(self._whole.flush())
        self._combed.extend(is_combed(tested) for tested in self._tests.flush())
        yield from self._ready(ended=True)
        self._unmark.flush()
        self._before = self._newest = None
        assert not self._waiting  # all filters give something for each

    def _decided(self, films: Iterable[Film | None]) -> None:
        """Filters the pictures only now, so that no more than the pictures have to wait for it."""
        for film in films:
            picture = self._undecided.popleft()
            self._films.append(film)
            self._wholes.extend(self._whole.feed(picture))
            if self._only_combed:
                self._combed.extend(is_combed(tested) for tested in self._tests.feed(picture))

    def _tracked(self, entry: TimedPicture) -> Iterator[Film | None]:
        if not self._clock.film:
            yield None
            return
        before, self._newest = self._newest, entry.pts
        if before is not None and not is_picture_step(self._clock.seconds(entry.pts - before)):
            yield from self._tracker.finish()  # what cycle follows a gap is open
        yield from self._tracker.feed(entry.picture)

    def _ready(self, *, ended: bool) -> Iterator[TimedPicture]:
        following = 1 if self._fields == 2 and not ended else 0  # the next picture has to be known too
        while (
            len(self._wholes) >= self._fields
            and (self._combed or not self._only_combed)
            and len(self._films) > following
        ):
            entry, film = self._waiting.popleft(), self._films.popleft()
            wholes = [self._wholes.popleft() for _ in range(self._fields)]
            combed = self._combed.popleft() if self._only_combed else True
            if film is None:
                yield from self._video(entry, wholes, combed=combed)
            else:
                yield from self._film_frames(entry, film, wholes)
            self._before = (entry, film)

    def _video(
        self, entry: TimedPicture, wholes: list[av.VideoFrame], *, combed: bool
    ) -> Iterator[TimedPicture]:
        before, after = self._step_before(entry), self._step_after(entry)
        if self._is_soft(before, after):
            # The one of three fields, behind one of two.
            third = before is not None and is_picture_step(before)
            yield self._timed(self._unmarked(entry), entry, Fraction(third, 4))
            return
        self.replaced += combed
        if self._clock.double:
            # A picture that looks progressive is shown twice, so that the rate is constant.
            shown = wholes if combed else [self._unmarked(entry)] * 2
            half = self._half(before, after)
            for field, picture in enumerate(shown):
                timed = self._timed(picture, entry, field * half)
                yield replace(timed, duration=timed.duration // 2)
        else:
            yield self._timed(wholes[0] if combed else self._unmarked(entry), entry, Fraction(0))

    def _is_soft(self, before: Fraction | None, after: Fraction | None) -> bool:
        """Whether the steps around a picture are those of film that is stored as such and marked to be shown
        for two and three fields: each is a whole frame, however much it looks like fields."""
        if not self._clock.film:
            return False
        if before is None or after is None:
            return self._scan.soft_film > 0
        return is_pulldown(before, after) or is_pulldown(after, before)

    def _half(self, before: Fraction | None, after: Fraction | None) -> Fraction:
        """From a picture's first field to its second, in video pictures; as usual where pictures are
        missing."""
        step = after or before
        usual = self._clock.picture / self._clock.finer * self._clock.tick
        return Fraction(1, 2) if step is None or step > usual * 3 / 2 else step / usual / 2

    def _film_frames(
        self, entry: TimedPicture, film: Film, wholes: list[av.VideoFrame]
    ) -> Iterator[TimedPicture]:
        """The film frame that a picture completes; and where a cycle is cut, those of which only one field is
        there, interpolated."""
        place = film.place
        before = self._before[1] if self._before else None
        follows = before is not None and before.precedes(film)
        leads = bool(self._films) and film.precedes(self._films[0])
        if place.shown is Shown.AS_IS:
            # Where its cycle begins with it there may be no room before it.
            quarters = place.quarters if follows else max(place.quarters, 0)
            yield self._restored(self._unmarked(entry), entry, quarters)
            return
        if not follows:
            yield self._restored(wholes[0], entry, 0)
        elif place.shown is Shown.WOVEN:
            assert self._before is not None
            woven = weave(entry.picture, self._before[0].picture, first_is_top=film.top_first)
            captions = side_data_of(entry.picture).get(SideDataType.A53_CC, b"")
            self._captions += captions  # side data cannot be put on a picture
            yield self._restored(woven, entry, place.quarters)
        else:
            self._captions += side_data_of(entry.picture).get(SideDataType.A53_CC, b"")
        if not leads:
            yield self._restored(wholes[1], entry, 2)

    def _restored(self, picture: av.VideoFrame, entry: TimedPicture, quarters: int) -> TimedPicture:
        self.film += 1
        return self._timed(picture, entry, Fraction(quarters, 4))

    def _timed(self, picture: av.VideoFrame, entry: TimedPicture, later: Fraction) -> TimedPicture:
        """later: by how many video pictures it is later than `entry`."""
        finer = self._clock.finer
        captions, self._captions = self._captions, b""
        pts = entry.pts * finer + round(later * self._clock.picture)
        return TimedPicture(picture, pts, entry.duration * finer, captions)

    def _unmarked(self, entry: TimedPicture) -> av.VideoFrame:
        """Without its mark, by which the chroma of each field would be enlarged on its own."""
        return self._unmark.feed(entry.picture)[0]

    def _step_before(self, entry: TimedPicture) -> Fraction | None:
        return None if self._before is None else self._clock.seconds(entry.pts - self._before[0].pts)

    def _step_after(self, entry: TimedPicture) -> Fraction | None:
        return None if not self._waiting else self._clock.seconds(self._waiting[0].pts - entry.pts)


class ShownPictures:
    """The pictures of a stream after what is done about fields, in one pass.

    Times are in ticks of 1 / `finer` of the stream's. asked: "auto", "double", "on" or "off". gaps: in the
    stream's ticks.
    """

    def __init__(
        self, stream: PictureStream, asked: str, scan: Scan, *, tick: Fraction, rate: Fraction | None
    ) -> None:
        """tick: of the stream, seconds. rate: its pictures a second, where known."""
        self.stream = stream
        self.gaps = Gaps(0 if rate is None else round(1 / (rate * tick)))
        self._asked = asked
        self._scan = scan
        self.finer = finer_ticks(asked, scan, tick)
        film = asked in _MEASURED and scan.kind != PROGRESSIVE and scan.video_rate
        picture = 1 / rate if rate and (not film or is_picture_step(1 / rate)) else PICTURE_SECONDS
        self._clock = _Clock(
            tick, self.finer, film=film, picture=picture / tick * self.finer, double=asked == "double"
        )
        self._filter: Deinterlacer | None = None
        if asked == "on" or (asked in _MEASURED and scan.kind != PROGRESSIVE):
            self._filter = Deinterlacer(scan, only_combed=asked in _MEASURED, clock=self._clock)
        self._late = self._filter is None

    def pictures(self) -> Iterator[TimedPicture]:
        """As `PictureStream.pictures`."""
        return self._apply(self.stream.pictures())

    def pictures_from(self, time: int, first: int) -> Iterator[TimedPicture]:
        """As `PictureStream.pictures_from`."""
        lead = 0 if self._late else round(_LEAD_SECONDS / self._clock.tick)
        time, first = time // self.finer, first // self.finer
        return self._apply(self.stream.pictures_from(max(time - lead, first), first), time)

    def _apply(self, entries: Iterator[TimedPicture], start: int | None = None) -> Iterator[TimedPicture]:
        """Once a picture says that it is interlaced, the rest is tested too. start: before it no gap
        counts."""
        before: int | None = None
        for entry in entries:
            if start is None or entry.pts >= start:
                if before is not None:
                    self.gaps.add(entry.pts - before)
                before = entry.pts
            if self._filter is None and self._asked in _MEASURED and entry.picture.interlaced_frame:
                self._filter = Deinterlacer(self._scan, only_combed=True)
            if self._filter is None:
                yield entry
            else:
                yield from self._filter.feed(entry)
        if self._filter is not None:
            yield from self._filter.flush()

    def notices(self, count: int) -> list[str]:
        """Of a pass that gave `count` frames."""
        if self._filter is None:
            return []
        found, combed = self._filter.film, self._filter.replaced
        if found and found < count:
            return [f"of {count} frames {found} were put together from film fields, {combed} deinterlaced"]
        if found or (not self._late and combed >= count) or self._scan.soft_film:
            return []
        return [f"{combed} of {count} frames were interlaced and were deinterlaced"]


def finer_ticks(asked: str, scan: Scan, tick: Fraction) -> int:
    """Into how many a tick of the stream is split, so that film frames and fields stand at their own
    times."""
    if asked not in _MEASURED or scan.kind == PROGRESSIVE:
        return 1
    finer = 4 if scan.video_rate else 2 if asked == "double" else 1
    return finer if finer * tick.denominator <= _MOST_TICKS else 1


def rate_factor(asked: str, scan: Scan, rate: Fraction | None) -> Fraction:
    """Frames that come out for each at `rate`, about."""
    if asked not in _MEASURED or rate is None or scan.kind == PROGRESSIVE:
        return Fraction(1)
    film = scan.film_share if is_picture_step(1 / rate) else Fraction(0)
    return film * Fraction(4, 5) + (1 - film) * (2 if asked == "double" and scan.kind != TELECINED else 1)


def describe_fields(asked: str, scan: Scan) -> str | None:
    """What was found and what is done about it, for people; None for progressive video."""
    if scan.kind == PROGRESSIVE:
        return "the input is progressive: its frame rate stays as it is" if asked == "double" else None
    order = {"tff": " (top field first)", "bff": " (bottom field first)"}.get(scan.parity, "")
    kind = {
        INTERLACED: f"interlaced{order}",
        TELECINED: "telecined: film of 24 frames a second, spread over 60 fields",
        MIXED: f"mixed: telecined film, and video beside it{order}",
    }[scan.kind]
    if asked == "off":
        return f"the input is {kind}, and stays so: its combs are enlarged (--deinterlace off)"
    if asked == "double" and scan.kind == INTERLACED:
        return f"the input is {kind}: each field becomes a frame, at twice the rate"
    if asked == "on" or scan.kind == INTERLACED:
        return f"the input is {kind}: it is deinterlaced (--deinterlace off leaves it as it is)"
    done = "film frames are put together again, at their own times"
    if scan.kind == MIXED:
        rest = "the rest is deinterlaced where it is interlaced"
        done += ", and " + ("each field of the rest becomes a frame" if asked == "double" else rest)
    return f"the input is {kind}; {done} (--deinterlace off leaves it as it is)"
