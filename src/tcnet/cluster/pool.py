"""Runs share workers: a dispatcher thread hands out their segments and collects the results.

Nothing here knows Ray: workers are reached through a `Crew`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tcnet.cluster.schedule import MOST_ATTEMPTS, Schedule, Task
from tcnet.errors import MediaError
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.plan import Plan
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.upscale.executor import SegmentResult, Work
from tcnet.upscale.progress import Activity
from tcnet.upscale.segment_input import SegmentInput
from tcnet.video.frame import VideoInfo

WAIT_SECONDS = 0.05
"""How long the thread waits for workers before it looks for new segments."""
SETTLE_SECONDS = 30.0
"""How long a plan waits for starting workers when some are ready: on a busy cluster some never start."""
TICK_SECONDS = 0.5
"""How often a waiting run wakes up and reports progress."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A segment whose worker died or was given up. reason: a readable line."""

    reason: str


class Crew(Protocol):
    """Access to workers. `plan`, `keep` and `begin` are called by runs, the rest by one thread."""

    def ready(self) -> dict[str, str]:
        """The workers that can take segments now, by name, with the machine of each.

        To be called often. Raises TcnetError when none can be expected.
        """

    def starting(self) -> int:
        """Workers that are not ready yet and may soon be."""

    def planner(self) -> str | None:
        """The ready worker to plan with."""

    def plan(
        self, worker: str, info: VideoInfo, network: VideoNetwork, options: UpscaleOptions | None,
        model: str | None,
    ) -> Plan | Lost:  # fmt: skip
        """The result of `plan_upscale` there. Raises like it."""

    def most_bytes(self) -> int | None:
        """Limit of segment bytes in transit at once."""

    def keep(self, segment: SegmentInput) -> Any:  # noqa: ANN401 - the crew's own
        """Stores a segment where workers can fetch it while the returned reference lives."""

    def begin(self, work: Work) -> Any:  # noqa: ANN401 - the crew's own
        """Stores what all segments of a run share, likewise."""

    def send(self, worker: str, run: Any, segment: Any) -> Any:  # noqa: ANN401 - the crew's own
        """Gives a segment to a worker; returns a ticket."""

    def wait(self, tickets: Sequence[Any], seconds: float) -> dict[Any, Callable[[], SegmentResult] | Lost]:
        """The outcomes of some tickets, after waiting for the first. A result is read where it is needed, and
        raises what the worker raised."""

    def drop(self, worker: str) -> None:
        """Stops using a worker."""

    def close(self) -> None: ...


@dataclass(slots=True)
class _Run:
    """A run as the pool tracks it. segments: the unfinished ones, by number."""

    shared: Any
    segments: dict[int, Any]
    error: BaseException | None = None


