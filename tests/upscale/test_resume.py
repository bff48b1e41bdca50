"""A run that was cut off, anywhere, and continued gives what one run gives."""

import json
import resource
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

import pytest
from cut_runs import OPTIONS, assert_same, cut, folder, names, pictures, run

from fake_networks import Nearest, TemporalBox
from tcnet.errors import MediaError, UsageError
from tcnet.upscale.output.checkpoint import Checkpoint
from tcnet.video import EncodeOptions, ReadOptions


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "ffv1"])
@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_a_continued_run_gives_what_one_run_gives(source, tmp_path, codec, propagation):
    encode = EncodeOptions(codec=codec)
    model = Nearest(propagation) if propagation == "forward" else TemporalBox(4)
    run(source, tmp_path / "whole.mkv", model=model, encode=encode)
    out = tmp_path / "out.mkv"
    for at in (12, 13, 27):
        cut(source, out, at, model=model, encode=encode)
    result = run(source, out, model=model, encode=encode)
    assert result.frames == 30
    assert_same(out, tmp_path / "whole.mkv")
    assert names(tmp_path) == ["in.mkv", "out.mkv", "whole.mkv"]


def test_what_is_finished_is_neither_computed_nor_written_again(source, tmp_path):
    out = tmp_path / "out.mkv"
    cut(source, out, 23)
    before = {path.name: path.read_bytes() for path in folder(out).glob("*.segment")}
    told = []
    model = TemporalBox(4)
    result = run(source, out, model=model, on_plan=told.append)
    assert len(before) >= 2
    assert result.frames == 30
    assert "continues an unfinished run" in told[0].notices[0]
    assert result.notices.count(told[0].notices[0]) == 1


def test_a_file_that_was_damaged_is_made_again(source, tmp_path):
    run(source, tmp_path / "whole.mkv")
    out = tmp_path / "out.mkv"
    cut(source, out, 29)
    segment = folder(out) / "000001.segment"
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 255
    segment.write_bytes(data)
    run(source, out)
    assert_same(out, tmp_path / "whole.mkv")


@pytest.mark.parametrize("left", [1, 2, 17])
def test_a_journal_cut_in_its_last_line_is_continued_from_the_line_before(source, tmp_path, left):
    run(source, tmp_path / "whole.mkv")
    out = tmp_path / "out.mkv"
    cut(source, out, 29)
    journal = folder(out) / "journal.jsonl"
    data = journal.read_bytes()
    last = data[:-1].rindex(b"\n") + 1
    journal.write_bytes(data[: last + left])
    run(source, out)
    assert_same(out, tmp_path / "whole.mkv")


def test_a_journal_cut_in_its_first_line_is_begun_anew(source, tmp_path):
    out = tmp_path / "out.mkv"
    cut(source, out, 29)
    journal = folder(out) / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:40])
    assert run(source, out).frames == 30
    assert len(pictures(out)) == 30


def test_a_damaged_journal_is_an_error(source, tmp_path):
    out = tmp_path / "out.mkv"
    cut(source, out, 29)
    journal = folder(out) / "journal.jsonl"
    journal.write_bytes(b"\0" + journal.read_bytes())
    with pytest.raises(MediaError, match="--no-resume"):
        run(source, out)
    run(source, out, resume=False)
    assert len(pictures(out)) == 30


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"options": replace(OPTIONS, window=16)}, r"window \(then 12, now 16\)"),
        ({"options": replace(OPTIONS, scale=2)}, r"scale \(then the default, now 2\)"),
        ({"encode": EncodeOptions(crf=30)}, "encoder options"),
        ({"encode": EncodeOptions(codec="ffv1")}, r"codec \(then libx264, now ffv1\)"),
        ({"model": Nearest()}, r"model weights"),
        ({"segment_frames": 6}, r"segment frames \(then 5, now 6\)"),
        ({"read": ReadOptions(start=Fraction(1, 10))}, r"start \(then the default, now 1/10\)"),
    ],
)
def test_other_options_are_refused_and_named(source, tmp_path, changes, words):
    out = tmp_path / "out.mkv"
    cut(source, out, 29)
    before = names(folder(out))
    with pytest.raises(UsageError, match=words) as caught:
        run(source, out, **changes)
    assert "--no-resume" in str(caught.value)
    assert "-o" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(folder(out)) == before
    run(source, out, resume=False, **changes)
    assert not folder(out).exists()


def test_another_input_is_refused_and_named(source, tmp_path):
    out = tmp_path / "out.mkv"
    cut(source, out, 29)
    data = bytearray(source.read_bytes())
    data[-100] ^= 1
    source.write_bytes(data)
    with pytest.raises(UsageError, match=r"another input \(the file has changed"):
        run(source, out)


HOLD = """
import sys, time
from pathlib import Path
from tcnet.upscale.output.checkpoint import Checkpoint
folder = Checkpoint(Path(sys.argv[1]))
folder.open({}, resume=False)
print("open", flush=True)
time.sleep(60)
"""


def test_two_runs_cannot_write_one_output_and_a_dead_one_does_not_block(source, tmp_path):
    out = tmp_path / "out.mkv"
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "open\n"
    with pytest.raises(MediaError, match="another run is writing it"):
        run(source, out, resume=False)
    assert folder(out).is_dir()
    other.kill()
    other.wait()
    other.stdout.close()
    assert run(source, out, resume=False).frames == 30


