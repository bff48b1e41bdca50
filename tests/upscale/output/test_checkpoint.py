import os
import sys
from pathlib import Path

import pytest

from tcnet.errors import MediaError, UsageError
from tcnet.upscale.output.checkpoint import Checkpoint, storing

HEADER = {"input": {"size": 1}, "options": {"window": None}}


def names(path):
    return sorted(entry.name for entry in path.iterdir())


@pytest.mark.parametrize(
    "name", ["a.mkv", "ein film é.mkv", "Ж" * 125 + ".mkv", "x" * 251 + ".mkv", "日" * 83 + ".mp4"]
)
def test_the_name_says_what_it_belongs_to_and_is_never_too_long(tmp_path, name):
    folder = Checkpoint(tmp_path / name)
    folder.open(HEADER, resume=True)
    assert folder.path.is_dir()
    assert folder.path.name.startswith(f".{name[:30]}")
    assert folder.path.name.endswith(".tcnet")
    assert len(os.fsencode(folder.path.name)) <= 255
    folder.remove()
    assert names(tmp_path) == []


def test_long_names_that_differ_only_at_the_end_have_folders_of_their_own(tmp_path):
    paths = {Checkpoint(tmp_path / f"{'x' * 250}{end}").path for end in "abc"}
    assert len(paths) == 3


def test_lines_stay_until_it_is_removed(tmp_path):
    folder = Checkpoint(tmp_path / "a.mkv")
    assert folder.stored() == (None, [])
    assert folder.open(HEADER, resume=True) == []
    folder.append({"one": 1})
    folder.release()
    again = Checkpoint(tmp_path / "a.mkv")
    assert again.open(HEADER, resume=True) == [{"one": 1}]
    again.release()
    (folder.path / "000000.segment").write_text("old")
    assert again.open(HEADER, resume=False) == []
    assert names(again.path) == ["journal.jsonl", "lock"]
    again.remove()
    assert names(tmp_path) == []


def test_it_is_open_once_at_a_time(tmp_path):
    first, second = Checkpoint(tmp_path / "a.mkv"), Checkpoint(tmp_path / "a.mkv")
    first.open(HEADER, resume=True)
    with pytest.raises(MediaError, match="another run is writing it"):
        second.open(HEADER, resume=False)
    first.release()
    second.open(HEADER, resume=True)
    second.remove()


def test_what_differs_is_named(tmp_path):
    folder = Checkpoint(tmp_path / "a.mkv")
    folder.open(HEADER, resume=True)
    folder.release()
    folder.check(HEADER, HEADER)
    with pytest.raises(UsageError, match=r"another window \(then the default, now 8\); give the same again"):
        folder.check(HEADER, {"options": {"window": 8}})
    with pytest.raises(UsageError, match=r"another input .*, window .*-o"):
        folder.check(HEADER, {"input": {"size": 2}, "options": {"window": 8}})


@pytest.mark.skipif(sys.platform != "linux", reason="a folder of Linux that takes no files")
def test_a_place_that_cannot_be_written_to_names_the_way_out():
    with pytest.raises(
        MediaError, match=r"cannot be written \(.*\); choose a place in another folder \(-o\)"
    ):
        Checkpoint(Path("/proc/self/a.mkv")).open(HEADER, resume=True)


def test_an_error_while_storing_says_that_nothing_is_lost(tmp_path):
    words = r"a\.mkv: writing failed \(No space left on device\); what is finished is kept"
    with pytest.raises(MediaError, match=words), storing(tmp_path / "a.mkv"):
        raise OSError(28, "No space left on device")


def test_folders_made_on_the_way_go_with_it_unless_they_are_used(tmp_path):
    folder = Checkpoint(tmp_path / "a" / "b" / "out")
    folder.open(HEADER, resume=True)
    (tmp_path / "a" / "mine").write_text("x")
    folder.remove()
    assert names(tmp_path / "a") == ["mine"]
