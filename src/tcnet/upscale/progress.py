"""How far a run is and how long it will take."""

from collections import deque
from dataclasses import dataclass

RECENT_WINDOWS = 8
"""Windows that the rate is taken over: enough to be steady, few enough to follow a machine that slows."""
PROBE_FRAMES = 4
"""Frames as which the probe counts, beside those that are computed."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a cluster does just now: its workers, and the windows that they have or wait to compute."""

    workers: int
    windows: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        frames_done: frames computed, those of a resumed run included.
        frames_total: None if not known.
        fps: frames a second; None until measured.
        eta_seconds: time left; None while it cannot be estimated.
        activity: the cluster's, in a run on one.
        computed: frames computed, those of the current window by the share of its work that is done; None
            where that is not known.
    """

    frames_done: int
    frames_total: int | None
    fps: float | None
    eta_seconds: float | None
    activity: Activity | None = None
    computed: float | None = None

    @property
    def fraction(self) -> float | None:
        """How much of the run's work is done, from 0 to 1; None if the number of frames is not known."""
        if not self.frames_total:
            return None
        return min(1.0, max(self.frames_done, self.computed or 0.0) / self.frames_total)

    @property
    def fps_per_worker(self) -> float | None:
        """Frames a second of each worker of a cluster; None without a cluster, or before the first rate."""
        if self.activity is None or self.fps is None or not self.activity.workers:
            return None
        return self.fps / self.activity.workers


class RateMeter:
    """An ETA from the work inside windows, or where that is not known, from whole windows.

    Frames come in bursts at the end of each window's work, so that a rate over single frames would swing.
    `seconds_per_frame` (measured on a probe) counts as PROBE_FRAMES that were computed, or stands in until
    the first window is done. Times are seconds of any one steady clock.
    """

    def __init__(
        self,
        frames_total: int | None,
        seconds_per_frame: float | None,
        now: float,
        *,
        frames_done: int = 0,
        recent: int = RECENT_WINDOWS,
    ) -> None:
        """recent: windows that the rate is taken over."""
        self._total = frames_total
        self._estimate = seconds_per_frame
        self._marks: deque[tuple[float, int]] = deque([(now, frames_done)], maxlen=recent + 1)

    def window_done(self, frames_done: int, now: float) -> None:
        """A window was just finished, the last of its frames being the `frames_done`-th."""
        self._marks.append((now, frames_done))

    def progress(self, frames_done: int, now: float, computed: float | None = None) -> Progress:
        """computed: frames, those of the current window by the share of its work that is done."""
        if computed is not None:
            return self._inside_window(frames_done, now, max(computed, frames_done))
        per_frame = self._seconds_per_frame()
        total = self._total
        if total is not None and frames_done > total:
            total = None  # containers give estimates; a wrong one is of no use
        eta = None
        if per_frame is not None and total is not None:
            time_of_mark, frames_at_mark = self._marks[-1]
            eta = (total - frames_at_mark) * per_frame - (now - time_of_mark)
            if frames_done == total:
                eta = 0.0
            elif eta <= 0:
                eta = None  # slower than ever measured: better silent than wrong
        return Progress(frames_done, total, 1 / per_frame if per_frame else None, eta)

    def _inside_window(self, frames_done: int, now: float, computed: float) -> Progress:
        begin, first = self._marks[0]
        frames, seconds = computed - first, now - begin
        if self._estimate is not None:
            frames += PROBE_FRAMES
            seconds += PROBE_FRAMES * self._estimate
        per_frame = seconds / frames if frames > 0 else None
        total = self._total
        if total is not None and computed > total:
            total = None  # containers give estimates; a wrong one is of no use
        eta = None if total is None or per_frame is None else (total - computed) * per_frame
        return Progress(frames_done, total, 1 / per_frame if per_frame else None, eta, computed=computed)

    def _seconds_per_frame(self) -> float | None:
        (begin, first), (end, last) = self._marks[0], self._marks[-1]
        return (end - begin) / (last - first) if last > first else self._estimate