class Pool:
    """Workers that several runs use at once, each from a thread of its own."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._changed = threading.Condition()
        self._schedule: Schedule[Callable[[], SegmentResult]] = Schedule(most_bytes=crew.most_bytes())
        self._runs: dict[int, _Run] = {}
        self._tickets: dict[Any, tuple[str, Task]] = {}
        self._machines: dict[str, str] = {}
        self._starting = 0
        self._planner: str | None = None
        self._notices: list[str] = []
        self._stopping = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="cluster", daemon=True)
        self._thread.start()

    def plan(
        self, info: VideoInfo, network: VideoNetwork, options: UpscaleOptions | None, model: str | None
    ) -> Plan:
        """By a worker, once the starting ones are ready. Raises like `plan_upscale`."""
        reason = ""
        for _ in range(MOST_ATTEMPTS):
            with self._changed:
                latest = time.monotonic() + SETTLE_SECONDS
                self._raise_errors(None)
                while not self._machines or (self._starting and time.monotonic() < latest):
                    self._changed.wait(TICK_SECONDS)
                    self._raise_errors(None)
                worker = self._planner
            assert worker is not None
            plan = self._crew.plan(worker, info, network, options, model)
            if not isinstance(plan, Lost):
                return plan
            reason = plan.reason
        raise MediaError(f"{MOST_ATTEMPTS} workers were lost while they planned ({reason})")

    def compute(
        self, work: Work, segments: Iterator[SegmentInput], waiting: Callable[[], None]
    ) -> Iterator[SegmentResult]:
        """The results of all segments, in order; `waiting` is called periodically.

        Raises what the segments or the workers raise, and MediaError for a segment over which several workers
        died.
        """
        shared = self._crew.begin(work)
        with self._changed:
            job = self._schedule.open_job()
            run = self._runs[job] = _Run(shared, {})
        exhausted = False
        looked_up = time.monotonic()
        try:
            while True:
                with self._changed:
                    self._raise_errors(run)
                    result = self._schedule.take(job)
                    wants = not exhausted and self._schedule.wants(job)
                    if result is None and not wants:
                        if exhausted and self._schedule.is_idle(job):
                            return
                        self._changed.wait(TICK_SECONDS)
                if result is not None:
                    yield result()
                elif wants:
                    segment = next(segments, None)
                    exhausted = segment is None
                    if segment is not None:
                        self._offer(job, run, segment)
                        del segment  # the crew holds it now
                if time.monotonic() > looked_up + TICK_SECONDS:
                    looked_up = time.monotonic()
                    waiting()
        finally:
            with self._changed:
                self._schedule.close_job(job)
                del self._runs[job]
                self._changed.notify_all()

    def activity(self) -> Activity:
        with self._changed:
            return Activity(self._schedule.workers, self._schedule.windows_under_way)

    def notices(self) -> list[str]:
        """Notices of workers that were lost."""
        with self._changed:
            return list(self._notices)

    @property
    def closed(self) -> bool:
        return self._stopping

    def close(self) -> None:
        """Stops; runs in progress fail. Idempotent."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        self._crew.close()

    def _offer(self, job: int, run: _Run, segment: SegmentInput) -> None:
        kept = self._crew.keep(segment)
        with self._changed:
            self._raise_errors(run)
            run.segments[segment.number] = kept
            self._schedule.offer(Task(job, segment.number, len(segment.windows), segment.size))
            self._changed.notify_all()

    def _raise_errors(self, run: _Run | None) -> None:
        error = self._error if run is None else run.error or self._error
        if error is not None:
            raise error
        if self._stopping:
            raise MediaError("the cluster was closed while the run was at work; the same command continues")

    def _work(self) -> None:
        """The dispatcher thread."""
        try:
            while not self._stopping:
                self._meet()
                sent = self._hand_out()
                with self._changed:
                    tickets = list(self._tickets)
                    if not tickets:
                        self._changed.wait(WAIT_SECONDS)
                if tickets:
                    outcomes = self._crew.wait(tickets, 0 if sent else WAIT_SECONDS)
                    for ticket, outcome in outcomes.items():
                        self._take(ticket, outcome)
        except BaseException as error:  # noqa: BLE001 - raised in the threads of the runs
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _meet(self) -> None:
        """Tracks which workers are present."""
        ready = self._crew.ready()
        with self._changed:
            for worker in ready.keys() - self._machines.keys():
                self._schedule.add_worker(worker)
            for worker in self._machines.keys() - ready.keys():
                if self._schedule.has_worker(worker):
                    self._lose(worker, "it is gone")
            self._machines = ready
            self._starting, self._planner = self._crew.starting(), self._crew.planner()
            if ready:
                self._changed.notify_all()

    def _hand_out(self) -> bool:
        """Sends what can be sent; returns whether there was anything."""
        with self._changed:
            assigned = list(self._schedule.assign())
            runs = [self._runs[task.job] for _, task in assigned]
        for (worker, task), run in zip(assigned, runs, strict=True):
            ticket = self._crew.send(worker, run.shared, run.segments[task.number])
            with self._changed:
                self._tickets[ticket] = worker, task
        if assigned:
            with self._changed:
                self._changed.notify_all()
        return bool(assigned)

    def _take(self, ticket: Any, outcome: Callable[[], SegmentResult] | Lost) -> None:  # noqa: ANN401 - the crew's own
        with self._changed:
            worker, task = self._tickets.pop(ticket)
            if isinstance(outcome, Lost):
                if self._schedule.has_worker(worker):
                    self._lose(worker, outcome.reason)
            else:
                self._schedule.done(worker, task, outcome)
                if task.job in self._runs:
                    self._runs[task.job].segments.pop(task.number, None)
            self._changed.notify_all()

    def _lose(self, worker: str, reason: str) -> None:
        self._crew.drop(worker)
        machine = self._machines.get(worker, worker)
        self._notices.append(
            f"the worker on {machine} was lost ({reason}); its segments were computed elsewhere"
        )
        for task in self._schedule.lose_worker(worker):
            self._schedule.close_job(task.job)  # or it would cost the other workers too
            if task.job in self._runs:
                self._runs[task.job].error = MediaError(
                    f"segment {task.number} (counted from 0): {MOST_ATTEMPTS} workers were lost over it, the "
                    f"last on {machine} ({reason}); a smaller --tile or --window needs less memory"
                )
