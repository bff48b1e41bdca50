"""Images as the output, each finished for good: what a crash leaves is where the next run goes on."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tcnet.errors import MediaError
from tcnet.journal import Line
from tcnet.upscale.output.checkpoint import Checkpoint, storing
from tcnet.upscale.output.disk_space import check_room, free_room, room_needed
from tcnet.upscale.output.encoded_segment import EncodedSegment, encode_segment
from tcnet.video import Frame, VideoInfo
from tcnet.video.atomic_file import sync_folder, write_synced
from tcnet.video.image_writer import ImageTarget


class ResumableImages:
    """A FrameSink over PNGs, which lie in the run's folder until all are there.

    `done` frames are there already and are not to be written again. `abort` leaves what is finished, and
    nothing if that is nothing.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        *,
        info: VideoInfo,
        sources: Sequence[Path],
        overwrite: bool,
        resume: bool,
    ) -> None:
        """path, sources: as for `ImageTarget`; the place has been checked. identity: what the frames depend
        on. resume: continue an earlier run, if there is one.

        Raises UsageError for an earlier run with another identity, MediaError for a place that cannot be
        written to, another process that does so, and too little room.
        """
        self._info = info
        self._target = ImageTarget(path, sources=sources)
        self._overwrite = overwrite
        self._folder = Checkpoint(self._target.folder)
        self._images = self._folder.path / "images"
        self._header = {**identity, "encoding": self._described()}
        lines = self._folder.open(self._header, resume=resume)
        self.done = 0
        self._moving = self._ended = False
        self._open = True
        try:
            self._take_over(lines)
            self.notices = (*self._folder.notices, *self._check_room())
            with storing(self._target.folder):
                self._images.mkdir(exist_ok=True)
        except BaseException:
            self.abort()
            raise

    @property
    def complete(self) -> bool:
        """Whether all frames are there: only `finish` is left to do."""
        return self._ended

    def write(self, frame: Frame) -> None:
        """ValueError for a frame of another size or a sink that is finished or aborted, MediaError when it
        cannot be written."""
        self._check_open()
        self.add(encode_segment([frame], None, self._info))

    def add(self, encoded: EncodedSegment) -> None:
        """Takes the next frames as PNGs that were encoded elsewhere. Raises like `write`."""
        self._check_open()
        for data in encoded.files:
            with storing(self._target.folder):
                write_synced(self._images / self._target.name(self.done), data)
                self._folder.append({"image": self.done, "size": len(data), "sha256": _digest(data)})
            self.done += 1

    def finish(self) -> None:
        """Moves the images to their place. MediaError when that fails; it can be repeated."""
        self._check_open()
        if not self.done:
            raise MediaError(f"{self._target.folder}: no frame was written")
        with storing(self._target.folder):
            if not self._moving:
                self._target.refuse_existing(overwrite=self._overwrite)
                sync_folder(self._images)
                self._folder.append({"end": self.done, "final": self.done})
                self._ended = self._moving = True
            if self._images.is_dir():
                self._target.place(self._images, self.done)
            self._folder.remove()
        self._open = False

    def abort(self) -> None:
        """Stops; harmless after `finish` and when called again. What is finished stays."""
        if not self._open:
            return
        self._open = False
        if self.done:
            self._folder.release()
        else:
            self._folder.remove()

    def _take_over(self, lines: list[Line]) -> None:
        """What an earlier run finished; what follows an image that is not as it was is forgotten."""
        self._moving = any("final" in line for line in lines)
        self._ended = self._moving
        images = [line for line in lines if "image" in line]
        if self._moving:
            self.done = len(images)
            return
        for line in images:
            file = self._images / self._target.name(self.done)
            if not file.is_file() or file.stat().st_size != line["size"]:
                break
            if _digest(file.read_bytes()) != line["sha256"]:
                break
            self.done += 1
        if self.done < len(images):
            self._folder.keep(self._header, images[: self.done])

    def _check_room(self) -> tuple[str, ...]:
        info = self._info
        if info.frame_count is None or self._ended:
            return ()
        left = max(0, info.frame_count - self.done)
        deep = info.bit_depth > 8
        needed = room_needed("png", info.width, info.height, left, copies=1, deep=deep)
        return check_room(self._target.folder, needed, free_room(self._folder.path))

    def _described(self) -> dict[str, Any]:
        info = self._info
        return {"codec": "png", "size": f"{info.width}x{info.height}", "first_name": self._target.name(0)}

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError(f"{self._target.folder}: the sink is finished or aborted")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
