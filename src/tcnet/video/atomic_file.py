"""Output files: written under a hidden name beside the target, which takes its place in one step."""

import hashlib
import os
from pathlib import Path

from tcnet.errors import MediaError

NAME_MAX = 255
"""Bytes of a file name that Linux file systems take; Windows and macOS count otherwise, and take no less."""


class TargetFile:
    """A file to be written, which appears only with `commit`; `discard` leaves nothing."""

    def __init__(self, path: Path, *, overwrite: bool, source: Path | None = None) -> None:
        """Raises MediaError when the file must not or cannot be written, before anything is changed."""
        check_target(path, overwrite=overwrite, source=source)
        self.path = path.absolute()
        self.work = self.path.with_name(hidden_name(path.stem, f".part{path.suffix}"))
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
    check_name(path)
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
        raise MediaError(f"{folder}: is a file, so nothing can be written in it; choose another folder (-o)")
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder; make it first or choose another (-o)")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MediaError(
            f"{folder}: permission to write there is missing; choose a place in another folder (-o)"
        )


def check_name(path: Path) -> None:
    """Raises MediaError for a name longer than file systems take."""
    size = len(os.fsencode(path.name))
    if size > NAME_MAX:
        raise MediaError(
            f"{path.name}: this name has {size} bytes, file systems take {NAME_MAX}; give a shorter one (-o)"
        )


def hidden_name(name: str, ending: str) -> str:
    """A hidden name that says what it belongs to: .NAME and `ending`, within what file systems take.

    What is too long is cut, and a hash of the whole keeps different names apart.
    """
    hidden = f".{name}{ending}"
    if len(os.fsencode(hidden)) <= NAME_MAX:
        return hidden
    encoded = os.fsencode(name)
    ending = f".{hashlib.sha256(encoded).hexdigest()[:12]}{ending}"
    room = NAME_MAX - 1 - len(os.fsencode(ending))
    return f".{encoded[:room].decode(errors='ignore')}{ending}"


def nearest_folder(path: Path) -> Path:
    """The closest ancestor that is there already: what has to be writable to make the rest."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def sync(path: Path) -> None:
    # Opened for writing: Windows refuses to sync a read-only handle.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, data: bytes) -> None:
    """Writes a file that is on the disk when this returns. Raises OSError."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` last through a power cut, where folders can be synced (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
