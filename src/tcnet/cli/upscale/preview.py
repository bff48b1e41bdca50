"""The newest finished frame as a picture, for whoever watches a run."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tcnet.errors import UsageError
from tcnet.video import write_png
from tcnet.video.atomic_file import check_folder
from tcnet.video.frame import Frame

EVERY_SECONDS = 2.0


class Preview:
    """A context manager. Called with each frame, it keeps a PNG of the newest at `path`, replaced in one step
    every `seconds` at most; the last frame is there at the end.

    A thread writes it: encoding a large picture takes long enough to slow the run.
    """

    def __init__(self, path: Path, *, seconds: float = EVERY_SECONDS) -> None:
        """Raises UsageError for a name that does not end in .png, MediaError for a missing folder."""
        if path.suffix.lower() != ".png":
            raise UsageError(f"--preview {path}: name a .png file")
        check_folder(path.absolute().parent)
        self._path = path
        self._seconds = seconds
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="preview", daemon=True)

    def __call__(self, frame: Frame) -> None:
        """Raises MediaError when the picture cannot be written."""
        with self._changed:
            if self._error is not None:
                raise self._error
            self._newest = frame
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _work(self) -> None:
        try:
            while (frame := self._next()) is not None:
                write_png(self._path, frame.pixels, frame.alpha, quick=True)
                with self._changed:
                    self._changed.wait_for(lambda: self._ended, self._seconds)
        except BaseException as failed:  # noqa: BLE001 - raised where the frames come from
            with self._changed:
                self._error = failed

    def _next(self) -> Frame | None:
        """The newest frame that was not written yet; None when there is none and none follows."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._ended)
            frame, self._newest = self._newest, None
            return frame
