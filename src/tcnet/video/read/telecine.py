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
from enum import Enum, IntEnum
from fractions import Fraction
from typing import cast

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

Luma = npt.NDArray[np.int16]  # (H, W)
Scores = npt.NDArray[np.float64]  # one for each state

LAG = 25  # pictures: five cycles
_COLUMNS = 720  # looked at: in wider pictures every second, third ... one
_BLOCK_ROWS, _BLOCK_COLUMNS = 8, 16  # of a field
_STRONGEST = 0.02  # of the blocks: what moves may be small
_NOISE = 2.0  # codes, by which repeated fields differ at least once they were encoded
_UNEVEN = 1.5  # how much more than the least noise is noise
_ALIKE = 0.25  # logarithm of the ratio of the motions of a picture's two fields
_QUIET = 0.5  # that missing combs count: what moves up or down may comb nothing
_LOUDEST = 8.0  # noise, in codes; video repeats no field that would show it
_MOST = 2.0  # that one comparison counts, a ratio of e^2
_BREAK = 8.0  # what a path loses where a cycle is broken or begins
_RARE = 4.0  # and more for 2:3:3:2
_SWITCH = 1.0  # from whole frames to fields or back, so that film after video begins with its first frame
_BEGIN = 7.0  # and where one begins with the video: less, so that it does where either is as likely
_COMBED = 0.2  # of the motion is what combs count from: fine detail that moves combs whole frames a little


class Shown(Enum):
    """What to take of a picture, where the cycle is whole."""

    AS_IS = "both fields are of one film frame"
    WOVEN = "its first field belongs to the second one of the picture before"
    NOTHING = "its film frames are in the pictures beside it"


class Comb(IntEnum):
    """How two fields that could be of one moment fit: the ones of a picture (own), and one of them and the
    other one of the picture before (across)."""

    OWN = -1  # the picture's own fields belong together, those across do not
    ACROSS = 1
    BOTH = 0
    NEITHER = 2
    APART = 3  # those across are further apart than the picture's own, which do not belong together either


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a cycle, or what a picture of video is.

    combs: of the first field and the second one before, and of the second field and the first one before.
    repeats: -1 where the first field is that of the picture before, 1 where the second one is, 0 where both
    move as much, None where each moves on its own. quarters: from the picture's time to the film frame's, in
    quarters of a picture.
    """

    combs: tuple[Comb, Comb]
    repeats: int | None = 0
    shown: Shown = Shown.AS_IS
    quarters: int = 0


_CLASSIC = (
    Place((Comb.OWN, Comb.OWN)),
    Place((Comb.OWN, Comb.OWN), quarters=1),
    Place((Comb.ACROSS, Comb.BOTH), -1, Shown.NOTHING),
    Place((Comb.ACROSS, Comb.APART), None, Shown.WOVEN, -2),
    Place((Comb.BOTH, Comb.OWN), 1, quarters=-1),
)
_ADVANCED = (
    Place((Comb.OWN, Comb.OWN)),
    Place((Comb.OWN, Comb.OWN), quarters=1),
    Place((Comb.ACROSS, Comb.BOTH), -1, Shown.NOTHING),
    Place((Comb.BOTH, Comb.OWN), 1, quarters=-2),
    Place((Comb.OWN, Comb.OWN), quarters=-1),
)
_PROGRESSIVE = Place((Comb.OWN, Comb.OWN))
_INTERLACED = Place((Comb.NEITHER, Comb.OWN))
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


_FILMS = tuple(
    Film(top_first, cycle, number)
    for top_first in (True, False)
    for cycle in (_CLASSIC, _ADVANCED)
    for number in range(CYCLE)
)
_STATES: tuple[Film | None, ...] = (*_FILMS, None, None, None)
_ORDERED = [(film.top_first, film.place) for film in _FILMS]
_ORDERED += [(True, _PROGRESSIVE), (True, _INTERLACED), (False, _INTERLACED)]
# For each state: the top field with the bottom one before, the bottom field with the top one before.
_COMBS = np.array([place.combs if top_first else place.combs[::-1] for top_first, place in _ORDERED])
_REPEATS = np.array([(place.repeats or 0) * (1 if top_first else -1) for top_first, place in _ORDERED])
_APART = np.array([place.repeats is None for _, place in _ORDERED])


def _costs() -> Scores:
    """(from, to): of each step."""
    costs = np.full((len(_STATES), len(_STATES)), _BREAK)
    for before, one in enumerate(_STATES):
        for after, other in enumerate(_STATES):
            if one is None and other is None:
                costs[before, after] = 0 if before == after else _SWITCH
            elif one is not None and one.precedes(other):
                costs[before, after] = 0
            elif other is not None and other.cycle is _ADVANCED:
                costs[before, after] += _RARE
    return costs


_COSTS = _costs()


def is_picture_step(seconds: Fraction) -> bool:
    """Whether that long lies between two pictures of a video that can hold film: 1/30 s, or 1001/30000."""
    return abs(seconds / PICTURE_SECONDS - 1) < _JITTER


def is_pulldown(before: Fraction, after: Fraction) -> bool:
    """Whether a picture that follows the last one after `before` seconds and stands for `after` seconds is a
    film frame of three fields behind one of two."""
    return is_picture_step(before) and is_picture_step(after * 2 / 3)


_FIRST: Scores = np.array(
    [0 if state is None else -_BEGIN - _RARE * (state.cycle is _ADVANCED) for state in _STATES], np.float64
)


class FilmTracker:
    """Finds film among pictures that follow each other at the video's rate."""

    def __init__(self) -> None:
        self._evidence = _Evidence()
        self._scores = _FIRST
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
        self._evidence, self._scores = _Evidence(), _FIRST
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
    """How well each state fits what a picture and the one before show, 0 where nothing moves.

    Noise is what was least lately: of repeated fields coding errors.
    """

    def __init__(self) -> None:
        self._last: Luma | None = None
        self._least_combs = _Noise()
        self._least_moves = _Noise()

    def next(self, now: Luma) -> Scores:
        before, self._last = self._last, now
        scores = np.zeros(len(_STATES))
        if before is None:
            return scores
        moves = _where_largest(*(_moves(before[rows::2], now[rows::2]) for rows in (0, 1)))
        scores = _fit(_REPEATS, *moves, self._least_moves.with_least(min(moves)), _ALIKE)
        scores[_APART] = np.maximum(scores[_APART], 0)
        own = _combs(now[0::2], now[1::2])
        fields = ((now[0::2], before[1::2]), (before[0::2], now[1::2]))
        for number, (top, bottom) in enumerate(fields):
            across = _combs(top, bottom)
            combs = _strongest(own - across), _strongest(across - own)  # texture combs both alike
            noise = self._least_combs.with_least(min(combs))
            scores += _fit_combs(_COMBS[:, number], *combs, max(noise, _COMBED * max(moves)))
        return scores


