"""Output files: written under a hidden name beside the target, which takes its place in one step."""

import os
from pathlib import Path

from tcnet.errors import MediaError


class TargetFile:
    """A file to be written. Until `commit` nothing stands under its name; `discard` leaves nothing."""

    def __init__(self, path: Path, *, overwrite: bool, source: Path | None = None) -> None:
        """Raises MediaError when the file must not or cannot be written, before anything is changed."""
        check_target(path, overwrite=overwrite, source=source)
        self.path = path.absolute()
        self.work = self.path.with_name(f".{path.stem}.part{path.suffix}")
        self._overwrite = overwrite
        try:
            self.work.touch()
        except OSError as error:
            raise MediaError(f"{path}: cannot be written ({error.strerror})") from error

    def commit(self) -> None:
        """Syncs the finished work file to disk and renames it."""
        _refuse_existing(self.path, self._overwrite)
        sync(self.work)
        self.work.replace(self.path)
        sync_folder(self.path.parent)

    def discard(self) -> None:
        self.work.unlink(missing_ok=True)


def check_target(path: Path, *, overwrite: bool, source: Path | None = None) -> None:
    """Raises MediaError for a file that must not or cannot be written; changes nothing."""
    if source is not None and source.exists() and path.exists() and path.samefile(source):
        raise MediaError(f"{path}: output and input are the same file; choose another name")
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; give a file name in it")
    _refuse_existing(path, overwrite)
    check_folder(path.parent)


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise MediaError(f"{path}: exists already; choose another name or allow overwriting (--overwrite)")


def check_folder(folder: Path) -> None:
    """Raises MediaError unless `folder` is there and can be written to."""
    if folder.exists() and not folder.is_dir():
        raise MediaError(f"{folder}: is a file, so nothing can be written in it; choose another folder")
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
