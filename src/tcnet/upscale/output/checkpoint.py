"""The hidden folder beside an output, where an unfinished run keeps what it has done."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from tcnet.errors import MediaError, UsageError
from tcnet.upscale.output.fingerprint import differences
from tcnet.upscale.output.journal import Journal, Line
from tcnet.video.atomic_file import hidden_name, nearest_folder, sync_folder

_ENDING = ".tcnet"
CONTINUES = "what is finished is kept: fix the cause and rerun to resume"
"""What to tell of a run that stopped for lack of room and the like."""


class Checkpoint:
    """One run's folder: `.NAME.tcnet` for the output NAME. Only one process at a time has it open.

    A crash leaves it as it is; the lock on it goes with the process that held it.
    """

    def __init__(self, output: Path) -> None:
        """output: the final file, or for images the final folder. Nothing is made or changed yet."""
        self.output = output
        place = output.absolute()
        self.path = place.with_name(hidden_name(place.name, _ENDING))
        self._journal = Journal(self.path / "journal.jsonl")
        self._lock: BinaryIO | None = None
        self._made: list[Path] = []

    def stored(self) -> tuple[Line | None, list[Line]]:
        """What an earlier run left, without a lock: its header and lines, (None, []) if there is none."""
        return self._journal.read()

    def check(self, header: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
        """Raises UsageError if an earlier run's `header` differs from `identity` in any of its keys."""
        if different := differences(header, identity):
            raise UsageError(
                f"{self.output}: an unfinished run of it had another {', '.join(different)}; give the same "
                "again to continue, --no-resume to start over, or another output (-o)"
            )

    def open(self, header: Mapping[str, Any], *, resume: bool) -> list[Line]:
        """Makes or takes over the folder; returns what the earlier run finished, in order.

        Raises UsageError like `check`, MediaError when another process works in it or it cannot be made.
        """
        try:
            self._make()
            self._acquire()
        except OSError as error:
            raise MediaError(
                f"{self.output}: cannot be written ({error.strerror or error}); choose a place in another "
                "folder (-o)"
            ) from error
        try:
            before, lines = self._journal.read() if resume else (None, [])
            if before is not None:
                self.check(before, header)
            with storing(self.output):
                if before is None:
                    self._clear()
                self._journal.start(header, lines)  # also without what was cut off
        except BaseException:
            self.release()
            raise
        return lines

    def keep(self, header: Mapping[str, Any], lines: list[Line]) -> None:
        """Forget all lines but `lines`."""
        with storing(self.output):
            self._journal.start(header, lines)

    def append(self, line: Mapping[str, Any]) -> None:
        """Note what is finished. Raises MediaError when it cannot be written."""
        with storing(self.output):
            self._journal.append(line)

    def release(self) -> None:
        """Lets another run continue; harmless when called again."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Removes the folder with all in it, and the folders made on the way to it that are empty."""
        # The journal last: with it, a removal that is cut short is done with by the next run.
        self._clear(("journal.jsonl", "lock"))
        if sys.platform == "win32":
            self.release()  # an open file cannot be removed there
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()
        for folder in self._made:
            with suppress(OSError):  # something else lies in it by now
                folder.rmdir()

    def _make(self) -> None:
        parent = self.path.parent
        while not parent.exists():
            self._made.append(parent)
            parent = parent.parent
        self.path.mkdir(parents=True, exist_ok=True)
        sync_folder(nearest_folder(parent))

    def _clear(self, kept: tuple[str, ...] = ("lock",)) -> None:
        for entry in self.path.iterdir():
            if entry.name in kept:
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _acquire(self) -> None:
        while True:
            self.path.mkdir(exist_ok=True)
            lock = (self.path / "lock").open("ab")
            if not _locked(lock):
                lock.close()
                raise MediaError(
                    f"{self.output}: another run is writing it; wait for its end or choose another name (-o)"
                )
            # The run that held it may have ended and removed the folder in between.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock.fileno()), (self.path / "lock").stat()):
                    self._lock = lock
                    return
            lock.close()


@contextmanager
def storing(output: Path) -> Iterator[None]:
    """Makes an OSError inside a MediaError that says that nothing is lost."""
    try:
        yield
    except OSError as error:
        raise MediaError(f"{output}: writing failed ({error.strerror or error}); {CONTINUES}") from error


def _locked(file: BinaryIO) -> bool:
    """Whether this process now has the file for itself, until it is closed or the process ends."""
    if sys.platform == "win32":
        import msvcrt  # not there elsewhere

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl  # not there on Windows

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
