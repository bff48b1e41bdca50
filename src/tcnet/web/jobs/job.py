"""A job as clients see it, and as it is stored."""

import re
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

NAME_LENGTH = 200
_MP4 = frozenset([".mp4", ".m4v", ".mov"])

Repeated = Literal["exact", "near"]
ShrinkFirst = Literal["auto"]


_CHOICES = {
    "model", "detail", "denoise", "scale", "height", "crf", "repeated", "shrink_first", "start", "end",
}  # fmt: skip


class State(StrEnum):
    """planning -> planned or refused -> queued -> running -> done, failed or cancelled (-> queued)."""

    PLANNING = "planning"
    PLANNED = "planned"
    REFUSED = "refused"
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DONE = "done"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Source(_Value):
    """The uploaded video. frames: as its header says; null if it does not."""

    width: int
    height: int
    frames: int | None
    fps: float | None
    duration: float | None = Field(description="seconds")
    bytes: int
    codec: str
    bit_depth: int


class Refused(StrEnum):
    """Whether the file was refused for good, or only the plan, which can be changed."""

    FILE = "file"
    PLAN = "plan"


class JobPlan(_Value):
    """The planned work. seconds: measured on a probe; null where the length is not known. held_width,
    held_height: what the video holds, where that is less than its size; null elsewhere."""

    width: int
    height: int
    seconds: float | None
    frames: int | None
    notices: tuple[str, ...] = Field(description="what the user should know, a line each")
    output_bytes_estimate: int | None
    held_width: int | None = None
    held_height: int | None = None


class JobProgress(_Value):
    frames_done: int
    frames_total: int | None
    fraction: float | None = Field(
        default=None, description="of the work, from 0 to 1; grows before the first frame is there"
    )
    fps: float | None
    eta_seconds: float | None


class JobResult(_Value):
    """The finished file. seconds: of work, over all runs. name: for saving it."""

    bytes: int
    width: int
    height: int
    frames: int
    seconds: float
    name: str
    notices: tuple[str, ...]


class Trim(NamedTuple):
    """Which part of the input is upscaled: seconds from its first frame; null: no limit."""

    start: float | None = None
    end: float | None = None


class Job(_Value):
    """Times are seconds since 1970. preview: a number that changes with preview.png; null before the first.
    queue_position: 1 is next. seconds_worked: over all runs that have ended."""

    id: str
    name: str = Field(description="of the uploaded file, as given: text, never a path or markup")
    state: State
    error: str | None = Field(default=None, description="why it is refused or failed, in one line")
    refusal: Refused | None = None
    created: float
    finished: float | None = None
    model: str
    detail: float | None = Field(default=None, description="null: the model's default, or it has none")
    denoise: float | None = Field(default=None, description="null: the model's default")
    scale: float | None = None
    height: int | None = None
    crf: int | None = None
    repeated: Repeated = "exact"
    shrink_first: int | ShrinkFirst | None = Field(default=None, description="null: not shrunk")
    start: float | None = Field(default=None, description="seconds; null: from the first frame")
    end: float | None = Field(default=None, description="seconds; null: to the last frame")
    source: Source | None = None
    plan: JobPlan | None = None
    progress: JobProgress | None = None
    preview: int | None = None
    queue_position: int | None = None
    result: JobResult | None = None
    seconds_worked: float = 0.0

    @property
    def choices(self) -> dict[str, object]:
        """What a client chooses; all else follows from it and from the upload."""
        return self.model_dump(include=_CHOICES)

    @property
    def trim(self) -> Trim:
        return Trim(self.start, self.end)

    @property
    def size(self) -> str:
        """The size for file names: x4, x1.5, 1080p."""
        return f"x{self.scale or 4:g}" if self.height is None else f"{self.height}p"

    @property
    def suffix(self) -> str:
        """The result's suffix, from the upload's, as `tcnet upscale` chooses it."""
        return ".mp4" if PurePosixPath(self.name).suffix.lower() in _MP4 else ".mkv"

    @property
    def result_name(self) -> str:
        return f"{PurePosixPath(self.name).stem}.{self.size}{self.suffix}"


def display_name(name: str) -> str:
    """The last part of a name that a client gave, on one line and of bounded length."""
    last = re.split(r"[/\\]", name)[-1]
    line = "".join(sign if sign.isprintable() else " " for sign in last)
    return " ".join(line.split())[:NAME_LENGTH].strip(". ") or "video"
