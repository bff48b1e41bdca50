"""Request and response bodies of the routes, besides jobs."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tcnet.web.jobs.job import Job, Repeated, ShrinkFirst, Trim

MAX_HEIGHT = 16384
MAX_SECONDS = 1e7
_TRIM = "seconds from the first frame; of start and end, if one is sent, an omitted one is null: no limit"


class Problem(BaseModel):
    """Why a request was refused."""

    error: str = Field(description="one readable line")


ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": Problem}}


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Changed(_Asked):
    """Choices for a job. Omitted ones stay unchanged; scale and height exclude each other."""

    model: str | None = Field(default=None, max_length=100, description="a name that /api/server lists")
    detail: float | None = Field(
        default=None, ge=0, le=1, description="of a model that has it (`models` of /api/server)"
    )
    denoise: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="how far noise, grain and coding artefacts are taken out first; 0: not",
    )
    scale: float | None = Field(
        default=None, ge=1, le=4, description="4 (default) to 1: cleaned, at the input's size"
    )
    height: int | None = Field(
        None, ge=2, le=MAX_HEIGHT, multiple_of=2, description="of the result, in pixels"
    )
    crf: int | None = Field(default=None, ge=0, le=51, description="constant quality; lower is better")
    repeated: Repeated | None = Field(
        default=None, description="near: frames that repeat a picture but for a codec's noise are copied"
    )
    shrink_first: Annotated[int, Field(ge=0, le=MAX_HEIGHT)] | ShrinkFirst | None = Field(
        default=None,
        description="lines to which frames are shrunk before they are upscaled; auto: as many as they hold; "
        "0: not shrunk",
    )
    start: float | None = Field(default=None, ge=0, le=MAX_SECONDS, description=_TRIM)
    end: float | None = Field(default=None, ge=0, le=MAX_SECONDS, description=_TRIM)

    @property
    def trim(self) -> Trim | None:
        """None where neither start nor end was sent."""
        sent = {"start", "end"} & self.model_fields_set
        return Trim(self.start, self.end) if sent else None


class Created(Changed):
    upload: str = Field(max_length=100, description="id of a finished upload")


class Entered(_Asked):
    token: str = Field(max_length=1000)


class FrameTimes(BaseModel):
    start: float = Field(description="seconds from the first frame of the source to that of the result")
    times: list[float] = Field(description="seconds from the first frame of the result to each")


class JobList(BaseModel):
    jobs: list[Job]


class ServerModel(BaseModel):
    name: str
    summary: str
    default: bool
    detail: float | None = Field(description="its default, of 0 to 1; null: it has none to choose")
    denoise: float = Field(description="its default, of 0 (off) to 1")
    use: str = Field(description="files, or benchmark: on real files the others are better")
    seconds_per_pixel: float | None = Field(
        description="for one pixel of one input frame, as last measured on this server; null: not measured"
    )


class Bounds(BaseModel):
    min: int
    max: int


class ServerLimits(BaseModel):
    """What exceeds them is refused. keep_days: after which finished jobs are removed; null: never."""

    upload_bytes: int
    duration_seconds: float
    pixels: int = Field(description="of one frame of the input")
    frames: int
    queue: int
    keep_days: float | None


class Server(BaseModel):
    version: str
    models: list[ServerModel]
    sizes: list[str]
    heights: Bounds
    limits: ServerLimits
    token_required: bool
