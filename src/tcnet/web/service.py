"""The server without HTTP: jobs are created from uploads, planned, queued, run, deleted, cleaned up."""

import queue
import shutil
import sqlite3
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from tcnet.catalogue import no_detail
from tcnet.errors import MediaError, TcnetError
from tcnet.web.jobs.changes import Changes
from tcnet.web.jobs.database import Database
from tcnet.web.jobs.frames import frame_png, result_times
from tcnet.web.jobs.job import Job, JobResult, Refused, Repeated, ShrinkFirst, State, Trim, display_name
from tcnet.web.jobs.media_process import MediaProcess, MediaReader
from tcnet.web.jobs.runs import COMMAND, Worker, without_paths
from tcnet.web.jobs.store import JobStore, new_id, now
from tcnet.web.planning import JobRequest, plan_upload, survey_upload
from tcnet.web.refusal import Refusal, no_job
from tcnet.web.settings import Settings
from tcnet.web.uploads import Upload, UploadStore, size

PLAN_SECONDS = 300.0
"""An upload that cannot be planned in this time is considered damaged."""
FRAME_SECONDS = 120.0
CLEAN_SECONDS = 600.0
"""Interval of cleaning up."""
_DAY = 24 * 3600.0
_ENDED = (State.PLANNED, State.REFUSED, State.CANCELLED, State.FAILED, State.DONE)


@dataclass(frozen=True, slots=True)
class Choice:
    """A client's choices for a job; None: the default. shrink_first: 0: not shrunk."""

    model: str | None = None
    detail: float | None = None
    denoise: float | None = None
    scale: float | None = None
    height: int | None = None
    crf: int | None = None
    trim: Trim | None = None
    repeated: Repeated | None = None
    shrink_first: int | ShrinkFirst | None = None


