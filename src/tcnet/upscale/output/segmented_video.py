"""A video output in segments, each finished for good: what a crash leaves is where the next run goes on."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tcnet.errors import MediaError
from tcnet.journal import Line
from tcnet.upscale.output.checkpoint import CONTINUES, Checkpoint, storing
from tcnet.upscale.output.disk_space import check_room, free_room, room_needed
from tcnet.upscale.output.encoded_segment import EncodedSegment
from tcnet.video import Frame
from tcnet.video.atomic_file import check_target, replace_file, sync, sync_folder, write_synced
from tcnet.video.write.segments import Segment, SegmentWriter, Trial, VideoEncoding

_SPARE_SEGMENTS = 2
"""The run stops while there is room for this many more: a disk filled to the brim harms others too."""


class SegmentedVideo:
    """A FrameSink over one video file.

    `done` frames are there already and are not to be written again. Every `segment_frames` frames the
    encoder is finished and its file and then a line in the journal are put on the disk; `finish` joins the
    files. `abort` leaves what is finished, and nothing if that is nothing.
    """

    def __init__(
        self,
        encoding: VideoEncoding,
        identity: Mapping[str, Any],
        *,
        trial: Trial | None = None,
        overwrite: bool,
        resume: bool,
        segment_frames: int,
    ) -> None:
        """identity: what the frames depend on. trial: of the encoding, where it was made already. resume:
        continue an earlier run, if there is one.

        Raises UsageError for an earlier run with another identity or encoding and for what the container
        cannot hold, MediaError for a place that cannot be written to, another process that does so, and too
        little room.
        """
        self._encoding = encoding
        self._overwrite = overwrite
        self._segment_frames = segment_frames
        self._folder = Checkpoint(encoding.path)
        self._writer: SegmentWriter | None = None
        trial = trial or encoding.trial()
        self._parameter_sets = trial.parameter_sets
        self._header = {**identity, "encoding": self._described()}
        lines = self._folder.open(self._header, resume=resume)
        self._segments: list[Segment] = []
        self._final_line: Line | None = None
        self._ended = False
        self._placed: int | None = None  # frames, where an earlier run has put its result in place
        self._open = True
        try:
            self._take_over(lines)
            self._notices = (*trial.notices, *self._folder.notices, *self._check_room())
        except BaseException:
            self.abort()
            raise

    @property
    def notices(self) -> tuple[str, ...]:
        return self._notices

    @property
    def done(self) -> int:
        """Frames in finished segments."""
        return self._placed if self._placed is not None else sum(segment.frames for segment in self._segments)

    @property
    def complete(self) -> bool:
        """Whether all frames are there: only `finish` is left to do."""
        return self._ended

    def write(self, frame: Frame) -> None:
        """Takes the next frame. ValueError for a wrong size, a dead sink, or a time not after the last one;
        MediaError when it cannot be written."""
        self._check_open()
        with storing(self._encoding.path):
            if self._writer is None:
                self._writer = self._encoding.segment(self._file(len(self._segments)))
            self._writer.write(frame)
            if self._writer.frames == self._segment_frames:
                self._finish_segment()

    def add(self, encoded: EncodedSegment) -> None:
        """Takes the next frames as a segment that was encoded elsewhere, whole unless it is the last one.

        ValueError for frames that do not fit there, MediaError for what came damaged or from another build of
        the encoder, and when it cannot be written.
        """
        self._check_open()
        segment = encoded.segment
        if segment is None or self._writer is not None:
            raise ValueError(f"{self._encoding.path}: segments must be whole and in order")
        (data,) = encoded.files
        if len(data) != segment.size or hashlib.sha256(data).hexdigest() != segment.sha256:
            raise MediaError(
                f"{self._encoding.path}: a segment came damaged from the worker that encoded it; {CONTINUES}"
            )
        if segment.parameter_sets != self._parameter_sets:
            raise MediaError(
                f"{self._encoding.path}: a worker has another build of the encoder "
                f"{self._encoding.plan.encoder} than this machine, which does not join with ours; "
                "install the same version of av everywhere"
            )
        with storing(self._encoding.path):
            write_synced(self._file(len(self._segments)), data)
            self._note(segment)

    def finish(self) -> None:
        """Joins the segments and gives the file its name. MediaError when that fails: it can be repeated."""
        self._check_open()
        with storing(self._encoding.path):
            if self._placed is not None:
                self._folder.remove()
                self._open = False
                return
            if self._writer is not None:
                self._finish_segment()
            if not self._segments:
                raise MediaError(f"{self._encoding.path}: no frame was written")
            if not self._ended:
                self._folder.append({"end": self.done})
                self._ended = True
            if self._final_line is None:
                self._join()
            self._put_in_place()
            self._folder.remove()
        self._open = False

    def abort(self) -> None:
        """Stops; harmless after `finish` and when called again. What is finished stays."""
        if not self._open:
            return
        self._open = False
        if self._writer is not None:
            self._writer.abandon()
        if self._segments or self._placed is not None:
            self._folder.release()
        else:
            self._folder.remove()

    def _finish_segment(self) -> None:
        assert self._writer is not None
        segment = self._writer.finish()
        self._writer = None
        if segment.parameter_sets != self._parameter_sets:
            raise MediaError(
                f"{self._encoding.path}: the encoder {self._encoding.plan.encoder} changes its parameter "
                "sets between segments, which then cannot be joined; give other encoder options"
            )
        self._note(segment)

    def _note(self, segment: Segment) -> None:
        """A segment's file is on the disk."""
        self._folder.append(_line(len(self._segments), segment))
        self._segments.append(segment)
        largest = max(segment.size for segment in self._segments)
        if free_room(self._folder.path) < _SPARE_SEGMENTS * largest:
            raise MediaError(f"{self._encoding.path}: its disk is full; {CONTINUES}")

    def _join(self) -> None:
        final = self._final
        files = [self._file(index) for index in range(len(self._segments))]
        try:
            notices = self._encoding.join(final, files, self._segments[0], self._segments[-1])
        except MediaError as error:
            raise MediaError(f"{error}; {CONTINUES}") from error
        sync(final)
        self._final_line = {"final": final.stat().st_size}
        self._folder.append(self._final_line)
        self._notices = (*self._notices, *notices)

    def _put_in_place(self) -> None:
        target = self._encoding.path.absolute()
        assert self._final_line is not None
        if _size(self._final) != self._final_line["final"]:
            self._join()
        file = self._encoding.copy_from
        source = None if file is None else file.path
        check_target(self._encoding.path, overwrite=self._overwrite, source=source)
        replace_file(self._final, target)
        sync_folder(target.parent)

    def _take_over(self, lines: list[Line]) -> None:
        """What an earlier run finished; what follows a segment that is not as it was is forgotten."""
        self._final_line = next((line for line in lines if "final" in line), None)
        placed = _size(self._encoding.path)
        if self._final_line is not None and not self._final.exists() and placed == self._final_line["final"]:
            # Whether the folder was removed after that, in part, is the same.
            self._placed = next(line["end"] for line in lines if "end" in line)
            self._ended = True
            return
        self._segments = self._verified(lines)
        whole = len(self._segments) == sum("segment" in line for line in lines)
        self._ended = whole and any("end" in line for line in lines)
        if not whole:
            self._final_line = None
            self._folder.keep(self._header, [_line(*item) for item in enumerate(self._segments)])

    def _verified(self, lines: list[Line]) -> list[Segment]:
        """Segments from the first on, up to one whose file is not as it was."""
        segments: list[Segment] = []
        for line in lines:
            if "segment" not in line:
                continue
            segment = Segment(**line["segment"])
            file = self._file(len(segments))
            if not file.is_file() or file.stat().st_size != segment.size or _digest(file) != segment.sha256:
                break
            segments.append(segment)
        return segments

    def _check_room(self) -> tuple[str, ...]:
        info, path = self._encoding.info, self._encoding.path
        if info.frame_count is None or self._ended:
            return ()
        left = max(0, info.frame_count - self.done)
        deep = info.bit_depth > 8
        needed = room_needed(self._encoding.plan.codec, info.width, info.height, left, deep=deep)
        return check_room(path, needed, free_room(path))

    def _described(self) -> dict[str, Any]:
        plan, info = self._encoding.plan, self._encoding.info
        return {
            "codec": plan.encoder,
            "pixel_format": plan.pixel_format,
            "encoder_options": dict(plan.options),
            "encoder_build": hashlib.sha256(bytes.fromhex(self._parameter_sets)).hexdigest()[:12],
            "size": f"{info.width}x{info.height}",
            "time_base": str(info.time_base),
            "segment_frames": self._segment_frames,
        }

    @property
    def _final(self) -> Path:
        return self._folder.path / "final"

    def _file(self, index: int) -> Path:
        return self._folder.path / f"{index:06d}.segment"

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError(f"{self._encoding.path}: the sink is finished or aborted")


def _line(index: int, segment: Segment) -> Line:
    return {"segment": asdict(segment), "number": index}


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
