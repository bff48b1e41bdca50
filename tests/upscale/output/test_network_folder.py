"""Outputs on file systems that lack what a disk has: locks, syncing of folders, renaming over a file."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tcnet.errors import MediaError
from tcnet.upscale.output import run_lock
from tcnet.upscale.output.checkpoint import Checkpoint
from tcnet.upscale.output.disk_space import free_room
from tcnet.video import atomic_file
from tcnet.video.atomic_file import replace_file
from tcnet.video.image_writer import ImageTarget

HEADER = {"input": 1}
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX calls")


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def refuse(code):
    def call(*_):
        raise OSError(code, os.strerror(code))

    return call


@pytest.fixture(params=["ENOTSUP", "ENOLCK", "EACCES", "EIO", "missing"])
def no_locks(request, monkeypatch):
    if request.param == "missing":  # as on Windows
        monkeypatch.setitem(sys.modules, "fcntl", None)
    else:
        monkeypatch.setattr("fcntl.flock", refuse(getattr(errno, request.param)))


@posix
def test_two_runs_are_kept_apart_without_locks(tmp_path, no_locks):
    first, second = Checkpoint(tmp_path / "a.mkv"), Checkpoint(tmp_path / "a.mkv")
    first.open(HEADER, resume=True)
    assert first.notices == ("the output's file system has no locks: a file keeps other runs away instead",)
    with pytest.raises(MediaError, match=rf"another run \(process {os.getpid()} on .*\) is writing it"):
        second.open(HEADER, resume=True)
    first.append({"one": 1})
    first.release()
    assert second.open(HEADER, resume=True) == [{"one": 1}]
    second.remove()
    assert names(tmp_path) == []


def left_by(folder, **changes):
    """What a run that was killed leaves."""
    folder.mkdir(exist_ok=True)
    owner = run_lock._this_process() | changes
    (folder / run_lock.OWNER).write_text(json.dumps(owner))


@posix
def test_a_run_that_was_killed_blocks_nothing(tmp_path, no_locks):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    checkpoint = Checkpoint(tmp_path / "a.mkv")
    for changes in ({"pid": ended.pid}, {"begin": "another process of the same number"}):
        left_by(checkpoint.path, **changes)
        checkpoint.open(HEADER, resume=True)
        assert names(checkpoint.path) == ["journal.jsonl", "lock", "owner"]
        checkpoint.remove()
    assert names(tmp_path) == []


@posix
@pytest.mark.parametrize("content", [None, "", "[]", "{"])
def test_a_run_on_another_machine_has_ended_when_it_was_silent_long_enough(tmp_path, no_locks, content):
    checkpoint = Checkpoint(tmp_path / "a.mkv")
    left_by(checkpoint.path, machine="another", name="elsewhere")
    owner = checkpoint.path / run_lock.OWNER
    if content is not None:  # cut off while it was written
        owner.write_text(content)
    with pytest.raises(MediaError, match="another run"):
        checkpoint.open(HEADER, resume=True)
    assert names(checkpoint.path) == ["lock", "owner"]
    long_ago = owner.stat().st_mtime - run_lock.ABANDONED_SECONDS - 1
    os.utime(owner, (long_ago, long_ago))
    checkpoint.open(HEADER, resume=True)
    checkpoint.remove()
    assert names(tmp_path) == []


@posix
def test_a_run_shows_that_it_is_alive(tmp_path, no_locks, monkeypatch):
    monkeypatch.setattr(run_lock, "HEARTBEAT_SECONDS", 0.01)
    checkpoint = Checkpoint(tmp_path / "a.mkv")
    checkpoint.open(HEADER, resume=True)
    owner = checkpoint.path / run_lock.OWNER
    os.utime(owner, (1, 1))
    for _ in range(500):
        if owner.stat().st_mtime > 1:
            break
        run_lock.threading.Event().wait(0.01)
    assert owner.stat().st_mtime > 1
    checkpoint.remove()
    assert names(tmp_path) == []


@posix
def test_who_is_faster_keeps_what_was_abandoned(tmp_path, no_locks, monkeypatch):
    """Between the look and the taking over, another run took over."""
    folder = tmp_path / "work"
    left_by(folder, pid=-5)
    rename = os.rename

    def late(source, target):
        Path(source).write_text("another's")
        rename(source, target)
        monkeypatch.setattr(os, "rename", rename)

    monkeypatch.setattr(os, "rename", late)
    monkeypatch.setattr(run_lock, "_is_running", lambda owner: not owner)
    lock = run_lock.RunLock(folder)
    assert lock.acquire() is not None
    assert (folder / run_lock.OWNER).read_text() == "another's"


def goes_on_with_a_notice(folder):
    checkpoint = Checkpoint(folder / "a.mkv")
    checkpoint.open(HEADER, resume=True)
    checkpoint.append({"one": 1})
    assert "cannot be told to sync" in checkpoint.notices[0]
    checkpoint.remove()
    assert names(folder) == []


@posix
@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP])
def test_a_file_system_that_does_not_sync(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fsync", refuse(code))
    goes_on_with_a_notice(tmp_path)


@posix
@pytest.mark.parametrize("code", [errno.EBADF, errno.EPERM, errno.EACCES, errno.EROFS, errno.EISDIR])
def test_a_folder_that_is_not_synced_whatever_is_said_of_it(tmp_path, monkeypatch, code):
    sync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda file: (refuse(code) if stat.S_ISDIR(os.fstat(file).st_mode) else sync)(file)
    )
    goes_on_with_a_notice(tmp_path)


@posix
def test_a_run_that_cannot_begin_leaves_nothing(tmp_path, monkeypatch):
    sync = os.fsync
    for fails in (stat.S_ISDIR, stat.S_ISREG):
        monkeypatch.setattr(
            os,
            "fsync",
            lambda file, fails=fails: (refuse(errno.EIO) if fails(os.fstat(file).st_mode) else sync)(file),
        )
        with pytest.raises(MediaError, match="Input/output error"):
            Checkpoint(tmp_path / "new" / "a.mkv").open(HEADER, resume=True)
        assert names(tmp_path) == []


@posix
def test_a_disk_that_fails_is_an_error(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "a.mkv")
    checkpoint.open(HEADER, resume=True)
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(MediaError, match="Input/output error"):
        checkpoint.append({"one": 1})
    checkpoint.remove()


@posix
def test_open_files_that_get_other_names_when_they_are_removed(tmp_path, monkeypatch):
    """As NFS does it."""
    unlink, close = Path.unlink, run_lock.RunLock.release
    checkpoint = Checkpoint(tmp_path / "new" / "a.mkv")
    hidden = checkpoint.path / ".nfs0001"

    def keep_the_open_one(path, missing_ok=False):
        if path.name == "lock":
            path.rename(hidden)
        elif path != hidden:
            unlink(path, missing_ok)

    def release(self):
        unlink(hidden, missing_ok=True)
        close(self)

    checkpoint.open(HEADER, resume=True)
    monkeypatch.setattr(Path, "unlink", keep_the_open_one)
    monkeypatch.setattr(run_lock.RunLock, "release", release)
    checkpoint.remove()
    assert names(tmp_path) == []


@posix
def test_files_that_are_not_the_same_twice(tmp_path, monkeypatch):
    """Some network folders number a file anew each time it is looked at."""
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)
    checkpoint = Checkpoint(tmp_path / "a.mkv")
    checkpoint.open(HEADER, resume=True)
    checkpoint.remove()
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [errno.EEXIST, errno.EPERM, errno.EINVAL])
def test_renaming_only_to_free_names(tmp_path, monkeypatch, code):
    source, target = tmp_path / "new", tmp_path / "old"
    source.write_text("new")
    target.write_text("old")
    monkeypatch.setattr(os, "replace", refuse(code))
    replace_file(source, target)
    assert (names(tmp_path), target.read_text()) == (["old"], "new")
    source.write_text("newer")
    rename = os.rename

    def only_to_free_names(before, after):
        if after.exists():
            raise FileExistsError
        rename(before, after)

    monkeypatch.setattr(os, "rename", only_to_free_names)
    (tmp_path / ".old.old").write_text("left by a crash")
    replace_file(source, target)
    assert (names(tmp_path), target.read_text()) == (["old"], "newer")
    source.write_text("newest")
    monkeypatch.setattr(os, "rename", lambda a, b: rename(a, b) if a != source else refuse(errno.EIO)())
    with pytest.raises(OSError, match="Input/output"):
        replace_file(source, target)
    assert target.read_text() == "newer"


def test_renaming_across_the_parts_of_a_drive(tmp_path, monkeypatch):
    source, target = tmp_path / "new", tmp_path / "old"
    source.write_text("new")
    target.write_text("old")
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: replace(a, b) if a != source else refuse(errno.EXDEV)())
    replace_file(source, target)
    assert (names(tmp_path), target.read_text()) == (["old"], "new")


@pytest.mark.parametrize("code", [errno.EXDEV, errno.ENOTSUP])
def test_folders_that_cannot_be_renamed_are_filled(tmp_path, monkeypatch, code):
    work = tmp_path / "work"
    work.mkdir()
    for name in ("00000001.png", "00000002.png"):
        (work / name).write_text(name)
    monkeypatch.setattr(atomic_file.os, "rename", refuse(code))
    ImageTarget(tmp_path / "out", sources=()).place(work, 2)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["00000001.png", "00000002.png"]


def test_room_that_nobody_knows_is_no_obstacle(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 0))
    assert free_room(tmp_path) == sys.maxsize
    monkeypatch.setattr(shutil, "disk_usage", refuse(errno.ENOSYS))
    assert free_room(tmp_path) == sys.maxsize
