"""Interlaced pictures: whether a video has any, and one whole picture for each.

An interlaced picture holds two fields, its even and its odd rows, taken one after the other; where something
moves they form a comb. The tests are those of FFmpeg's `idet` filter, the interpolation is `bwdif`: it keeps
the rows of the first field and fills in the others from the neighbours in space and time. So frames stay as
many, at their times.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.filter import Graph

from tcnet.video.read.decoder import TimedPicture

_TICK = Fraction(1, 1000)  # of the filters' clock; the pictures' own times do not go through them
_SMALLEST = 4  # pixels a side, which bwdif needs
_LEAST_COMBED = 4  # pictures, to call a video interlaced that does not say so
_CURRENT = "lavfi.idet.{}.current_frame"


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of a video's fields. flagged: the stream or a picture says that it is interlaced.

    top_first, bottom_first, progressive: pictures that look so, of those in which enough moves to tell.
    """

    flagged: bool = False
    top_first: int = 0
    bottom_first: int = 0
    progressive: int = 0

    @property
    def interlaced(self) -> bool:
        return self.flagged or self._measured

    @property
    def parity(self) -> str:
        """Which field comes first: "tff" or "bff" where measured, else "auto", what each picture says."""
        most, least = max(self.top_first, self.bottom_first), min(self.top_first, self.bottom_first)
        if most < _LEAST_COMBED or least * 8 > most:
            return "auto"
        return "tff" if self.top_first == most else "bff"

    @property
    def _measured(self) -> bool:
        # Fine patterns that scroll can look like fields, but then now of one order and now of the other.
        return self.parity != "auto" and max(self.top_first, self.bottom_first) >= 2 * self.progressive

    def __add__(self, other: "Scan") -> "Scan":
        return Scan(
            self.flagged or other.flagged,
            self.top_first + other.top_first,
            self.bottom_first + other.bottom_first,
            self.progressive + other.progressive,
        )


class ScanMeter:
    """Measures a run of pictures that follow each other."""

    def __init__(self) -> None:
        self._filter = _Filter([("idet", "")])
        self._found: dict[str, int] = {"tff": 0, "bff": 0, "progressive": 0, "undetermined": 0}
        self._flagged = False

    def feed(self, picture: av.VideoFrame) -> None:
        self._flagged = self._flagged or picture.interlaced_frame
        for shown in self._filter.feed(picture):
            self._count(shown)

    def finish(self) -> Scan:
        for shown in self._filter.flush():
            self._count(shown)
        found = self._found
        return Scan(self._flagged, found["tff"], found["bff"], found["progressive"])

    def _count(self, picture: av.VideoFrame) -> None:
        self._found[picture.metadata[_CURRENT.format("single")]] += 1


class Deinterlacer:
    """As many pictures out as in, in order, with their times; two pictures later.

    only_combed: leave pictures as they are that look progressive, so that film in an interlaced stream keeps
    all its rows. `replaced` counts the others.
    """

    def __init__(self, scan: Scan, *, only_combed: bool) -> None:
        self._only_combed = only_combed
        self._whole = _Filter([("bwdif", f"mode=send_frame:parity={scan.parity}:deint=all")])
        self._tests = _Filter([("idet", "")])
        self._unmark = _Filter([("setfield", "prog")])
        self._waiting: deque[TimedPicture] = deque()
        self._wholes: deque[av.VideoFrame] = deque()
        self._combed: deque[bool] = deque()
        self._kind: tuple[int, int, str] | None = None
        self.replaced = 0

    def feed(self, entry: TimedPicture) -> Iterator[TimedPicture]:
        picture = entry.picture
        kind = (picture.width, picture.height, picture.format.name)
        if kind != self._kind:
            yield from self.flush()
            self._kind = kind
        if picture.width < _SMALLEST or picture.height < _SMALLEST:
            yield entry
            return
        self._waiting.append(entry)
        self._wholes.extend(self._whole.feed(picture))
        if self._only_combed:
            self._combed.extend(_is_combed(tested) for tested in self._tests.feed(picture))
        yield from self._ready()

    def flush(self) -> Iterator[TimedPicture]:
        self._wholes.extend(self._whole.flush())
        self._combed.extend(_is_combed(tested) for tested in self._tests.flush())
        yield from self._ready()
        self._unmark.flush()
        assert not self._waiting  # both filters give a picture for each

    def _ready(self) -> Iterator[TimedPicture]:
        while self._wholes and (self._combed or not self._only_combed):
            entry, whole = self._waiting.popleft(), self._wholes.popleft()
            if self._only_combed and not self._combed.popleft():
                # Without its mark, by which the chroma of each field would be enlarged on its own.
                yield TimedPicture(self._unmark.feed(entry.picture)[0], entry.pts, entry.duration)
            else:
                self.replaced += 1
                yield TimedPicture(whole, entry.pts, entry.duration)


