"""What a run decided by itself holds when it is continued: window, segments, repeated frames."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cut_runs import LOSSLESS, OPTIONS, assert_same, cut, folder, run

from fake_networks import TemporalBox, make_frames, make_info
from tcnet.errors import UsageError
from tcnet.inference.plan import MeasuredSpeed
from tcnet.upscale import plan_video
from tcnet.upscale.output.checkpoint import Checkpoint
from tcnet.video import EncodeOptions, open_sink


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


def test_near_repeats_are_decided_alike_when_a_run_is_continued(tmp_path):
    source = tmp_path / "in.mkv"
    sink = open_sink(source, info=make_info(None), options=LOSSLESS)
    for i, frame in enumerate(make_frames(30)):
        sink.write(replace(frame, pixels=np.full_like(frame.pixels, 90 + i)))  # a fade, 3 frames a step
    sink.finish()
    near = {
        "options": replace(OPTIONS, repeated="near", scene_cuts=False),
        "encode": EncodeOptions(codec="ffv1"),
    }
    whole = run(source, tmp_path / "whole.mkv", **near)
    assert 0 < whole.repeated_frames < 20
    out = tmp_path / "out.mkv"
    cut(source, out, 17, **near)
    with pytest.raises(UsageError, match=r"repeated \(then near, now exact\)"):
        run(source, out)
    run(source, out, **near)
    assert_same(out, tmp_path / "whole.mkv")


def test_an_option_that_a_journal_does_not_know_yet_had_its_default(source, tmp_path):
    out = tmp_path / "out.mkv"
    cut(source, out, 29)
    header, lines = Checkpoint(out).stored()
    del header["options"]["repeated"], header["plan"]["repeated"], header["read"]["deinterlace"]
    journal = folder(out) / "journal.jsonl"
    journal.write_text("".join(json.dumps(line) + "\n" for line in [header, *lines]))
    with pytest.raises(UsageError, match=r"repeated \(then exact, now near\)"):
        run(source, out, options=replace(OPTIONS, repeated="near"))
    assert run(source, out).frames == 30
