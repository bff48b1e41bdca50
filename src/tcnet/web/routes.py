"""The routes of jobs and of the server's own description."""

from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse
from sse_starlette import EventSourceResponse

from tcnet.version import __version__
from tcnet.web.answers import (
    ERRORS,
    MAX_HEIGHT,
    Bounds,
    Changed,
    Created,
    Entered,
    FrameTimes,
    JobList,
    Server,
    ServerLimits,
    ServerModel,
)
from tcnet.web.guard import COOKIE, is_token
from tcnet.web.jobs.job import Job, State
from tcnet.web.refusal import Refusal
from tcnet.web.service import Choice, Service

PING_SECONDS = 15
_WAITING_PICTURES = 32
_MOST_FRAME = 10**9
FrameNumber = Annotated[int, Path(ge=0, le=_MOST_FRAME)]
JobId = Annotated[str, Path(max_length=100)]
_PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
_EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}},
    206: {"description": "a range of it", "content": {"application/octet-stream": {}}},
}
_VIDEO_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",  # the same boxes, and browsers take this name
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}
"""Of an upload by its name; others are opaque bytes, so that no browser takes them for a page."""


def server_routes(service: Service) -> APIRouter:
    """The server's description, and the token as a cookie."""
    router = APIRouter(prefix="/api", tags=["server"], responses=ERRORS)
    settings = service.settings

    @router.get("/server")
    def server() -> Server:
        """Models, sizes and limits."""
        limits, default = settings.limits, settings.default_model
        return Server(
            version=__version__,
            models=[
                ServerModel(
                    name=model.name, summary=model.summary, default=model.name == default, use=model.use,
                    detail=model.detail, denoise=model.denoise, seconds_per_pixel=model.seconds_per_pixel(),
                )
                for model in settings.models
            ],
            sizes=["x4", "x3", "x2", "x1"],
            heights=Bounds(min=2, max=MAX_HEIGHT),
            limits=ServerLimits(
                upload_bytes=limits.upload_bytes, duration_seconds=limits.duration_seconds,
                pixels=limits.pixels, frames=limits.frames, queue=limits.queue,
                keep_days=settings.keep_days or None,
            ),
            token_required=settings.token is not None,
        )  # fmt: skip

    @router.post("/session", status_code=204)
    def enter(entered: Entered, request: Request) -> Response:
        """Sets the token as a cookie hidden from scripts, for requests without headers: <img>, events."""
        if settings.token is None or not is_token(entered.token, settings.token):
            raise Refusal(
                401, "this is not the server's token" if settings.token else "the server has no token"
            )
        response = Response(status_code=204)
        response.set_cookie(
            COOKIE,
            settings.token,
            httponly=True,
            samesite="strict",
            path="/",
            secure=request.url.scheme == "https",
        )
        return response

    @router.delete("/session", status_code=204)
    def leave() -> Response:
        """Removes the cookie."""
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    return router