def join_failed(source, out):
    """A run of which nothing is left to do but the join: where that writes, a folder is in the way."""
    cut(source, out, 29)
    (folder(out) / "final").mkdir()
    with pytest.raises(MediaError, match="rerun to resume"):
        run(source, out)
    (folder(out) / "final").rmdir()
    assert Checkpoint(out).stored()[1][-1] == {"end": 30}


def test_when_the_join_failed_only_that_is_done_again(source, tmp_path):
    run(source, tmp_path / "whole.mkv")
    out = tmp_path / "out.mkv"
    join_failed(source, out)
    model = TemporalBox(4)
    assert run(source, out, model=model).frames == 30
    assert {frames for frames, _, _ in model.clips} == {4}  # the probe of the plan, and no window
    assert_same(out, tmp_path / "whole.mkv")
    assert names(tmp_path) == ["in.mkv", "out.mkv", "whole.mkv"]


@pytest.mark.parametrize("moved", [True, False])
def test_a_run_killed_around_the_rename_ends_well(source, tmp_path, moved):
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(source, whole)
    join_failed(source, out)
    Checkpoint(out).append({"final": whole.stat().st_size})
    whole.rename(out if moved else folder(out) / "final")
    before = (out if moved else folder(out) / "final").read_bytes()
    assert run(source, out).frames == 30
    assert out.read_bytes() == before
    assert not folder(out).exists()


def test_a_file_of_another_at_the_final_place_is_not_taken_for_ours(source, tmp_path):
    out = tmp_path / "out.mkv"
    join_failed(source, out)
    Checkpoint(out).append({"final": 12345})
    out.write_bytes(b"precious")
    with pytest.raises(MediaError, match="exists already"):
        run(source, out)
    assert out.read_bytes() == b"precious"


@contextmanager
def files_up_to(size):
    """No file can grow beyond `size` bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_a_full_disk_stops_the_join_and_nothing_is_lost(source, tmp_path, name):
    run(source, tmp_path / f"whole_{name}")
    out = tmp_path / name
    largest = (tmp_path / f"whole_{name}").stat().st_size // 2  # more than a segment, less than the whole
    with files_up_to(largest), pytest.raises(MediaError, match=r"writing failed.*rerun to resume"):
        run(source, out)
    assert not out.exists()
    assert sum("segment" in line for line in Checkpoint(out).stored()[1]) == 6
    run(source, out)
    assert_same(out, tmp_path / f"whole_{name}")
    assert not folder(out).exists()


@pytest.mark.parametrize("name", ["out.mkv", "images"])
def test_a_full_disk_stops_the_writing_with_one_line(source, tmp_path, name):
    with files_up_to(3000), pytest.raises(MediaError, match="rerun to resume") as caught:
        run(source, tmp_path / name)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["in.mkv"]  # nothing was finished
    run(source, tmp_path / name)


def test_nothing_finished_leaves_nothing(source, tmp_path):
    cut(source, tmp_path / "out.mkv", 2)
    assert names(tmp_path) == ["in.mkv"]


def test_images_continue(source, tmp_path):
    run(source, tmp_path / "whole")
    out = tmp_path / "out"
    for at in (9, 23):
        cut(source, out, at)
        assert folder(out).is_dir()
    images = folder(out) / "images"
    damaged = images / "00000004.png"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    run(source, out)
    assert names(out) == names(tmp_path / "whole")
    for name in names(out):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert names(tmp_path) == ["in.mkv", "out", "whole"]


def test_images_half_moved_are_moved_on(source, tmp_path):
    out = tmp_path / "out"
    cut(source, out, 30)
    images = folder(out) / "images"
    assert 20 < len(names(images)) <= 30
    out.mkdir()  # so that images are moved one by one
    (out / "notes.txt").write_text("x")
    with pytest.raises(MediaError, match="there already"):
        run(source, out)
    journal = folder(out) / "journal.jsonl"
    with journal.open("a") as file:
        count = len(names(images))
        file.write(json.dumps({"end": count, "final": count}) + "\n")
    (images / "00000001.png").rename(out / "00000001.png")
    assert run(source, out).frames == count
    assert len(names(out)) == count + 1
    assert not folder(out).exists()


def test_images_in_a_folder_deep_down_leave_none_behind(source, tmp_path):
    cut(source, tmp_path / "a" / "b" / "out", 0)
    assert names(tmp_path) == ["in.mkv"]
    run(source, tmp_path / "a" / "b" / "out")
    assert len(names(tmp_path / "a" / "b" / "out")) == 30


@pytest.mark.parametrize("name", ["ein film é – 日本.mkv", "x" * 247 + ".mkv", "Ж" * 125 + ".mp4"])
def test_odd_and_long_names_are_continued_too(source, tmp_path, name):
    out = tmp_path / name
    cut(source, out, 29)
    assert folder(out).is_dir()
    run(source, out)
    assert len(pictures(out)) == 30
    assert names(tmp_path) == sorted(["in.mkv", name])


def test_a_name_too_long_for_the_output_is_refused_with_the_way_out(source, tmp_path):
    long = tmp_path / f"{'x' * 250}.mkv"
    source.rename(long)
    with pytest.raises(MediaError, match=r"has 257 bytes, file systems take 255; give a shorter one \(-o\)"):
        run(long, None)
