"""Output files: written under a hidden name beside the target, which takes its place in one step."""

import errno
import hashlib
import os
import shutil
from pathlib import Path

from tcnet.errors import MediaError

_NOT_SUPPORTED = frozenset(
    getattr(errno, name) for name in ("EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS") if hasattr(errno, name)
)
# What syncing a folder fails with where it can be synced; all else (EBADF, EPERM, EROFS) says that it cannot.
_LOST = frozenset(getattr(errno, name) for name in ("EIO", "ENOSPC", "EDQUOT") if hasattr(errno, name))
_NO_REPLACING = _NOT_SUPPORTED | {errno.EEXIST, errno.EPERM, errno.EACCES}
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
        replace_file(self.work, self.path)
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
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_descriptor(descriptor: int) -> bool:
    """Puts what was written on the disk; False where the file system cannot be told to (network folders).

    Raises OSError where it can and that failed.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        return False
    return True


def write_synced(path: Path, data: bytes) -> None:
    """Writes a file that is on the disk when this returns. Raises OSError."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        sync_descriptor(file.fileno())


def sync_folder(folder: Path) -> bool:
    """Makes a rename in `folder` last through a power cut; False where folders cannot be synced (Windows,
    network folders)."""
    if os.name != "posix":
        return False
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno in _NOT_SUPPORTED or error.errno in (errno.EACCES, errno.EPERM, errno.EISDIR):
            return False  # written to, but not opened: a drop box
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _LOST:
            raise
        return False
    finally:
        os.close(descriptor)
    return True


def replace_file(source: Path, target: Path) -> None:
    """Renames a file, in the place of another if there is one. Raises OSError; nothing is lost then.

    Some network folders rename only to names that are free, and some drives not across their parts.
    """
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _copy_over(source, target)
        elif error.errno in _NO_REPLACING and source.exists() and target.is_file():
            _swap(source, target)
        else:
            raise


def rename_folder(source: Path, target: Path) -> bool:
    """Whether it could be; False where the file system renames files alone, or not across its parts."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV or error.errno in _NOT_SUPPORTED:
            return False
        raise
    return True


def _copy_over(source: Path, target: Path) -> None:
    copy = target.with_name(hidden_name(target.name, ".part"))
    try:
        shutil.copyfile(source, copy)
        sync(copy)
        os.replace(copy, target)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    source.unlink()


def _swap(source: Path, target: Path) -> None:
    """In two steps; what was there is back if the second fails."""
    aside = target.with_name(hidden_name(target.name, ".old"))
    aside.unlink(missing_ok=True)  # of a run that ended before this
    os.rename(target, aside)
    try:
        os.rename(source, target)
    except BaseException:
        os.rename(aside, target)
        raise
    aside.unlink()
