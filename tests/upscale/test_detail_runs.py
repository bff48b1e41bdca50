"""The detail of a model belongs to a run: to its plan, its checkpoint, and to all machines that compute it."""

import json
from dataclasses import replace

import pytest
from cut_runs import OPTIONS, assert_same, cut, folder, run

from detail_models import write_detail_models
from fake_networks import make_frames, make_info, make_scenes
from tcnet.cluster.messages import read_done, segment_message
from tcnet.cluster.worker import Worker
from tcnet.errors import UsageError
from tcnet.inference import Upscaler
from tcnet.inference.compute import Statistics
from tcnet.inference.upscaler import split_scenes
from tcnet.models import load_model
from tcnet.upscale import plan_video
from tcnet.upscale.executor import Work
from tcnet.upscale.segment_input import iter_segment_inputs
from tcnet.video import EncodeOptions, open_sink
from tcnet.video.images import encode_png


@pytest.fixture
def vivid(tmp_path):
    (tmp_path / "models").mkdir()
    return str(write_detail_models(tmp_path / "models"))


@pytest.fixture
def short(tmp_path):
    path = tmp_path / "short.mkv"
    sink = open_sink(path, info=make_info(None), options=EncodeOptions(codec="ffv1", pixel_format="bgr0"))
    for frame in make_frames(11):
        sink.write(frame)
    sink.finish()
    return path


def test_a_run_is_continued_with_its_detail_given_or_not_and_refused_with_another(short, tmp_path, vivid):
    out = tmp_path / "out.mkv"
    cut(short, out, 7, model=vivid)
    header = json.loads((folder(out) / "journal.jsonl").read_text().splitlines()[0])
    assert header["detail"] == header["plan"]["detail"] == 0.75
    for detail in (0.5, 1):
        with pytest.raises(UsageError, match=rf"detail \(then 0\.75, now {detail}\), model weights"):
            run(short, out, model=vivid, options=replace(OPTIONS, detail=detail))
    told = []
    given = replace(OPTIONS, detail=0.75)  # the same as the card says
    run(short, out, model=vivid, options=given, on_plan=told.append)
    assert "continues an unfinished run" in told[0].notices[0]
    assert told[0].options.detail == 0.75
    run(short, tmp_path / "whole.mkv", model=vivid)
    assert_same(out, tmp_path / "whole.mkv")


def test_a_plan_says_the_detail_and_a_model_without_is_refused_at_once(short, tmp_path, vivid):
    assert plan_video(short, model=vivid, options=OPTIONS).options.detail == 0.75
    assert plan_video(short, model=vivid, options=OPTIONS, detail=0).options.detail == 0
    assert plan_video(short, model=vivid.replace("vivid", "plain"), options=OPTIONS).options.detail is None
    with pytest.raises(UsageError, match="has no detail to choose"):
        plan_video(short, model="tcnet-lite", detail=0.5)


def test_workers_compute_the_detail_that_was_sent(vivid):
    network = load_model(vivid, detail=0.25)
    options = replace(OPTIONS, detail=0.25)
    lr = list(make_scenes(10))
    worker = Worker()
    plan = worker.plan(make_info(10), network, options, None)
    assert plan.options.detail == 0.25
    worker.take_on(
        "run",
        Work(network, options, 24, 32, None, make_info(None, 96, 128), wants_frames=False),
        network.identity(),
    )
    scenes = split_scenes(iter(lr), options, Statistics())
    segments = list(iter_segment_inputs(scenes, 12, 4, network.config.group_size, 10, 0))
    done = [read_done(worker.compute("run", segment_message(segment))) for segment in segments]
    expected = Upscaler(vivid, options).stream(lr, align=10)
    assert [png for each in done for png in each.encoded.files] == [
        encode_png(frame.pixels, None) for frame in expected
    ]
