"""A whole run on a file system without locks and syncing."""

import errno
import os
import sys

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX calls")
@pytest.mark.parametrize("output", ["out.mkv", "out"])
def test_the_run_goes_on_with_a_notice_and_leaves_nothing_behind(
    tcnet, media, tmp_path, tiny, monkeypatch, output
):
    def refuse(*_):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    media.clip(tmp_path / "a.mkv", frames=3)
    (tmp_path / "share").mkdir()
    monkeypatch.setattr("fcntl.flock", refuse)
    monkeypatch.setattr(os, "fsync", refuse)
    done = tcnet("upscale", "a.mkv", "-o", f"share/{output}", "--model", tiny)
    assert done.code == 0, done.err
    assert [path.name for path in (tmp_path / "share").iterdir()] == [output]
    notices = [line for line in done.err if "file system" in line]
    assert [("no locks" in line, "cannot be told to sync" in line) for line in notices] == [
        (True, False),
        (False, True),
    ]
