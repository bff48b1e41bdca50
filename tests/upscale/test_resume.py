"""A run that was cut off, anywhere, and continued gives what one run gives."""

import json
import resource
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from fake_networks import Nearest, TemporalBox, make_frames, make_info
from tcnet.errors import MediaError, UsageError
from tcnet.inference import UpscaleOptions
from tcnet.inference.plan import MeasuredSpeed
from tcnet.upscale import plan_video, upscale_video
from tcnet.upscale.output.checkpoint import Checkpoint
from tcnet.video import EncodeOptions, ReadOptions, open_sink, open_source

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=4)
LOSSLESS = EncodeOptions(codec="ffv1", pixel_format="bgr0")


class CutError(Exception):
    """Stops a run."""


@pytest.fixture
def source(tmp_path):
    """Noise, so that no two frames are alike; 30 of them."""
    path = tmp_path / "in.mkv"
    sink = open_sink(path, info=make_info(None), options=LOSSLESS)
    for frame in make_frames(30):
        sink.write(frame)
    sink.finish()
    return path


def run(source, output, *, stop_at=None, model=None, **changes):
    """Upscale in segments of 5 frames; raise CutError when `stop_at` frames are computed."""

    def progress(now):
        if now.frames_done == stop_at:
            raise CutError

    arguments = {"options": OPTIONS, "encode": EncodeOptions(crf=20), "segment_frames": 5} | changes
    return upscale_video(source, output, model=model or TemporalBox(4), progress=progress, **arguments)


def cut(source, output, at, **changes):
    with pytest.raises(CutError):
        run(source, output, stop_at=at, **changes)
    assert not output.exists()


def pictures(path):
    with open_source(path) as reader:
        return [(frame.seconds, frame.duration, frame.pixels) for frame in reader]


def assert_same(path, expected):
    got, wanted = pictures(path), pictures(expected)
    assert len(got) == len(wanted)
    for (time, duration, pixels), (time2, duration2, pixels2) in zip(got, wanted, strict=True):
        assert (time, duration) == (time2, duration2)
        np.testing.assert_array_equal(pixels, pixels2)


def folder(output):
    return Checkpoint(output).path


def names(path):
    return sorted(entry.name for entry in path.iterdir())


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


def test_the_plan_of_the_first_run_holds(source, tmp_path):
    """What is left to choose depends on the memory there is, which is another the next time."""
    run(source, tmp_path / "whole.mkv", options=replace(OPTIONS, window=None))
    out = tmp_path / "out.mkv"
    free = replace(OPTIONS, window=None, overlap=None)
    cut(source, out, 29, options=free)
    header, lines = Checkpoint(out).stored()
    assert header["plan"]["window"] == 56
    header["plan"]["window"] = 16
    journal = folder(out) / "journal.jsonl"
    journal.write_text("".join(json.dumps(line) + "\n" for line in [header, *lines]))
    told = []
    run(source, out, options=free, on_plan=told.append)
    assert told[0].window == 16


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


@pytest.fixture
def speed(monkeypatch):
    """Sets the seconds for a frame that plans measure."""

    def set_to(seconds):
        measured = MeasuredSpeed(seconds / (24 * 32))
        monkeypatch.setattr("tcnet.inference.plan.measure_speed", lambda compute, layout: measured)

    return set_to


def test_a_continued_run_has_the_segments_it_began_with(source, tmp_path, speed):
    speed(200)
    free = {"segment_frames": None, "model": TemporalBox(7)}  # not exact in windows, so that they show
    whole = run(source, tmp_path / "whole.mkv", **free)
    assert whole.plan.segment_frames == 8
    out = tmp_path / "out.mkv"
    cut(source, out, 19, **free)
    assert len(list(folder(out).glob("*.segment"))) in (2, 3)  # the third may be begun
    speed(0.01)
    assert plan_video(source, out, model=TemporalBox(7), options=OPTIONS).segment_frames == 8
    with pytest.raises(UsageError, match=r"segment frames \(then 8, now 48\)"):
        run(source, out, segment_frames=48, model=TemporalBox(7))
    assert run(source, out, **free).frames == 30
    assert_same(out, tmp_path / "whole.mkv")


def test_images_are_computed_in_the_same_windows_when_a_run_is_continued(source, tmp_path, speed):
    speed(200)
    free = {"segment_frames": None, "model": TemporalBox(7)}
    run(source, tmp_path / "whole", **free)
    cut(source, tmp_path / "out", 19, **free)
    speed(0.01)
    run(source, tmp_path / "out", **free)
    assert_same(tmp_path / "out", tmp_path / "whole")
