"""Runs jobs one after the other, each by the tcnet command in a process of its own."""

import json
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tcnet.errors import MediaError, TcnetError
from tcnet.upscale.output.run_output import checkpoint_of
from tcnet.video.read.frame_times import frame_times
from tcnet.web.jobs.job import Job, JobProgress, JobResult, State
from tcnet.web.jobs.store import JobFolder, JobStore, now
from tcnet.web.planning import JobRequest

COMMAND = (sys.executable, "-m", "tcnet.web.jobs.child")
STOP_SECONDS = 20.0
"""A cancelled run has this long to stop by itself."""
RETRY_SECONDS = 10.0
"""After a queued job could not be noted as running."""
_TOLD_SECONDS = 0.25
"""Interval between two stored updates of a run's progress."""


class Worker:
    """A thread that takes queued jobs and records its work in the store."""

    def __init__(
        self,
        store: JobStore,
        request: Callable[[Job], JobRequest],
        frames: int,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        """frames: the maximum of a run, whatever the header of its input says."""
        self._store = store
        self._request = request
        self._frames = frames
        self._command = command
        self._wake = threading.Condition()
        self._running: _Run | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be a queued job."""
        with self._wake:
            self._wake.notify_all()

    def stop(self, job_id: str, *, at_once: bool = False) -> None:
        """Stops the run of a job, if there is one; waits for its end if `at_once`."""
        with self._wake:
            run = self._running if self._running and self._running.job_id == job_id else None
        if run is not None:
            run.stop(at_once=at_once)

    def close(self) -> None:
        """Stops the run; the next server resumes its job."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
            run = self._running
        if run is not None:
            run.stop(at_once=True)
        self._thread.join()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            job, run = taken
            try:
                run.run([*self._command, *self._arguments(job)], closed=lambda: self._closed)
            except TcnetError as error:
                run.fail(str(error))
            except Exception as error:  # noqa: BLE001 - a defect must not end all other jobs too
                traceback.print_exc()
                run.fail(f"{type(error).__name__}: {error} (a defect of tcnet serve; its log shows where)")
            finally:
                with self._wake:
                    self._running = None

    def _take(self) -> "tuple[Job, _Run] | None":
        """The next queued job, which is running now, and its run; None when the worker is closed."""
        with self._wake:
            while not self._closed:
                try:
                    job = self._store.next_queued()
                    begun = None if job is None else self._store.change_if_there(job.id, _begun)
                except sqlite3.Error:  # such as a full disk: the job stays queued
                    traceback.print_exc()
                    self._wake.wait(RETRY_SECONDS)
                    continue
                if job is None:
                    self._wake.wait()
                elif begun is not None and begun.state is State.RUNNING:
                    self._running = _Run(self._store, job.id, self._frames)
                    return begun, self._running
        return None

    def _arguments(self, job: Job) -> list[str]:
        folder, request = self._store.folder(job.id), self._request(job)
        options: dict[str, object] = {
            "--model": request.weights,
            "--detail": request.detail,
            "--denoise": request.denoise,
            "--scale": request.scale,
            "--height": request.height,
            "--repeated": request.repeated,
            "--shrink-first": request.shrink_first,
        }
        for name, seconds in zip(("--start", "--end"), request.trim, strict=True):
            options[name] = None if seconds is None else f"{seconds:f}"
        options |= {"--crf": request.crf, "--preview": str(folder.preview), "--progress": "json"}
        pairs = [(name, str(value)) for name, value in options.items() if value is not None]
        return [
            "upscale",
            str(folder.input),
            "-o",
            str(folder.result(job)),
            *(x for pair in pairs for x in pair),
        ]


class _Run:
    """One process and its output."""

    def __init__(self, store: JobStore, job_id: str, frames: int) -> None:
        self.job_id = job_id
        self._store = store
        self._most = frames
        self._folder = store.folder(job_id)
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._stopped = False
        self._too_long = False
        self._notices: list[str] = []
        self._begin = time.monotonic()
        self._told = 0.0

    def run(self, command: list[str], closed: Callable[[], bool]) -> None:
        job = self._store.find(self.job_id)
        if job is None:
            return
        if _is_in_place(self._folder.result(job)):  # the server stopped before it could note that
            self._finish(_Ending({"frames": len(frame_times(self._folder.result(job)))}, None, ""))
            return
        with self._lock:
            if self._stopped:
                return
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # its end tells the child that the server is gone
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=self._folder.path,
                start_new_session=True,  # Ctrl-C is for the server, which decides
            )
        ending = self._follow(self._process)
        if not closed():
            self._finish(ending)

    def stop(self, *, at_once: bool) -> None:
        with self._lock:
            self._stopped = True
            process = self._process
        if process is None:
            return
        if at_once:
            process.kill()
            process.wait()
        else:
            # Like Ctrl-C, but heeded also where that is ignored: by servers started in the background.
            process.terminate()
            timer = threading.Timer(STOP_SECONDS, process.kill)
            timer.daemon = True
            timer.start()

    def fail(self, error: str) -> None:
        """Ends the process and the job; if that cannot be stored, the next server resumes it."""
        self.stop(at_once=True)
        try:
            self._finish(_Ending(None, error, ""))
        except (sqlite3.Error, OSError):  # such as a full disk
            traceback.print_exc()

    def _follow(self, process: "subprocess.Popen[str]") -> "_Ending":
        assert process.stdout is not None
        assert process.stderr is not None
        last: deque[str] = deque(maxlen=20)
        reader = threading.Thread(target=last.extend, args=(process.stderr,), daemon=True)
        ending = _Ending(None, None, "")
        with process:  # closes the pipes
            reader.start()
            try:
                for line in process.stdout:
                    ending = self._heed(_event(line)) or ending
            except BaseException:
                process.kill()
                raise
            finally:
                reader.join()
                code = process.wait()
        return _Ending(ending.result, ending.error, f"exit code {code}: {' '.join(last)[-300:].strip()}")

    def _heed(self, event: Mapping[str, Any]) -> "_Ending | None":
        match event.get("event"):
            case "progress":
                self._tell(event)
            case "notice":
                self._notices.append(str(event["text"]))
            case "result":
                return _Ending(event, None, "")
            case "error":
                return _Ending(None, str(event["message"]), "")
        return None

    def _tell(self, event: Mapping[str, Any]) -> None:
        progress = JobProgress.model_validate(event)
        if progress.frames_done > self._most and not self._too_long:
            self._too_long = True
            self.stop(at_once=False)
        last = progress.frames_done == progress.frames_total
        if not last and time.monotonic() - self._told < _TOLD_SECONDS:
            return
        self._told = time.monotonic()
        preview = _version(self._folder.preview)

        def told(job: Job) -> Job:
            if job.state is not State.RUNNING:
                return job
            return job.model_copy(update={"progress": progress, "preview": preview})

        self._store.change_if_there(self.job_id, told)

    def _finish(self, ending: "_Ending") -> None:
        seconds = time.monotonic() - self._begin

        def ended(job: Job) -> Job:
            worked = {
                "seconds_worked": job.seconds_worked + seconds,
                "preview": _version(self._folder.preview),
            }
            if job.state is not State.RUNNING:
                return job.model_copy(update=worked)
            if ending.result is None:
                failed = {"state": State.FAILED, "error": self._reason(job, ending), "finished": now()}
                return job.model_copy(update=worked | failed)
            result = self._result(job, int(ending.result["frames"]), job.seconds_worked + seconds)
            done = {"state": State.DONE, "result": result, "finished": now(), "error": None}
            return job.model_copy(update=worked | done)

        if self._store.change_if_there(self.job_id, ended) is None:
            self._folder.remove()  # of a job that was deleted

    def _reason(self, job: Job, ending: "_Ending") -> str:
        if self._too_long:
            return f"it has more than {self._most} frames, which is what this server takes"
        if ending.error is None:
            return f"the run ended unexpectedly ({ending.last}); resuming continues it"
        return without_paths(ending.error, job, self._folder)

    def _result(self, job: Job, frames: int, seconds: float) -> JobResult:
        assert job.plan is not None
        return JobResult(
            bytes=self._folder.result(job).stat().st_size,
            width=job.plan.width,
            height=job.plan.height,
            frames=frames,
            seconds=round(seconds, 3),
            name=job.result_name,
            notices=tuple(dict.fromkeys(without_paths(text, job, self._folder) for text in self._notices)),
        )


class _Ending:
    """result, error: what the process said at the end. last: what it left otherwise."""

    def __init__(self, result: Mapping[str, Any] | None, error: str | None, last: str) -> None:
        self.result = result
        self.error = error
        self.last = last


def without_paths(text: str, job: Job, folder: JobFolder) -> str:
    """A line of the command, with paths replaced by names for clients."""
    text = text.replace(str(folder.result(job)), job.result_name).replace(str(folder.input), job.name)
    return text.replace(str(folder.path), "").replace(str(folder.path.parent), "")


def _begun(job: Job) -> Job:
    if job.state is not State.QUEUED:
        return job  # cancelled in between
    return job.model_copy(update={"state": State.RUNNING, "error": None})


def _is_in_place(result: Path) -> bool:
    return result.exists() and not checkpoint_of(result).path.exists()


def _version(preview: Path) -> int | None:
    """A number that changes with the picture."""
    try:
        return preview.stat().st_mtime_ns // 1_000_000
    except FileNotFoundError:
        return None


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError as error:
        raise MediaError(f"the run wrote a line that is not an event: {line[:80]!r}") from error
    assert isinstance(event, dict)
    return event
