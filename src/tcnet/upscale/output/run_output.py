"""The output of a run: checked before the work begins, opened for it, continued where one was cut off."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tcnet.inference.plan import Plan, with_output
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.journal import Line
from tcnet.upscale.output.checkpoint import Checkpoint
from tcnet.upscale.output.encoded_segment import EncodedSegment
from tcnet.upscale.output.fingerprint import plain
from tcnet.upscale.output.image_sequence import ResumableImages
from tcnet.upscale.output.segmented_video import SegmentedVideo
from tcnet.video import (
    EncodeOptions,
    ImageReader,
    VideoInfo,
    VideoReader,
    check_output,
    image_sources,
    names_video,
)
from tcnet.video.frame import FrameSink
from tcnet.video.image_writer import ImageTarget
from tcnet.video.write.encode.codecs import CLIPPED
from tcnet.video.write.segments import Trial, VideoEncoding, plan_video_encoding


class RunSink(FrameSink, Protocol):
    """A FrameSink that may hold the first `done` frames already; `complete`: it holds all. notices: complete
    after `finish`. add: takes frames that were encoded elsewhere."""

    @property
    def done(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def notices(self) -> tuple[str, ...]: ...
    def add(self, encoded: EncodedSegment) -> None: ...


@dataclass(frozen=True, slots=True)
class Output:
    """An output that can be written. notices: what will not be as in the input, known before the work. trial:
    of the encoding; None for images. earlier: the journal's header, where a run continues."""

    path: Path
    info: VideoInfo
    checkpoint: Checkpoint
    encoding: VideoEncoding | None
    source: ImageReader | VideoReader
    overwrite: bool
    resume: bool
    notices: tuple[str, ...]
    trial: Trial | None
    earlier: Line | None
    frames_kept: int

    @property
    def segment_frames(self) -> int | None:
        """Of the run that is continued; None where there is none."""
        frames = (self.earlier or {}).get("options", {}).get("segment_frames")
        return frames if isinstance(frames, int) else None

    def continued(self, identity: Mapping[str, Any], options: UpscaleOptions) -> UpscaleOptions:
        """The options to plan with: where a run continues, all that its own plan decided (window, tiles,
        precision), so that the rest comes out as it would have.

        Raises UsageError for an unfinished run with another identity.
        """
        if self.earlier is None:
            return options
        self.checkpoint.check(self.earlier, identity)
        return replace(UpscaleOptions(**self.earlier["plan"]), memory_limit=options.memory_limit)

    def described(self, plan: Plan) -> Plan:
        """A plan, with what is known of the output."""
        codec = None if self.encoding is None else self.encoding.plan.codec
        return with_output(plan, codec=codec, frames_kept=self.frames_kept)

    def open(
        self, identity: Mapping[str, Any], options: UpscaleOptions, segment_frames: int
    ) -> SegmentedVideo | ResumableImages:
        """options, segment_frames: the plan's. Raises like the sinks."""
        identity = {
            **identity,
            "options": {**identity["options"], "segment_frames": segment_frames},
            "plan": plain(asdict(replace(options, memory_limit=None))),
        }
        if self.encoding is None:
            sources = image_sources(self.source.path, self.info)
            return ResumableImages(
                self.path, identity, info=self.info, sources=sources, overwrite=self.overwrite,
                resume=self.resume,
            )  # fmt: skip
        return SegmentedVideo(
            self.encoding, identity, trial=self.trial, overwrite=self.overwrite, resume=self.resume,
            segment_frames=segment_frames,
        )  # fmt: skip


def prepare_output(
    path: Path,
    *,
    info: VideoInfo,
    encode: EncodeOptions | None,
    source: ImageReader | VideoReader,
    overwrite: bool,
    resume: bool,
) -> Output:
    """Checks all that can be known of an output before the work begins; nothing is written.

    info: of the output. source: whose sound and tags, or names of images, it takes over.

    Raises UsageError for invalid options, MediaError for a path that must not
    or cannot be written to.
    """
    is_video = names_video(path)
    checkpoint = checkpoint_of(path)
    earlier, lines = checkpoint.stored() if resume else (None, [])
    # A run cut off while it moved its result into place finds some of it, or all, there.
    moving = any("final" in line for line in lines)
    check_output(path, copy_from=source.path, overwrite=overwrite or moving)
    encoding: VideoEncoding | None = None
    trial: Trial | None = None
    notices: tuple[str, ...] = ()
    if is_video:
        file = source.file if isinstance(source, VideoReader) else None
        encoding = plan_video_encoding(path, info=info, options=encode or EncodeOptions(), copy_from=file)
        trial = encoding.trial()
        notices = trial.notices
    elif info.overshoot:
        notices = (CLIPPED.format("a file of images"),)
    done = _frames(lines)
    if done:
        notices = (f"continues an unfinished run: {done} frames are there", *notices)
    return Output(path, info, checkpoint, encoding, source, overwrite, resume, notices, trial, earlier, done)


def checkpoint_of(output: Path) -> Checkpoint:
    """Where an unfinished run of `output` keeps what it has done. Raises UsageError like `names_video`."""
    return Checkpoint(output if names_video(output) else ImageTarget(output, sources=()).folder)


def frames_kept(output: Path) -> int:
    """By an unfinished run of `output`. Raises UsageError like `names_video`."""
    return _frames(checkpoint_of(output).stored()[1])


def _frames(lines: list[Mapping[str, Any]]) -> int:
    segments = sum(int(line["segment"]["frames"]) for line in lines if "segment" in line)
    return segments + sum("image" in line for line in lines)
