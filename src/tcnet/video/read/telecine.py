"""Film in interlaced video: which pictures were made by 3:2 pulldown, and where in its cycle each stands.

Pulldown spreads four film frames A B C D over five pictures: A A, B B, B C, C D, D D (first field, second
field). Two of five pictures mix two film frames, and two fields repeat the one of the same rows before.
"Advanced" pulldown (2:3:3:2, camcorders) gives A A, B B, B C, C C, D D, of which one mixes.

What a picture shows of that is compared with what each place in each cycle would show, and the likeliest path
through the places is taken (Viterbi), so that a still scene keeps the cycle that it is in and an edit may
break it. The path is decided a few pictures behind the newest, in constant memory.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import cast

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

Luma = npt.NDArray[np.int16]  # (H, W)
Scores = npt.NDArray[np.float64]  # one for each state

LAG = 15  # pictures: three cycles
_COLUMNS = 720  # looked at: in wider pictures every second, third ... one
_BLOCK_ROWS, _BLOCK_COLUMNS = 8, 16  # of a field
_STRONGEST = 0.02  # of the blocks: what moves may be small
_NOISE = 2.0  # codes, by which repeated fields differ at least once they were encoded
_UNEVEN = 1.5  # how much more than the least noise is noise
_MOST = 2.0  # that one comparison counts, a ratio of e^2
_BREAK = 8.0  # what a path loses where a cycle is broken or begins


class Shown(Enum):
    """What to take of a picture, where the cycle is whole."""

    AS_IS = "both fields are of one film frame"
    WOVEN = "its first field belongs to the second one of the picture before"
    NOTHING = "its film frames are in the pictures beside it"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a cycle.

    combed: 1 where the first field goes better with the picture before than with its own second field, -1
    where with its own, 0 where with both. repeats: -1 where the first field is that of the picture before, 1
    where the second one is. quarters: from the picture's time to the film frame's, in quarters of a picture.
    """

    combed: int
    repeats: int
    shown: Shown
    quarters: int


_CLASSIC = (
    Place(-1, 0, Shown.AS_IS, 0),
    Place(-1, 0, Shown.AS_IS, 1),
    Place(1, -1, Shown.NOTHING, 0),
    Place(1, 0, Shown.WOVEN, -2),
    Place(0, 1, Shown.AS_IS, -1),
)
_ADVANCED = (
    Place(-1, 0, Shown.AS_IS, 0),
    Place(-1, 0, Shown.AS_IS, 1),
    Place(1, -1, Shown.NOTHING, 0),
    Place(0, 1, Shown.AS_IS, -2),
    Place(-1, 0, Shown.AS_IS, -1),
)
CYCLE = 5
PICTURE_SECONDS = Fraction(1001, 30000)
_JITTER = Fraction(1, 10)  # a clock of milliseconds is off by 3 %


@dataclass(frozen=True, slots=True)
class Film:
    """A picture that is film. top_first: which field comes first in time. number: of its place in the
    cycle."""

    top_first: bool
    cycle: tuple[Place, ...]
    number: int

    @property
    def place(self) -> Place:
        return self.cycle[self.number]

    def precedes(self, other: "Film | None") -> bool:
        """Whether `other`, the next picture, goes on with the cycle."""
        return (
            other is not None
            and (other.top_first, other.cycle) == (self.top_first, self.cycle)
            and other.number == (self.number + 1) % CYCLE
        )


# What else a picture can be, by what it shows in one order of fields: a frame as it is, two moments.
_PROGRESSIVE, _INTERLACED = (-1, 0), (0, 0)
_FILMS = tuple(
    Film(top_first, cycle, number)
    for top_first in (True, False)
    for cycle in (_CLASSIC, _ADVANCED)
    for number in range(CYCLE)
)
_STATES: tuple[Film | None, ...] = (*_FILMS, None, None, None, None)
_TOP_FIRST = np.array([film.top_first for film in _FILMS] + [True, True, False, False])
_COMBED = np.array([film.place.combed for film in _FILMS] + [_PROGRESSIVE[0], _INTERLACED[0]] * 2)
_REPEATS = np.array([film.place.repeats for film in _FILMS] + [_PROGRESSIVE[1], _INTERLACED[1]] * 2)


def _costs() -> Scores:
    """(from, to): of each step."""
    costs = np.full((len(_STATES), len(_STATES)), _BREAK)
    for before, one in enumerate(_STATES):
        for after, other in enumerate(_STATES):
            if (one is None and other is None) or (one is not None and one.precedes(other)):
                costs[before, after] = 0
    return costs


_COSTS = _costs()


def is_picture_step(seconds: Fraction) -> bool:
    """Whether that long lies between two pictures of a video that can hold film: 1/30 s, or 1001/30000."""
    return abs(seconds / PICTURE_SECONDS - 1) < _JITTER


def is_pulldown(before: Fraction, after: Fraction) -> bool:
    """Whether a picture that follows the last one after `before` seconds and stands for `after` seconds is a
    film frame of three fields behind one of two."""
    return is_picture_step(before) and is_picture_step(after * 2 / 3)


_BEGIN: Scores = np.where([state is None for state in _STATES], 0.0, -_BREAK)