class Service:
    """Methods are called from any thread, and raise Refusal for what they refuse."""

    def __init__(
        self,
        settings: Settings,
        *,
        command: tuple[str, ...] = COMMAND,
        make_reader: Callable[[], MediaReader] = MediaProcess,
    ) -> None:
        """command: what upscales. make_reader: creates the process that opens uploaded files.

        Raises MediaError for a data folder that cannot be used.
        """
        self.settings = settings
        folder = settings.data_dir
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = Database(folder / "jobs.sqlite")
            self.changes = Changes()
            self.jobs = JobStore(self._database, folder / "jobs", self.changes)
            self.uploads = UploadStore(self._database, folder / "uploads", settings.limits)
        except OSError as error:
            raise MediaError(
                f"{folder}: cannot be used ({error.strerror}); choose another --data-dir"
            ) from error
        try:
            self.jobs.all()
        except ValidationError as error:
            self._database.close()
            raise MediaError(
                f"{folder}: has jobs of another version of tcnet; choose another --data-dir"
            ) from error
        self._media = make_reader()
        self._pictures = make_reader()  # separate: viewing frames must not block planning
        self._worker = Worker(self.jobs, self._request, settings.limits.frames, command)
        self._to_plan: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._planner = threading.Thread(target=self._plan_all, name="planner", daemon=True)
        self._closed = threading.Event()
        self._cleaner = threading.Thread(target=self._clean_all, name="cleaner", daemon=True)

    def start(self) -> None:
        """Resumes what the last server left, and starts working."""
        for upload in self.uploads.all():
            self.uploads.give_back(upload, self.jobs.folder(upload.id).input)
        for job in self.jobs.all():
            if job.state is State.RUNNING:
                self.jobs.change(job.id, lambda job: job.model_copy(update={"state": State.QUEUED}))
            if job.state is State.PLANNING:
                self._to_plan.put(job.id)
        self.clean()
        self._worker.start()
        self._planner.start()
        self._cleaner.start()

    def close(self) -> None:
        """Stops all work at once; the next server resumes running jobs."""
        self.changes.close()
        self._closed.set()
        self._to_plan.put(None)
        self._media.close()
        self._pictures.close()
        self._worker.close()
        self._planner.join()
        self._cleaner.join()
        self._database.close()

    def create_upload(self, name: str, metadata: str, length: int) -> Upload:
        self._check_count()
        return self.uploads.create(display_name(name), metadata, length)

    def create_job(self, upload_id: str, choice: Choice) -> Job:
        """A job of a finished upload, of the same id; it is planned at once."""
        if self.jobs.find(upload_id) is not None:
            raise Refusal(409, f"the upload {upload_id} is a job already")
        upload = self.uploads.find(upload_id)
        job = self._chosen(
            Job(
                id=upload.id, name=upload.name, state=State.PLANNING, created=now(),
                model=self.settings.default_model,
            ),
            choice,
        )  # fmt: skip
        with self._database.use():
            self.jobs.add(job)
            self.uploads.take(upload, self.jobs.folder(job.id).input)
        self._to_plan.put(job.id)
        return self.jobs.get(job.id)

    def copy_job(self, job_id: str, choice: Choice) -> Job:
        """Another job of the same upload, planned at once, with its choices where `choice` has none."""
        before = self.jobs.get(job_id)
        self._check_count()
        own = {"id": new_id(), "name": before.name, "state": State.PLANNING, "created": now()}
        job = self._chosen(Job.model_validate(own | before.choices), choice)
        folder = self.jobs.folder(job.id)
        folder.path.mkdir()
        try:
            folder.share_input(self.jobs.folder(before.id))
        except FileNotFoundError as error:  # deleted just then
            folder.remove()
            raise no_job(job_id) from error
        self.jobs.add(job)
        self._to_plan.put(job.id)
        return self.jobs.get(job.id)

    def replan(self, job_id: str, choice: Choice) -> Job:
        def chosen(job: Job) -> Job:
            if job.state not in (State.PLANNING, State.PLANNED, State.REFUSED):
                raise Refusal(
                    409, f"the job is {job.state}: what it does can be changed before it is started"
                )
            return self._chosen(job, choice).model_copy(
                update={"state": State.PLANNING, "error": None, "refusal": None, "plan": None}
            )

        job = self.jobs.change(job_id, chosen)
        self._to_plan.put(job.id)
        return job

    def start_job(self, job_id: str) -> Job:
        return self._queue(job_id, State.PLANNED)

    def resume_job(self, job_id: str) -> Job:
        return self._queue(job_id, State.CANCELLED, State.FAILED)

    def _queue(self, job_id: str, *states: State) -> Job:
        limits = self.settings.limits

        def queued(job: Job) -> Job:
            if job.state not in states:
                raise Refusal(409, f"the job is {job.state}; it must be {' or '.join(states)}")
            if self.jobs.count(State.QUEUED, State.RUNNING) >= limits.queue:
                raise Refusal(429, f"{limits.queue} jobs are waiting already; try again when some are done")
            self._check_room(job)
            return job.model_copy(update={"state": State.QUEUED, "error": None, "finished": None})

        job = self.jobs.change(job_id, queued)
        self._worker.wake()
        return job

    def _check_count(self) -> None:
        if self.jobs.count() + len(self.uploads.all()) >= self.settings.limits.jobs:
            raise Refusal(429, f"there are {self.settings.limits.jobs} jobs already; delete some first")

    def _check_room(self, job: Job) -> None:
        # The result is on the disk twice for a moment: in segments, and joined.
        needed = 2 * (job.plan.output_bytes_estimate or 0) if job.plan else 0
        free = shutil.disk_usage(self.settings.data_dir).free - self.settings.limits.free_bytes
        if needed > free:
            raise Refusal(
                507,
                f"the result may need {size(needed)} and the server's disk has room for {size(max(free, 0))}",
            )

    def cancel_job(self, job_id: str) -> Job:
        def cancelled(job: Job) -> Job:
            if job.state not in (State.QUEUED, State.RUNNING):
                raise Refusal(409, f"the job is {job.state}; only a queued or running one can be cancelled")
            return job.model_copy(update={"state": State.CANCELLED, "finished": now()})

        job = self.jobs.change(job_id, cancelled)
        self._worker.stop(job_id)
        return job

    def delete_job(self, job_id: str) -> None:
        folder = self.jobs.folder(self.jobs.get(job_id).id)
        self.jobs.remove(job_id)
        self._worker.stop(job_id, at_once=True)
        folder.remove()

    def frame(self, job_id: str, number: int, *, after: bool) -> bytes:
        """PNG of frame `number`, counted from 0, of a done job: of the result, or the input in its size."""
        job, result = self._done(job_id)
        if number >= result.frames:
            raise Refusal(404, f"there is no frame {number}: the result has {result.frames}, from 0 on")
        folder = self.jobs.folder(job.id)
        path = folder.result(job) if after else folder.input
        size = (result.height, result.width)
        trim = Trim() if after else job.trim
        try:
            return self._pictures.call(
                frame_png, path, folder.result(job), number, size, trim, seconds=FRAME_SECONDS
            )
        except MediaError as error:
            text = without_paths(str(error), job, folder)
            raise Refusal(404, f"frame {number} cannot be shown: {text}") from error

    def frame_times(self, job_id: str) -> tuple[float, list[float]]:
        """Seconds from the first frame of a done job's input to that of its result, and from that to each."""
        job, _ = self._done(job_id)
        folder = self.jobs.folder(job.id)
        try:
            return self._pictures.call(
                result_times, folder.input, folder.result(job), job.trim, seconds=FRAME_SECONDS
            )
        except MediaError as error:
            text = without_paths(str(error), job, folder)
            raise Refusal(404, f"the frames cannot be listed: {text}") from error

    def _done(self, job_id: str) -> tuple[Job, JobResult]:
        job = self.jobs.get(job_id)
        if job.state is not State.DONE or job.result is None:
            raise Refusal(409, f"the job is {job.state}; there are frames to compare when it is done")
        return job, job.result

    def clean(self) -> None:
        """Removes what is older than `keep_days`, and orphaned files."""
        if self.settings.keep_days:
            oldest = now() - self.settings.keep_days * _DAY
            for upload in self.uploads.all():
                if upload.touched < oldest:
                    self.uploads.remove(upload)
            for job in self.jobs.all():
                if job.state in _ENDED and (job.finished or job.created) < oldest:
                    self.delete_job(job.id)
        self.jobs.remove_strays()
        self.uploads.remove_strays()

    def _chosen(self, job: Job, choice: Choice) -> Job:
        if choice.scale is not None and choice.height is not None:
            raise Refusal(422, "scale and height exclude each other: give one")
        model = choice.model or job.model
        served = self.settings.model(model)
        if served is None:
            names = ", ".join(model.name for model in self.settings.models)
            raise Refusal(422, f"unknown model {model[:40]!r}; the models are {names}")
        detail = job.detail if choice.detail is None and model == job.model else choice.detail
        if detail is not None and served.detail is None:
            raise Refusal(422, no_detail(model))
        update: dict[str, object] = {
            "model": model,
            "detail": detail,
            "denoise": job.denoise if choice.denoise is None else choice.denoise,
            "crf": job.crf if choice.crf is None else choice.crf,
        }
        if choice.trim is not None:
            update |= {"start": choice.trim.start, "end": choice.trim.end}
        if choice.repeated is not None:
            update["repeated"] = choice.repeated
        if choice.shrink_first is not None:
            update["shrink_first"] = choice.shrink_first or None
        if choice.scale is not None or choice.height is not None:
            update |= {"scale": choice.scale, "height": choice.height}
        return job.model_copy(update=update)

    def _request(self, job: Job) -> JobRequest:
        model = self.settings.model(job.model)
        if model is None:
            raise MediaError(f"the model {job.model} is not served any more")
        return JobRequest(
            model.weights, job.detail, job.denoise, job.scale, job.height, job.crf, job.trim, job.repeated,
            job.shrink_first,
        )  # fmt: skip

    def _plan_all(self) -> None:
        while (job_id := self._to_plan.get()) is not None:
            job = self.jobs.find(job_id)
            if job is None or job.state is not State.PLANNING:
                continue
            try:
                update = self._plan(job)
            except Exception as error:  # noqa: BLE001 - a defect must not end all other planning too
                traceback.print_exc()
                text = f"{type(error).__name__}: {error} (a defect of tcnet serve; its log shows where)"
                update = {"state": State.REFUSED, "refusal": Refused.FILE, "error": text}
            if not self._closed.is_set():
                self._note_plan(job, update)

    def _note_plan(self, job: Job, update: dict[str, object]) -> None:
        try:
            self.jobs.change_if_there(job.id, _planned(job, update))
        except sqlite3.Error:  # such as a full disk: the next server plans it again
            traceback.print_exc()

    def _plan(self, job: Job) -> dict[str, object]:
        """The updates of a job by its plan."""
        folder, media, seconds = self.jobs.folder(job.id), self._media, PLAN_SECONDS
        source, about = job.source, Refused.PLAN
        try:
            if source is None:
                about = Refused.FILE
                source = media.call(survey_upload, folder.input, self.settings.limits, seconds=seconds)
                about = Refused.PLAN
            request, output = self._request(job), folder.result(job)
            plan = media.call(plan_upload, folder.input, output, source, request, seconds=seconds)
        except TcnetError as error:
            text = without_paths(str(error), job, folder)
            text = text if job.name in text else f"{job.name}: {text}"
            return {"state": State.REFUSED, "refusal": about, "error": text, "source": source}
        notices = [without_paths(text, job, folder) for text in plan.notices]
        if self.jobs.count(State.RUNNING):
            notices.append("the time was measured while another job ran: alone it goes faster")
        plan = plan.model_copy(update={"notices": tuple(notices)})
        return {"state": State.PLANNED, "source": source, "plan": plan}

    def _clean_all(self) -> None:
        while not self._closed.wait(CLEAN_SECONDS):
            try:
                self.clean()
            except (sqlite3.Error, OSError, Refusal):  # a full disk, or a job deleted just then: try later
                traceback.print_exc()


def _planned(asked: Job, update: dict[str, object]) -> Callable[[Job], Job]:
    def planned(job: Job) -> Job:
        if job.state is not State.PLANNING or job.choices != asked.choices:
            return job  # another plan is in progress
        return job.model_copy(update=update)

    return planned