def job_routes(service: Service) -> APIRouter:
    """Jobs: create, change, start, stop."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"], responses=ERRORS)

    @router.get("")
    def list_jobs() -> JobList:
        """All jobs, the newest first."""
        return JobList(jobs=service.jobs.all())

    @router.post("", status_code=201)
    def create_job(created: Created, response: Response) -> Job:
        """Make a job of a finished upload. It is "planning", soon "planned", or "refused" with an error."""
        job = service.create_job(created.upload, _choice(created))
        response.headers["Location"] = f"/api/jobs/{job.id}"
        return job

    @router.post("/{job_id}/again", status_code=201)
    def copy_job(job_id: JobId, changed: Changed, response: Response) -> Job:
        """Make another job of the same upload, with the choices of this one where no other is sent."""
        job = service.copy_job(job_id, _choice(changed))
        response.headers["Location"] = f"/api/jobs/{job.id}"
        return job

    @router.get("/{job_id}")
    def get_job(job_id: JobId) -> Job:
        return service.jobs.get(job_id)

    @router.patch("/{job_id}")
    def change_job(job_id: JobId, changed: Changed) -> Job:
        """Change the choices before the start: the job is planned again."""
        return service.replan(job_id, _choice(changed))

    @router.delete("/{job_id}", status_code=204)
    def delete_job(job_id: JobId) -> Response:
        """Remove a job with its files; a running one is stopped."""
        service.delete_job(job_id)
        return Response(status_code=204)

    @router.post("/{job_id}/start")
    def start_job(job_id: JobId) -> Job:
        """Queue a planned job."""
        return service.start_job(job_id)

    @router.post("/{job_id}/cancel")
    def cancel_job(job_id: JobId) -> Job:
        """Stop a queued or running job; it can be resumed."""
        return service.cancel_job(job_id)

    @router.post("/{job_id}/resume")
    def resume_job(job_id: JobId) -> Job:
        """Queue a cancelled or failed job again; it continues where it was."""
        return service.resume_job(job_id)

    return router


def picture_routes(service: Service) -> APIRouter:
    """The output of a job: pictures and the result."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"], responses=ERRORS)
    # One at a time, waiting outside the thread pool that all other requests need.
    limiter = CapacityLimiter(1)

    async def picture(job_id: str, number: int, *, after: bool) -> Response:
        if limiter.statistics().tasks_waiting >= _WAITING_PICTURES:
            raise Refusal(429, "too many frames are asked for at once; ask again later")
        png = await to_thread.run_sync(lambda: service.frame(job_id, number, after=after), limiter=limiter)
        # A finished job does not change, and no other job gets its id.
        lasting = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(png, media_type="image/png", headers=lasting)

    @router.get("/{job_id}/preview.png", response_class=Response, responses=_PNG)
    def preview(job_id: JobId) -> Response:
        """The newest computed frame."""
        job = service.jobs.get(job_id)
        try:
            # At once: while it is sent a newer one may take its place, of another length.
            png = service.jobs.folder(job.id).preview.read_bytes()
        except FileNotFoundError as error:
            raise Refusal(404, "there is no frame of this job yet") from error
        return Response(png, media_type="image/png", headers={"Cache-Control": "no-store"})

    @router.get("/{job_id}/frames")
    async def frame_times(job_id: JobId) -> FrameTimes:
        """When each frame of a done job is shown."""
        start, times = await to_thread.run_sync(lambda: service.frame_times(job_id), limiter=limiter)
        return FrameTimes(start=start, times=times)

    @router.get("/{job_id}/frames/{number}/before.png", response_class=Response, responses=_PNG)
    async def before(job_id: JobId, number: FrameNumber) -> Response:
        """Frame `number`, counted from 0, of the input, in the result's size by bicubic interpolation."""
        return await picture(job_id, number, after=False)

    @router.get("/{job_id}/frames/{number}/after.png", response_class=Response, responses=_PNG)
    async def after(job_id: JobId, number: FrameNumber) -> Response:
        """The same frame of the result."""
        return await picture(job_id, number, after=True)

    @router.head("/{job_id}/source", include_in_schema=False)
    @router.get("/{job_id}/source", response_class=FileResponse, responses=_FILE)
    def source(job_id: JobId) -> Response:
        """The uploaded video, or a range of it."""
        job = service.jobs.get(job_id)
        suffix = PurePosixPath(job.name).suffix.lower()
        return FileResponse(
            service.jobs.folder(job.id).input, filename=job.name,
            media_type=_VIDEO_TYPES.get(suffix, "application/octet-stream"),
            headers={"Cache-Control": "private, no-cache"},
        )  # fmt: skip

    @router.head("/{job_id}/result", include_in_schema=False)
    @router.get("/{job_id}/result", response_class=FileResponse, responses=_FILE)
    def result(job_id: JobId) -> Response:
        """The finished video, or a range of it."""
        job = service.jobs.get(job_id)
        path = service.jobs.folder(job.id).result(job)
        if job.state is not State.DONE or job.result is None or not path.exists():
            raise Refusal(409, f"the job is {job.state}; there is a result when it is done")
        return FileResponse(
            path, media_type=_VIDEO_TYPES[path.suffix], filename=job.result.name,
            headers={"Cache-Control": "private, no-cache"},
        )  # fmt: skip

    return router


def event_routes(service: Service) -> APIRouter:
    """Server-sent events: `job` with the job whenever it changed, `deleted` with its id."""
    router = APIRouter(prefix="/api", tags=["events"], responses=ERRORS)

    @router.get("/events", response_class=EventSourceResponse, responses=_EVENTS)
    async def all_events() -> Response:
        """Events of all jobs; begins with the current state of each."""
        return _stream(service, None)

    @router.get("/jobs/{job_id}/events", response_class=EventSourceResponse, responses=_EVENTS)
    async def job_events(job_id: JobId) -> Response:
        """Events of one job; begins with its current state, and ends when it is deleted."""
        return _stream(service, service.jobs.get(job_id).id)

    return router


def _stream(service: Service, job_id: str | None) -> Response:
    if service.changes.full:
        raise Refusal(429, "too many clients listen already; ask again later, or for the jobs themselves")

    async def events() -> AsyncIterator[dict[str, str]]:
        with service.changes.listen() as listener:
            for job in service.jobs.all() if job_id is None else [service.jobs.get(job_id)]:
                yield {"event": "job", "data": job.model_dump_json()}
            async for changed in listener:
                for one in sorted(changed if job_id is None else changed & {job_id}):
                    found = service.jobs.find(one)
                    if found is not None:
                        yield {"event": "job", "data": found.model_dump_json()}
                        continue
                    yield {"event": "deleted", "data": f'{{"id": "{one}"}}'}
                    if job_id is not None:
                        return

    return EventSourceResponse(events(), ping=PING_SECONDS, headers={"Cache-Control": "no-store"})


def _choice(asked: Changed) -> Choice:
    return Choice(
        asked.model, asked.detail, asked.denoise, asked.scale, asked.height, asked.crf, asked.trim,
        asked.repeated, asked.shrink_first,
    )  # fmt: skip
