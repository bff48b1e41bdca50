"""The hidden folder beside an output, where an unfinished run keeps what it has done."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tcnet.errors import MediaError, UsageError
from tcnet.journal import Journal, Line
from tcnet.upscale.output.fingerprint import differences
from tcnet.upscale.output.run_lock import LOCK, OWNER, RunLock
from tcnet.video.atomic_file import hidden_name, nearest_folder, sync_folder

_ENDING = ".tcnet"
_TRIES = 10
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
        self._lock: RunLock | None = None
        self._syncs = True
        self._made: list[Path] = []

    def stored(self) -> tuple[Line | None, list[Line]]:
        """What an earlier run left, without a lock: its header and lines, (None, []) if there is none."""
        try:
            return self._journal.read()
        except MediaError as error:
            raise MediaError(f"{error}; start over with --no-resume") from error

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
            self._remove_empty()
            raise MediaError(
                f"{self.output}: cannot be written ({error.strerror or error}); choose a place in another "
                "folder (-o)"
            ) from error
        before: Line | None = header  # as long as nothing is known of it
        try:
            before, lines = self.stored() if resume else (None, [])
            if before is not None:
                self.check(before, header)
            with storing(self.output):
                if before is None:
                    self._clear()
                self._journal.start(header, lines)  # also without what was cut off
        except BaseException:
            if before is None:
                with suppress(OSError):
                    self.remove()
            self.release()
            raise
        return lines

    @property
    def notices(self) -> tuple[str, ...]:
        """What the file system lacks; complete once it is open."""
        lines = []
        if self._lock is not None and not self._lock.has_system_lock:
            lines.append("the output's file system has no locks: a file keeps other runs away instead")
        if not self._syncs and sys.platform != "win32":
            lines.append(
                "the output's file system cannot be told to sync: a power cut may cost the last segments"
            )
        return tuple(lines)

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
            self._lock.release()
            self._lock = None

    def discard(self) -> None:
        """Removes what a run left, unless another one is working on it."""
        if self.path.exists():
            with suppress(MediaError):  # it is the other one's
                self._acquire()
                self.remove()

    def remove(self) -> None:
        """Removes the folder with all in it, and the folders made on the way to it that are empty."""
        # The journal last: with it, a removal that is cut short is done with by the next run.
        self._clear(("journal.jsonl", LOCK, OWNER))
        if sys.platform == "win32":
            self.release()  # an open file cannot be removed there
        with suppress(OSError):
            self._clear(())
            self.path.rmdir()
        self.release()
        # A network folder keeps open files under other names until they are closed.
        self._remove_empty()

    def _remove_empty(self) -> None:
        for folder in (self.path, *self._made):
            with suppress(OSError):  # something else lies in it by now
                folder.rmdir()

    def _make(self) -> None:
        parent = self.path.parent
        while not parent.exists():
            self._made.append(parent)
            parent = parent.parent
        self.path.mkdir(parents=True, exist_ok=True)
        self._syncs = sync_folder(nearest_folder(parent))

    def _clear(self, kept: tuple[str, ...] = (LOCK, OWNER)) -> None:
        _empty(self.path, kept)

    def _acquire(self) -> None:
        holder: str | None = "another run"
        for turn in range(_TRIES):
            self.path.mkdir(exist_ok=True)
            lock = RunLock(self.path)
            try:
                holder = lock.acquire()
            except FileNotFoundError:
                continue  # the run that held it has ended and removed the folder in between
            if holder is not None:
                break
            # It may have removed the file alone; on some network folders no file is the same twice.
            if lock.is_in_place() or turn == _TRIES - 1:
                self._lock = lock
                return
            lock.release()
        raise MediaError(
            f"{self.output}: {holder} is writing it; wait for its end or choose another name (-o)"
        )


def _empty(folder: Path, kept: tuple[str, ...] = ()) -> None:
    """Not by shutil.rmtree, which wants to meet the same folder twice: some network folders have none."""
    for entry in folder.iterdir():
        if entry.name in kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            _empty(entry)
            entry.rmdir()
        else:
            entry.unlink()


@contextmanager
def storing(output: Path) -> Iterator[None]:
    """Makes an OSError inside a MediaError that says that nothing is lost."""
    try:
        yield
    except OSError as error:
        raise MediaError(f"{output}: writing failed ({error.strerror or error}); {CONTINUES}") from error