class Deinterlacing:
    """What is done about fields in one pass over a file. wish: "auto", "on" or "off"."""

    def __init__(self, wish: str, scan: Scan) -> None:
        self._wish = wish
        self._scan = scan
        self._filter: Deinterlacer | None = None
        if wish == "on" or (wish == "auto" and scan.interlaced):
            self._filter = Deinterlacer(scan, only_combed=wish == "auto")
        self._late = self._filter is None

    def apply(self, entries: Iterator[TimedPicture]) -> Iterator[TimedPicture]:
        """The same entries; once a picture says that it is interlaced, the rest is tested too."""
        for entry in entries:
            if self._filter is None and self._wish == "auto" and entry.picture.interlaced_frame:
                self._filter = Deinterlacer(self._scan, only_combed=True)
            if self._filter is None:
                yield entry
            else:
                yield from self._filter.feed(entry)
        if self._filter is not None:
            yield from self._filter.flush()

    def notices(self, count: int) -> list[str]:
        """Of a pass that gave `count` frames."""
        if self._filter is None or (not self._late and self._filter.replaced >= count):
            return []
        return [f"{self._filter.replaced} of {count} frames were interlaced and were deinterlaced"]


def _is_combed(tested: av.VideoFrame) -> bool:
    """Of a picture in a stream that is taken for interlaced: when in doubt, yes; it does not hurt."""
    fields = ("tff", "bff")
    over_time = tested.metadata[_CURRENT.format("multiple")]
    return over_time != "progressive" or tested.metadata[_CURRENT.format("single")] in fields


class _Filter:
    """A chain of filters that is made for the first picture, ended, and made anew for the next."""

    def __init__(self, steps: list[tuple[str, str]]) -> None:
        self._steps = steps
        self._graph: Graph | None = None
        self._count = 0

    def feed(self, picture: av.VideoFrame) -> list[av.VideoFrame]:
        if self._graph is None:
            self._graph = _graph(picture, self._steps)
        # The picture's own times were read before.
        picture.pts, picture.time_base = self._count, _TICK
        self._count += 1
        self._graph.vpush(picture)
        return _drained(self._graph)

    def flush(self) -> list[av.VideoFrame]:
        graph, self._graph = self._graph, None
        if graph is None:
            return []
        graph.vpush(None)
        return _drained(graph)


def _graph(picture: av.VideoFrame, steps: list[tuple[str, str]]) -> Graph:
    graph = Graph()
    node = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=_TICK
    )
    for name, arguments in [*steps, ("buffersink", "")]:
        following = graph.add(name, arguments or None)
        node.link_to(following)
        node = following
    graph.configure()
    return graph


def _drained(graph: Graph) -> list[av.VideoFrame]:
    pictures = []
    while True:
        try:
            pictures.append(graph.vpull())
        except (av.BlockingIOError, av.EOFError):  # nothing more as yet, or at all
            return pictures