class _Noise:
    def __init__(self) -> None:
        self._least: deque[float] = deque(maxlen=2 * CYCLE)

    def with_least(self, value: float) -> float:
        """Of the last two cycles, `value` among them."""
        self._least.append(value)
        return min(max(_NOISE, _UNEVEN * min(self._least)), _LOUDEST)


def _fit(expected: npt.NDArray[np.int_], a: float, b: float, noise: float, alike: float) -> Scores:
    """For each expectation that `a` is larger than `b` (1), smaller (-1) or as large (0).

    alike: logarithm of the ratio up to which they are rather as large; no more than a third of that of the
    larger one to the noise.
    """
    ratio = np.clip(np.log(max(a, noise) / max(b, noise)), -_MOST, _MOST)
    height = min(np.log(max(a, b, noise) / noise), _MOST)
    even = height / 3
    alike = min(alike, even)
    # Up to `alike` it falls from `even` to 0, and beyond by what the ratio is more.
    equal = even * (1 - abs(ratio) / alike) if abs(ratio) < alike else alike - abs(ratio)
    fit: Scores = np.where(expected == 0, equal, np.where(expected * ratio > 0, -equal, -even - abs(ratio)))
    return fit


def _fit_combs(expected: npt.NDArray[np.int_], a: float, b: float, noise: float) -> Scores:
    """How well each of `Comb` fits, where `a` is how much more the picture's own fields comb, `b` those
    across."""
    quiet = np.clip(np.log(noise / max(a, b, _NOISE)), -_MOST, _QUIET)
    own, neither, across = _fit(np.array([-1, 0, 1]), a, b, noise, _MOST) - max(quiet, 0)
    fits = {Comb.OWN: own, Comb.ACROSS: across, Comb.BOTH: quiet, Comb.NEITHER: neither}
    fits[Comb.APART] = max(own, neither)
    return np.array([fits[Comb(comb)] for comb in expected])


def _where_largest(one: Scores, other: Scores) -> tuple[float, float]:
    """Means where the larger one is largest."""
    larger = np.maximum(one, other)
    count = max(1, round(larger.size * _STRONGEST))
    chosen = np.argpartition(larger, -count)[-count:]
    return float(one[chosen].mean()), float(other[chosen].mean())


def _strongest(values: Scores) -> float:
    """Mean of the largest, where they are above 0."""
    count = max(1, round(values.size * _STRONGEST))
    return float(np.maximum(np.partition(values, -count)[-count:], 0).mean())


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