class FilmTracker:
    """Finds film among pictures that follow each other at the video's rate."""

    def __init__(self) -> None:
        self._evidence = _Evidence()
        self._scores = _BEGIN
        self._from: deque[npt.NDArray[np.intp]] = deque()  # the best state before each undecided picture's

    def feed(self, picture: VideoFrame) -> list[Film | None]:
        """What is decided by now, in order: for each picture its place as film, or None."""
        evidence = self._evidence.next(_luma(picture))
        steps = self._scores[:, None] - _COSTS
        best = steps.argmax(axis=0)
        self._scores = steps.max(axis=0) + evidence
        self._scores -= self._scores.max()
        self._from.append(best)
        if len(self._from) <= LAG:
            return []
        oldest = self._path()[0]
        self._from.popleft()
        return [oldest]

    def finish(self) -> list[Film | None]:
        """What is left to decide; the next picture begins anew."""
        path = self._path() if self._from else []
        self._evidence, self._scores = _Evidence(), _BEGIN
        self._from.clear()
        return path

    def _path(self) -> list[Film | None]:
        state = int(self._scores.argmax())
        states = [state]
        for best in list(self._from)[:0:-1]:
            state = int(best[state])
            states.append(state)
        return [_STATES[state] for state in reversed(states)]


def weave(first: VideoFrame, second: VideoFrame, *, first_is_top: bool) -> VideoFrame:
    """The rows of one field of `first` and those of the other of `second`, as a progressive picture of their
    format without side data."""
    top, bottom = (first, second) if first_is_top else (second, first)
    woven = VideoFrame(first.width, first.height, first.format.name)
    for target, even, odd in zip(woven.planes, top.planes, bottom.planes, strict=True):
        rows = _rows(target)
        rows[0::2], rows[1::2] = _rows(even, target)[0::2], _rows(odd, target)[1::2]
    woven.color_range, woven.colorspace = first.color_range, first.colorspace
    return woven


def _rows(plane: VideoPlane, like: VideoPlane | None = None) -> npt.NDArray[np.uint8]:
    """A plane's memory row by row, as many bytes of each as both have."""
    width = plane.line_size if like is None else min(plane.line_size, like.line_size)
    buffer = cast(bytes, plane)  # a writable buffer, which PyAV's stubs do not say
    memory: npt.NDArray[np.uint8] = np.frombuffer(buffer, np.uint8)
    return memory.reshape(-1, plane.line_size)[: plane.height, :width]


class _Evidence:
    """How well each state fits what a picture and the one before show, 0 where nothing moves."""

    def __init__(self) -> None:
        self._last: Luma | None = None
        self._combs = _Comparison()
        self._moves = _Comparison()

    def next(self, now: Luma) -> Scores:
        before, self._last = self._last, now
        scores = np.zeros(len(_STATES))
        if before is None:
            return scores
        own = _combs(now[0::2], now[1::2])
        top_moves, bottom_moves = (_moves(before[rows::2], now[rows::2]) for rows in (0, 1))
        for top_first in (True, False):
            across = _combs(now[0::2], before[1::2]) if top_first else _combs(before[0::2], now[1::2])
            first, second = (top_moves, bottom_moves) if top_first else (bottom_moves, top_moves)
            chosen = top_first == _TOP_FIRST
            scores[chosen] = self._combs.fit(_COMBED[chosen], own, across)
            scores[chosen] += self._moves.fit(_REPEATS[chosen], first, second)
        return scores


class _Comparison:
    """Two measures, of which film makes now one and now the other small."""

    def __init__(self) -> None:
        self._least: deque[float] = deque(maxlen=4 * CYCLE)  # of two cycles in both orders of fields

    def fit(self, expected: npt.NDArray[np.int_], one: Scores, other: Scores) -> Scores:
        """For each expectation that `one` is larger than `other` (1), smaller (-1) or as large (0).

        Measured where the larger one is largest, in logarithms, against what stands out from the noise: the
        least that was met lately, which is fine detail for combs and coding errors for repeated fields.
        """
        strongest = _strongest(one, other)
        a, b = float(one[strongest].mean()), float(other[strongest].mean())
        self._least.append(min(a, b))
        noise = max(_NOISE, _UNEVEN * min(self._least))
        ratio = np.clip(np.log(max(a, noise) / max(b, noise)), -_MOST, _MOST)
        height = min(np.log(max(a, b, noise) / noise), _MOST)
        fit: Scores = np.where(expected == 0, height / 3 - abs(ratio), expected * ratio - height / 3)
        return fit


def _strongest(one: Scores, other: Scores) -> npt.NDArray[np.intp]:
    larger = np.maximum(one, other)
    count = max(1, round(larger.size * _STRONGEST))
    return np.argpartition(larger, -count)[-count:]


def _combs(top: Luma, bottom: Luma) -> Scores:
    """By how much the rows of `bottom` stand out from both their neighbours in `top`, a mean for each
    block."""
    height = min(len(top) - 1, len(bottom))
    above, below = bottom[:height] - top[:height], bottom[:height] - top[1 : height + 1]
    lower, higher = np.minimum(above, below), np.maximum(above, below)
    return _blocks(np.maximum(lower, 0) - np.minimum(higher, 0))


def _moves(before: Luma, now: Luma) -> Scores:
    return _blocks(abs(now - before))


def _blocks(values: Luma) -> Scores:
    """Means of blocks, what is left over at the right and the bottom left out where there is more."""
    rows, columns = min(_BLOCK_ROWS, values.shape[0]), min(_BLOCK_COLUMNS, values.shape[1])
    height, width = values.shape[0] // rows * rows, values.shape[1] // columns * columns
    cut = values[:height, :width].reshape(height // rows, rows, width // columns, columns)
    means: Scores = cut.mean(axis=(1, 3), dtype=np.float64).reshape(-1)
    return means


def _luma(picture: VideoFrame) -> Luma:
    step = max(1, picture.width // _COLUMNS)
    return picture.reformat(format="gray").to_ndarray()[:, ::step].astype(np.int16)
