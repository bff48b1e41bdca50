"""The jobs on disk; they survive the server."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

from tcnet.web.jobs.changes import Changes
from tcnet.web.jobs.database import Database
from tcnet.web.jobs.job import Job, State
from tcnet.web.refusal import no_job

_STRAY_SECONDS = 3600
"""Younger folders may be about to become jobs."""
_SELECT = (
    "SELECT record, CASE WHEN state = 'queued' THEN (SELECT count(*) FROM jobs AS o "
    "WHERE o.state = 'queued' AND o.queued <= jobs.queued) END FROM jobs"
)


class JobFolder:
    """The files of a job. The names are ours, whatever the client calls the video."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.input = path / "input"
        self.preview = path / "preview.png"

    def result(self, job: Job) -> Path:
        return self.path / f"result{job.suffix}"

    def share_input(self, other: "JobFolder") -> None:
        """Take over the input of another job, without a copy where the file system can."""
        try:
            os.link(other.input, self.input)
        except FileNotFoundError:
            raise
        except OSError:  # no hard links there
            shutil.copyfile(other.input, self.input)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class JobStore:
    """Jobs as values; each change is one transaction and notifies `changes`."""

    def __init__(self, database: Database, folder: Path, changes: Changes) -> None:
        self._database = database
        self._folder = folder
        self._changes = changes
        folder.mkdir(parents=True, exist_ok=True)

    def folder(self, job_id: str) -> JobFolder:
        """job_id: of a job that is or was in the store, never as a client gave it."""
        return JobFolder(self._folder / job_id)

    def add(self, job: Job) -> None:
        with self._database.use() as connection:
            connection.execute(
                "INSERT INTO jobs (id, created, state, record) VALUES (?, ?, ?, ?)",
                (job.id, job.created, job.state, job.model_dump_json()),
            )
        self._changes.tell(job.id)

    def find(self, job_id: str) -> Job | None:
        with self._database.use() as connection:
            row = connection.execute(f"{_SELECT} WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else _job(row)

    def get(self, job_id: str) -> Job:
        """Raises Refusal for an unknown id."""
        job = self.find(job_id)
        if job is None:
            raise no_job(job_id)
        return job

    def all(self) -> list[Job]:
        """The newest first."""
        with self._database.use() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY created DESC, id").fetchall()
        return [_job(row) for row in rows]

    def next_queued(self) -> Job | None:
        with self._database.use() as connection:
            row = connection.execute(f"{_SELECT} WHERE state = 'queued' ORDER BY queued LIMIT 1").fetchone()
        return None if row is None else _job(row)

    def count(self, *states: State) -> int:
        """Of all jobs, if no state is given."""
        marks = ", ".join("?" * len(states))
        where = f" WHERE state IN ({marks})" if states else ""
        with self._database.use() as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM jobs{where}", states).fetchone()
        return int(count)

    def change(self, job_id: str, function: Callable[[Job], Job]) -> Job:
        """Replaces the job by `function` of it. A job that becomes queued goes to the end of the queue.

        Raises Refusal for an unknown id, and what `function` raises; nothing is changed then.
        """
        job = self.change_if_there(job_id, function)
        if job is None:
            raise no_job(job_id)
        return job

    def change_if_there(self, job_id: str, function: Callable[[Job], Job]) -> Job | None:
        """Like `change`; None for a deleted job."""
        with self._database.use() as connection:
            before = self.find(job_id)
            if before is None:
                return None
            after = function(before)
            if after is before:
                return before
            queued = after.state is State.QUEUED and before.state not in (State.QUEUED, State.RUNNING)
            connection.execute(
                "UPDATE jobs SET state = ?, record = ?, queued = CASE WHEN ? THEN "
                "(SELECT coalesce(max(queued), 0) + 1 FROM jobs) ELSE queued END WHERE id = ?",
                (after.state, after.model_dump_json(), queued, job_id),
            )
            others = [] if before.state is after.state else self._waiting()
            after = self.get(job_id)
        for other in {job_id, *others}:
            self._changes.tell(other)
        return after

    def remove(self, job_id: str) -> None:
        """Removes the record; Refusal for an unknown id."""
        with self._database.use() as connection:
            if not connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,)).rowcount:
                raise no_job(job_id)
            others = self._waiting()
        for other in {job_id, *others}:
            self._changes.tell(other)

    def remove_strays(self) -> None:
        """Removes orphaned folders, which a server that died may have left."""
        known = {job.id for job in self.all()}
        for path in self._folder.iterdir():
            if path.name not in known and time.time() - path.stat().st_mtime > _STRAY_SECONDS:
                shutil.rmtree(path, ignore_errors=True)

    def _waiting(self) -> list[str]:
        """Jobs whose place in the queue changes with another's state."""
        with self._database.use() as connection:
            return [row[0] for row in connection.execute("SELECT id FROM jobs WHERE state = 'queued'")]


def _job(row: tuple[str, int | None]) -> Job:
    record, position = row
    return Job.model_validate_json(record).model_copy(update={"queue_position": position})


def new_id() -> str:
    """A random id that is also a valid file name."""
    return token_hex(16)


def now() -> float:
    return round(time.time(), 3)
