"""Which worker computes which segment next: pure bookkeeping, without threads, clocks or Ray."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Result = TypeVar("Result")

IN_FLIGHT = 2
"""Segments that a worker has at a time: one in computation, one in transit."""
MOST_ATTEMPTS = 3
"""Workers that may die over one segment before the run is given up."""
OFFERED = 2
"""Decoded segments of a job that wait for a worker."""


@dataclass(frozen=True, slots=True)
class Task:
    """A segment to be computed. size: bytes of its frames. number: counts up by one within the job."""

    job: int
    number: int
    windows: int
    size: int


@dataclass(slots=True)
class _Job(Generic[Result]):
    waiting: deque[Task] = field(default_factory=deque)
    running: set[Task] = field(default_factory=set)
    results: dict[int, Result] = field(default_factory=dict)
    next_number: int | None = None  # of the result to hand out next; None until something was offered

    def unfinished(self) -> int:
        return len(self.waiting) + len(self.running) + len(self.results)


class Schedule(Generic[Result]):
    """Jobs offer tasks, workers take them, results come back in order.

    Bounded: a job is asked for more only while few of its tasks wait for a worker, and not too many of its
    results wait for a slower one; a worker has at most `in_flight` tasks; all tasks in flight have at most
    `most_bytes` of frames, or there is only one. Jobs take turns, whatever their length.
    """

    def __init__(self, *, in_flight: int = IN_FLIGHT, most_bytes: int | None = None) -> None:
        self._in_flight = in_flight
        self.most_bytes = most_bytes
        self._workers: dict[str, list[Task]] = {}
        self._jobs: dict[int, _Job[Result]] = {}
        self._turns: deque[int] = deque()
        self._attempts: dict[Task, int] = {}
        self._opened = 0

    @property
    def workers(self) -> int:
        return len(self._workers)

    @property
    def windows_under_way(self) -> int:
        return sum(task.windows for tasks in self._workers.values() for task in tasks)

    def open_job(self) -> int:
        self._opened += 1
        self._jobs[self._opened] = _Job()
        self._turns.append(self._opened)
        return self._opened

    def close_job(self, job: int) -> None:
        """Drops its waiting tasks; tasks in flight count for no job. Idempotent."""
        if job in self._jobs:
            del self._jobs[job]
            self._turns.remove(job)

    def add_worker(self, worker: str) -> None:
        self._workers.setdefault(worker, [])

    def has_worker(self, worker: str) -> bool:
        return worker in self._workers

    def lose_worker(self, worker: str) -> list[Task]:
        """Its tasks wait again, before all others. Returns those that have now failed too often.

        Only the task in computation counts as tried: the next one has not begun.
        """
        tasks = self._workers.pop(worker, [])
        given_up = []
        for position, task in reversed([*enumerate(tasks)]):
            if task.job not in self._jobs:
                continue
            job = self._jobs[task.job]
            job.running.discard(task)
            job.waiting.appendleft(task)
            if position == 0:
                self._attempts[task] = self._attempts.get(task, 0) + 1
                if self._attempts[task] >= MOST_ATTEMPTS:
                    given_up.append(task)
        return given_up

    def wants(self, job: int) -> bool:
        """Whether a job should offer another task now."""
        state = self._jobs[job]
        # Twice what the workers hold: so much may be finished while one slow segment is not.
        most = 2 * self._in_flight * max(1, self.workers) + OFFERED
        return len(state.waiting) < OFFERED and state.unfinished() < most

    def offer(self, task: Task) -> None:
        job = self._jobs[task.job]
        if job.next_number is None:
            job.next_number = task.number
        job.waiting.append(task)

    def assign(self) -> Iterator[tuple[str, Task]]:
        """Tasks for workers that have room; each counts as in flight at once."""
        while (worker := self._freest()) is not None and (task := self._next()) is not None:
            job = self._jobs[task.job]
            job.waiting.popleft()
            job.running.add(task)
            self._workers[worker].append(task)
            self._turns.remove(task.job)
            self._turns.append(task.job)
            yield worker, task

    def done(self, worker: str, task: Task, result: Result) -> None:
        """A worker has finished a task. Results of a worker that was lost meanwhile are ignored."""
        if task not in self._workers.get(worker, ()):
            return
        self._workers[worker].remove(task)
        self._attempts.pop(task, None)
        if task.job in self._jobs:
            job = self._jobs[task.job]
            job.running.remove(task)
            job.results[task.number] = result

    def take(self, job: int) -> Result | None:
        """The next result in order, if available."""
        state = self._jobs[job]
        if state.next_number is None or state.next_number not in state.results:
            return None
        state.next_number += 1
        return state.results.pop(state.next_number - 1)

    def is_idle(self, job: int) -> bool:
        """Whether nothing that was offered is left to hand out."""
        return not self._jobs[job].unfinished()

    def _freest(self) -> str | None:
        worker = min(self._workers, key=lambda name: len(self._workers[name]), default=None)
        return None if worker is None or len(self._workers[worker]) >= self._in_flight else worker

    def _next(self) -> Task | None:
        """The first task of the job whose turn it is, unless it has to wait for room."""
        for turn in self._turns:
            if self._jobs[turn].waiting:
                task = self._jobs[turn].waiting[0]
                under_way = sum(task.size for tasks in self._workers.values() for task in tasks)
                if self.most_bytes is None or not under_way or under_way + task.size <= self.most_bytes:
                    return task
                return None
        return None
