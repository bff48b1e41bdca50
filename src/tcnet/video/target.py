"""Output files: written under a hidden name beside the target, which takes its place in one step."""

import os
from pathlib import Path

from tcnet.errors import MediaError


class TargetFile:
    """A file to be written. Until `commit` nothing stands under its name; `discard` leaves nothing."""

    def __init__(self, path: Path, *, overwrite: bool, source: Path | None = None) -> None:
        """Raises MediaError when the file must not or cannot be written, before anything is changed."""
        self.path = path.absolute()
        self.work = self.path.with_name(f".{path.stem}.part{path.suffix}")
        self._overwrite = overwrite
        if (
            source is not None
            and source.exists()
            and self.path.exists()
            and os.path.samefile(source, self.path)
        ):
            raise MediaError(f"{path}: output and input are the same file; choose another name")
        if self.path.is_dir():
            raise MediaError(f"{path}: is a folder; give a file name in it")
        self._refuse_existing()
        check_folder(self.path.parent)
        try:
            self.work.touch()
        except OSError as error:
            raise MediaError(f"{path}: cannot be written ({error.strerror})") from error

    def commit(self) -> None:
        """Syncs the finished work file to disk and renames it."""
        self._refuse_existing()
        sync(self.work)
        self.work.replace(self.path)
        sync_folder(self.path.parent)

    def discard(self) -> None:
        self.work.unlink(missing_ok=True)

    def _refuse_existing(self) -> None:
        if self.path.exists() and not self._overwrite:
            raise MediaError(f"{self.path}: exists already; choose another name or allow overwriting")


def check_folder(folder: Path) -> None:
    """Raises MediaError unless `folder` is there and can be written to."""
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder; make it first or choose another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError(f"{folder}: permission to write there is missing; choose another folder")


def sync(path: Path) -> None:
    # Opened for writing: Windows refuses to sync a read-only handle.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` last through a power cut, where folders can be synced (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
