"""One run at a time in a folder, also where the file system has no locks (network folders, some drives)."""

import errno
import json
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

LOCK, OWNER = "lock", "owner"
"""Files in the folder: the one that is locked, and the one that stands for a lock where there are none."""
HEARTBEAT_SECONDS = 15.0
ABANDONED_SECONDS = 120.0
"""Without a sign of life for so long, a run on another machine has ended. Some network folders show the time
of a change up to a minute late."""
NO_LOCKS = frozenset(
    getattr(errno, name)
    for name in ("ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL")
    if hasattr(errno, name)
)


class RunLock:
    """The right to write in a folder. It goes with the process that has it, or soon after."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._owner: _OwnerFile | None = None

    @property
    def has_system_lock(self) -> bool:
        return self._owner is None

    def acquire(self) -> str | None:
        """None where it is ours from now on, else who has it. Raises OSError, FileNotFoundError where the
        folder was removed meanwhile."""
        self._file = (self._folder / LOCK).open("ab")
        locked = _lock(self._file)
        holder: str | None = None if locked else "another run"
        if locked is None:
            self._owner = _OwnerFile(self._folder)
            holder = self._owner.take()
        if holder is not None:
            self.release()
        return holder

    def is_in_place(self) -> bool:
        """Whether the file that is locked is still the one in the folder."""
        assert self._file is not None
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), (self._folder / LOCK).stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Harmless when called again."""
        if self._owner is not None:
            self._owner.give_up()
        if self._file is not None:
            self._file.close()
        self._owner = self._file = None


class _OwnerFile:
    """A file that only one process can make, and that shows by its time of change that it is alive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / OWNER
        self._content = json.dumps(_this_process() | {"token": uuid4().hex}).encode()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> str | None:
        """None where it is ours, else who has it."""
        for _ in range(3):
            try:
                descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                holder = self._living()
                if holder is not None:
                    return holder
                continue
            with open(descriptor, "wb") as file:
                file.write(self._content)
            self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._thread.start()
            return None
        return "another run"

    def give_up(self) -> None:
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        self._thread = None
        with suppress(OSError):
            if self._path.read_bytes() == self._content:
                self._path.unlink()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            # Never made anew; and the network may be away for a while.
            with suppress(OSError), self._path.open("r+b") as file:
                file.write(self._content)

    def _living(self) -> str | None:
        """Who has it; None where nobody has it any more, and then the file is gone."""
        try:
            content = self._path.read_bytes()
            age = self._age()
        except FileNotFoundError:
            return None
        owner = _parsed(content)
        running = _is_running(owner)
        if running or (running is None and age < ABANDONED_SECONDS):
            return f"another run (process {owner.get('pid')} on {owner.get('name')}, seen {age:.0f} s ago)"
        aside = self._path.with_name(f"{OWNER}.{uuid4().hex}")
        with suppress(FileNotFoundError):
            os.rename(self._path, aside)  # only one process can do this
            if aside.read_bytes() != content:  # somebody was faster, and this is theirs
                os.rename(aside, self._path)
                return "another run"
            aside.unlink()
        return None

    def _age(self) -> float:
        """Seconds by the clock that times the files, which may be another machine's."""
        probe = self._path.with_name(f"clock.{uuid4().hex}")
        probe.write_bytes(b"\0")
        try:
            return probe.stat().st_mtime - self._path.stat().st_mtime
        finally:
            probe.unlink()


def _lock(file: BinaryIO) -> bool | None:
    """Whether this process now has the file for itself, until it is closed or the process ends; None where
    that cannot be had."""
    if sys.platform == "win32":
        import msvcrt  # not there elsewhere

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            return None if error.errno in NO_LOCKS else False
        return True
    try:
        import fcntl  # not there on every system
    except ImportError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Whatever else is said (ENOLCK, ENOTSUP, EACCES, EPERM, EIO): no lock is to be had here.
        return False if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK) else None
    return True


def _this_process() -> dict[str, Any]:
    return {
        "machine": _machine(),
        "name": socket.gethostname(),
        "pid": os.getpid(),
        "begin": _begin(os.getpid()),
    }


def _machine() -> str:
    """The same for processes that see each other: on one machine, since it was started, in one container."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts += [
            Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            os.readlink("/proc/self/ns/pid"),
        ]
    return " ".join(parts)


def _begin(pid: int) -> str | None:
    """When a process was started, in the kernel's words: numbers of processes are used again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _is_running(owner: dict[str, Any]) -> bool | None:
    """None where that cannot be seen from here."""
    pid = owner.get("pid")
    # os.kill would end it on Windows.
    if owner.get("machine") != _machine() or not isinstance(pid, int) or sys.platform == "win32":
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is somebody else's
    return owner.get("begin") == _begin(pid)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
